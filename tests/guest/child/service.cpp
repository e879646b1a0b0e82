// SPDX-License-Identifier: Apache-2.0
// Both ends of an endpoint, by hand: every word of the register convention is seen.
#include "capos/runtime/system_call.hpp"
#include "capos/schema/load.hpp"
#include "child.hpp"

namespace conformance {
namespace {

using runtime::Registers;

constexpr std::uint64_t kReply = static_cast<std::uint64_t>(abi::SystemCall::reply_receive);
constexpr std::uint64_t kServiceInterface = schema::Echo::kInterfaceId;

void answer(Registers& registers, std::uint64_t word) noexcept {
  for (auto& each : registers.words) each = 0;
  registers.words[0] = word;
}

std::uint64_t wait_at_gate(const Child& child) noexcept {
  const auto bits = child.runtime.need<schema::Notification>("event")->wait();
  return bits.has_value() ? bits->bits : 90;
}

// Carries a call out; the registers become the reply.
void carry_out(const Child& child, Registers& registers) noexcept {
  const auto method = static_cast<Method>(registers.operation >> 32 & 0xffff);
  const bool one_way = (registers.operation & abi::kReceivedOneWay) != 0;
  const std::uint64_t a = registers.words[0], b = registers.words[1];
  registers.operation = kReply;
  switch (method) {
    case Method::increment:
      for (unsigned i = 0; i < abi::kRegisterWords; ++i) registers.words[i] += i + 1;
      return;
    case Method::exception:
      registers.operation = kReply | (a + 1) << 16;
      registers.interface_id = b;
      return;
    case Method::exit:
      runtime::exit_process(55);
    case Method::fault:
      __builtin_trap();
    case Method::busy:
      child.compute_until(child.now() + a);
      return answer(registers, a);
    case Method::sleep:
      child.sleep(a);
      return answer(registers, a);
    case Method::nested:
      return answer(registers, call_service(child, "next", static_cast<std::uint16_t>(a), b, 0));
    case Method::gate:
      return answer(registers, wait_at_gate(child));
    case Method::caller:
      return answer(registers, registers.cap);
    case Method::chain:
      return answer(registers,
                    a == 0 ? 0 : call_service(child, "next", static_cast<std::uint16_t>(Method::chain), a - 1, 0));
    case Method::note:
      (void)child.runtime.need<schema::Notification>("event")->signal(a | std::uint64_t{one_way} << 32);
      return answer(registers, a);
  }
  registers.operation = kReply | 4ull << 16;  // unimplemented
  registers.interface_id = 0;
}

}  // namespace

int serve(const Child& child) noexcept {
  const abi::CapId endpoint = child.runtime.need<schema::Endpoint>("serve").cap();
  Registers registers;
  registers.operation = kReply;
  for (;;) {
    registers.cap = endpoint.raw;
    runtime::enter_kernel(registers);
    if (registers.status() != 0) return static_cast<int>(kStatusCode) - registers.status();
    if (registers.interface_id != kServiceInterface) return 92;
    carry_out(child, registers);
  }
}

int send_note(const Child& child) noexcept {
  const std::int32_t status = runtime::send_words(child.runtime.find_any("service"), kServiceInterface,
                                                  static_cast<std::uint16_t>(Method::note), child.argument());
  return status == 0 ? 0 : static_cast<int>(kStatusCode) - status;
}

void flood(const Child& child) noexcept {
  std::uint64_t* const out = child.out();
  const auto was_refused = [](std::uint64_t status) noexcept {
    return status == static_cast<std::uint64_t>(schema::TransportError::wrong_cpu) ||
           status == static_cast<std::uint64_t>(schema::TransportError::budget_required);
  };
  for (std::uint64_t tries = 0, answered = 0;; ++tries) {
    std::uint64_t status = 0;
    switch (tries % 4) {
      case 0: status = call_service(child, "service", static_cast<std::uint16_t>(Method::increment), tries, 0) - kStatusCode; break;
      case 1: status = call_service(child, "service", static_cast<std::uint16_t>(200 + tries % 50'000), ~tries, tries) - kStatusCode; break;
      case 2: status = static_cast<std::uint64_t>(send_note(child)) - kStatusCode; break;
      default: status = call_by_ring(child, "service", static_cast<std::uint16_t>(tries), tries, ~tries) - kStatusCode; break;
    }
    if (!was_refused(status)) publish(out[1], ++answered);
    publish(out[0], tries + 1);
  }
}

std::uint64_t call_service(const Child& child, std::string_view name, std::uint16_t method, std::uint64_t a,
                           std::uint64_t b) noexcept {
  Registers registers;
  registers.operation = static_cast<std::uint64_t>(abi::SystemCall::call) | std::uint64_t{method} << 16;
  registers.cap = child.runtime.find_any(name).raw;
  registers.interface_id = kServiceInterface;
  registers.words[0] = a;
  registers.words[1] = b;
  runtime::enter_kernel(registers);
  return registers.status() == 0
             ? registers.words[0]
             : kStatusCode + static_cast<std::uint64_t>(-std::int64_t{registers.status()});
}

int run_caller_job(const Child& child) noexcept {
  auto context = child.runtime.need<schema::SchedulingContext>("self.context");
  std::uint64_t* const out = child.out();
  for (std::uint64_t jobs = 1, most = 0, skipped = 0;; ++jobs) {
    const auto release = context->wait_next_release();
    if (!release.has_value()) return 93;
    publish(out[4], skipped += release->skipped);
    const std::uint64_t result =
        call_service(child, "service", static_cast<std::uint16_t>(child.argument() & 0xff),
                     1'000 * (child.argument() >> 8), 0);
    publish(out[1], result);
    const std::uint64_t took = child.now() - release->scheduled_ns;
    most = took > most ? took : most;
    publish(out[2], took);
    publish(out[3], most);
    if (child.role() == Role::call_then_compute)
      child.compute_until(child.now() + 1'000 * (child.argument() >> 8));
    publish(out[0], jobs);
  }
}

}  // namespace conformance
