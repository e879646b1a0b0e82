// SPDX-License-Identifier: Apache-2.0
// Capabilities: what names nothing, what is stale, forged, or called by another interface than its own.
#include "capos/runtime/system_call.hpp"
#include "authority.hpp"

namespace conformance {
namespace {

using schema::Timer;

constexpr std::uint64_t kTimer = Timer::kInterfaceId;

void null_refused(Guest& guest) noexcept {
  CHECK(raw_call(abi::CapId{}, kTimer, 0).status == status_of(TransportError::invalid_cap));
  CHECK(transport(Capability<Timer>(abi::CapId{})->now(), TransportError::invalid_cap));
}

void slots_out_of_range(Guest& guest) noexcept {
  for (const std::uint32_t slot : {127u, 128u, 65'535u, 65'536u, 0x7fff'ffffu, 0xffff'ffffu}) {
    CHECK(raw_call(abi::CapId::make(slot, 1), kTimer, 0).status == status_of(TransportError::invalid_cap));
  }
}

void stale_after_release(Guest& guest) noexcept {
  auto notification = make_notification(guest);
  CHECK(notification);
  const abi::CapId id = notification.cap();
  CHECK(notification->poll().has_value());
  CHECK(runtime::call_ring().release(id).has_value());
  CHECK(transport(Capability<schema::Notification>(id)->poll(), TransportError::invalid_cap));
  CHECK(transport(runtime::call_ring().release(id), TransportError::invalid_cap));
  (void)notification.leak();
}

void slot_reused_with_new_generation(Guest& guest) noexcept {
  auto first = make_notification(guest);
  const abi::CapId old = first.cap();
  CHECK(runtime::call_ring().release(first.leak().cap()).has_value());
  auto second = make_notification(guest);
  CHECK(second.cap().slot() == old.slot());
  CHECK(second.cap().generation() == old.generation() + 1);
  CHECK(transport(Capability<schema::Notification>(old)->poll(), TransportError::invalid_cap));
  CHECK(second->poll().has_value());
}

void forged_generation(Guest& guest) noexcept {
  const abi::CapId real = guest.timer.cap();
  for (const std::uint32_t forged : {0u, real.generation() + 1, real.generation() - 1, 0xffff'ffffu}) {
    if (forged == real.generation()) continue;
    CHECK(raw_call(abi::CapId::make(real.slot(), forged), kTimer, 0).status ==
          status_of(TransportError::invalid_cap));
  }
}

void wrong_interface(Guest& guest) noexcept {
  for (const std::uint64_t interface_id :
       {schema::Notification::kInterfaceId, std::uint64_t{0}, ~std::uint64_t{0}}) {
    const RawCall call = raw_call(guest.timer.cap(), interface_id, 0);
    CHECK(call.status == status_of(TransportError::exception));
    CHECK((call.exception & 0xffff) == static_cast<std::uint64_t>(ExceptionType::unimplemented));
  }
}

void unknown_method(Guest& guest) noexcept {
  for (const std::uint16_t method : {std::uint16_t{4}, std::uint16_t{0x7fff}, std::uint16_t{0xffff}}) {
    const RawCall call = raw_call(guest.timer.cap(), kTimer, method);
    CHECK(call.status == status_of(TransportError::exception));
    CHECK((call.exception & 0xffff) == static_cast<std::uint64_t>(ExceptionType::unimplemented));
  }
}

void message_method_by_registers(Guest& guest) noexcept {
  const RawCall call = raw_call(guest.frames.cap(), schema::FrameAllocator::kInterfaceId, 0, 1);
  CHECK(call.status == status_of(TransportError::invalid_message));
}

void unknown_system_call(Guest& guest) noexcept {
  for (const std::uint64_t operation : {0x60u, 0x7fu, 0x80u, 0xffu}) {
    runtime::Registers registers;
    registers.operation = operation;
    registers.cap = guest.timer.cap().raw;
    runtime::enter_kernel(registers);
    CHECK(registers.status() == status_of(TransportError::invalid_operation));
  }
}

// What the convention does not name is ignored: the high bits of the operation word.
void words_not_given_are_zero(Guest& guest) noexcept {
  const RawCall call = raw_call(guest.timer.cap(), kTimer, Timer::Now::kOrdinal, 77, 78);
  CHECK(call.status == 0 && call.exception == 0);
  for (unsigned i = 1; i < abi::kRegisterWords; ++i) CHECK(call.words[i] == 0);
}

void receive_on_what_is_no_endpoint(Guest& guest) noexcept {
  const auto service = make_service(guest);
  for (const abi::CapId cap : {abi::CapId{}, guest.timer.cap(), service.client.cap()}) {
    runtime::Registers registers;
    registers.operation = static_cast<std::uint64_t>(abi::SystemCall::reply_receive);
    registers.cap = cap.raw;
    runtime::enter_kernel(registers);
    CHECK(registers.status() == status_of(TransportError::invalid_cap));
  }
}

// A child fills its table and dies; the table ends by its size, not by a crash.
void table_full(Guest& guest) noexcept {
  const auto service = make_service(guest);
  const Grant grants[] = {{"serve", service.endpoint.cap()}};
  // Capabilities enough need more kernel memory than what comes with pages.
  const Account account = make_ledger(guest, {.frames = 1024, .kernel_bytes = 8u << 20});
  Child child(guest, {.role = Role::fill_table, .grants = grants, .ledger = account.cap()});
  CHECK(child.exits(0));
}

constexpr Case kCases[] = {
    {"capability null", null_refused},
    {"capability slots out of range", slots_out_of_range},
    {"capability stale after release", stale_after_release},
    {"capability slot reused with a new generation", slot_reused_with_new_generation},
    {"capability of a forged generation", forged_generation},
    {"call by a wrong interface", wrong_interface},
    {"call of an unknown method", unknown_method},
    {"call of a message method by registers", message_method_by_registers},
    {"system call unknown", unknown_system_call},
    {"call answers zero in words not given", words_not_given_are_zero},
    {"receive on what is no endpoint", receive_on_what_is_no_endpoint},
    {"capability table full", table_full},
};

}  // namespace

std::span<const Case> capability_cases() noexcept { return kCases; }

}  // namespace conformance
