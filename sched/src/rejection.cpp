// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/certificate.hpp"

namespace capos::sched {

std::string_view describe(Rejection reason) noexcept {
  switch (reason) {
    case Rejection::format:
      return "unknown certificate format";
    case Rejection::overheads:
      return "made for other kernel overheads than this machine's";
    case Rejection::no_tasks:
      return "no tasks";
    case Rejection::too_many_tasks:
      return "too many tasks";
    case Rejection::cpu_not_available:
      return "a CPU is absent or not for lease";
    case Rejection::cpu_not_leased:
      return "a task is on a CPU that its island does not lease";
    case Rejection::period:
      return "period out of range";
    case Rejection::budget:
      return "budget below the minimum or above the deadline";
    case Rejection::deadline:
      return "deadline longer than the period";
    case Rejection::negative:
      return "a duration is negative or implausibly long";
    case Rejection::utilisation:
      return "the budgets of a CPU exceed it";
    case Rejection::blocking:
      return "the claimed blocking is less than a less urgent task's server call";
    case Rejection::response:
      return "the claimed response does not hold";
    case Rejection::response_exceeds_deadline:
      return "the claimed response exceeds the deadline";
    case Rejection::call:
      return "a server call has no caller, outlasts its budget, or spans CPUs";
    case Rejection::interrupt:
      return "an interrupt source is malformed";
    case Rejection::chain_path:
      return "a chain's path is malformed";
    case Rejection::chain_latency:
      return "the claimed latency of a chain does not hold";
    case Rejection::chain_exceeds_bound:
      return "the latency of a chain exceeds its bound";
    case Rejection::overflow:
      return "a sum exceeds the range of time";
    case Rejection::not_run:
      return "the kernel does not run what the island asks for";
    case Rejection::busy_window:
      return "the claimed busy window of a CPU does not hold its work";
    case Rejection::demand:
      return "more is due within a window than fits into it";
    case Rejection::demand_points:
      return "the demand has too many steps to check";
    case Rejection::consequence:
      return "a task's consequences of misses are malformed, or nothing can stand in for it";
    case Rejection::trigger:
      return "a task cannot be released by another's finish: two of them, a circle, too many, due after its period, or a fallback";
    case Rejection::islands:
      return "a task, its fallback and its chains do not belong to one island";
    case Rejection::recovery:
      return "a server's recovery is below one of its callers, on another CPU, not alone, or more than time";
  }
  return "unknown reason";
}

}  // namespace capos::sched
