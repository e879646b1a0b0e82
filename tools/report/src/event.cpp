// SPDX-License-Identifier: Apache-2.0
#include "capos/report/event.hpp"

#include <algorithm>
#include <span>

namespace capos::report {
namespace {

std::string_view name_at(std::span<const std::string_view> names, std::uint64_t index) noexcept {
  return index < names.size() ? names[index] : std::string_view("unknown");
}

}  // namespace

Event Event::from_words(const std::array<std::uint64_t, 8>& words) noexcept {
  const auto raw = schema::TraceEvent::Value::from_words(words.data(), static_cast<unsigned>(words.size()));
  return {raw.time_ns, raw.kind, raw.cpu, raw.source, {raw.a, raw.b, raw.c, raw.d, raw.e, raw.f}};
}

std::array<std::uint64_t, 8> Event::to_words() const noexcept {
  const schema::TraceEvent::Value raw{time_ns,   kind,      cpu,       source,    values[0],
                                      values[1], values[2], values[3], values[4], values[5]};
  std::array<std::uint64_t, 8> words{};
  raw.to_words(words.data());
  return words;
}

Job Job::from_event(const Event& event) noexcept {
  const auto words = event.to_words();
  const auto raw = schema::JobEvent::Value::from_words(words.data(), static_cast<unsigned>(words.size()));
  Job job;
  job.finish_ns = raw.finish_ns;
  job.release_ns = raw.release_ns;
  job.start_ns = raw.start_ns;
  job.deadline_ns = raw.deadline_ns;
  job.consumed_ns = raw.consumed_ns;
  job.source = raw.source;
  job.index = raw.index;
  job.preemptions = raw.preemptions;
  job.by_whom = raw.by_whom;
  job.cpu = raw.cpu;
  job.cause = raw.cause;
  job.overran = raw.overran;
  job.abandoned = raw.abandoned;
  return job;
}

Event Job::to_event() const noexcept {
  schema::JobEvent::Value raw;
  raw.finish_ns = finish_ns;
  raw.kind = Kind::job;
  raw.cpu = cpu;
  raw.source = source;
  raw.release_ns = release_ns;
  raw.start_ns = start_ns;
  raw.deadline_ns = deadline_ns;
  raw.consumed_ns = consumed_ns;
  raw.index = index;
  raw.cause = cause;
  raw.overran = overran;
  raw.abandoned = abandoned;
  raw.preemptions = preemptions;
  raw.by_whom = by_whom;
  std::array<std::uint64_t, 8> words{};
  raw.to_words(words.data());
  return Event::from_words(words);
}

std::uint64_t Job::response_ns() const noexcept {
  return finish_ns > release_ns ? finish_ns - release_ns : 0;
}
std::uint64_t Job::wakeup_ns() const noexcept { return start_ns > release_ns ? start_ns - release_ns : 0; }

std::string_view describe(Cause cause) noexcept {
  static constexpr std::string_view kNames[] = {"none",     "budget spent",      "late wake-up", "preempted",
                                                "ran long", "previous job late", "input late",   "no input"};
  return name_at(kNames, static_cast<std::uint64_t>(cause));
}

std::string_view describe(DriveState state) noexcept {
  static constexpr std::string_view kNames[] = {"idle", "driving", "holding", "released", "stopped"};
  return name_at(kNames, static_cast<std::uint64_t>(state));
}

std::string_view describe(schema::InterruptCause cause) noexcept {
  static constexpr std::string_view kNames[] = {"timer: release", "timer: budget end", "timer: slice",
                                                "timer: quantum", "timer: sleep",      "mailbox",
                                                "device",         "spurious",          "timer: early"};
  return name_at(kNames, static_cast<std::uint64_t>(cause));
}

std::string_view consequence_name(std::uint64_t value) noexcept {
  static constexpr std::string_view kNames[] = {"runs late", "skips releases", "held until its next release", "stopped for good",
                                                "stopped with its island", "demoted below its island's others",
                                                "runs at its own priority again", "its fallback runs instead",
                                                "runs again instead of its fallback"};
  return name_at(kNames, value);
}

std::string_view feature_name(unsigned bit) noexcept {
  static constexpr std::string_view kNames[] = {
      "nx",           "smep",          "smap", "umip",    "xsave",    "avx",    "x2apic",
      "tsc_deadline", "invariant_tsc", "pcid", "page_1g", "fsgsbase", "rdtscp", "hypervisor"};
  return name_at(kNames, bit);
}

std::string_view mitigation_of(unsigned bit) noexcept {
  static constexpr std::string_view kGives[] = {
      "no page both writable and executable (NX)", "kernel never executes user pages (SMEP)",
      "kernel never reads user pages by accident (SMAP)", "descriptor tables hidden from programs (UMIP)",
      "vector state switched eagerly (XSAVE)"};
  return bit < std::size(kGives) ? kGives[bit] : std::string_view();
}

}  // namespace capos::report
