// SPDX-License-Identifier: Apache-2.0
// PARK and UNPARK by a child's ring.
#include "capos/runtime/ring.hpp"
#include "capos/runtime/system_call.hpp"
#include "capos/schema/threads.hpp"
#include "child.hpp"

namespace conformance {
namespace {

using abi::CapSqe;
using abi::RingOperation;
using runtime::call_ring;

constexpr std::uint64_t kForever = ~std::uint64_t{0};

CapSqe entry_of(RingOperation operation, std::uint64_t user_data, std::uint64_t cap, std::uint64_t word,
                std::uint32_t value) noexcept {
  CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(operation);
  entry.user_data = user_data;
  entry.cap = cap;
  entry.interface_id = word;
  entry.params_size = value;
  return entry;
}

// As many as are taken.
int park_until_busy(const Child& child, std::uint64_t cap, std::uint64_t word) noexcept {
  static constinit abi::CapCqe kept[runtime::CallRing::kept_for(128)];
  const auto control = child.runtime.need<schema::ThreadControl>("self.thread").cap();
  if (!call_ring().resize(control, 128, kept).has_value()) return 200;
  for (int parked = 0; parked < 140; ++parked) {
    const auto entry = entry_of(RingOperation::park, static_cast<std::uint64_t>(parked), cap, word, 0);
    if (!call_ring().submit(entry)) return 201;
    if (call_ring().enter(0, 0) == 0) continue;
    const auto refusal = call_ring().reap();
    constexpr auto kBusy = static_cast<std::uint32_t>(schema::ExceptionType::overloaded) |
                           static_cast<std::uint32_t>(schema::KernelError::busy) << 16;
    return refusal.has_value() && refusal->flags == kBusy ? parked : 202;
  }
  return 203;
}

}  // namespace

int park_by_ring(const Child& child) noexcept {
  static constinit std::uint32_t word = 0;
  const std::uint64_t space = child.runtime.find_any("space").raw;
  if (child.argument() == 1) {
    return park_until_busy(child, child.runtime.need<schema::ParkSpace>("self.park").cap().raw,
                           reinterpret_cast<std::uint64_t>(&word));
  }
  if (child.argument() == 2) return park_until_busy(child, space, 64);
  if (!call_ring().submit(entry_of(RingOperation::park, 1, space, child.argument(), 0))) return 201;
  return -call_ring().await(1).result;
}

int wait_under_lease(const Child& child) noexcept {
  const std::uint64_t space = child.runtime.find_any("space").raw, event = child.runtime.find_any("event").raw;
  const auto status = [](const auto& result) { return result.has_value() ? 0 : static_cast<int>(result.error().transport); };
  switch (static_cast<LeasedWait>(child.argument())) {
    case LeasedWait::notification: return status(child.runtime.need<schema::Notification>("event")->wait());
    case LeasedWait::process: return status(child.runtime.need<schema::ProcessHandle>("process")->wait());
    case LeasedWait::park:
      return status(child.runtime.need<schema::SharedParkSpace>("space")->park(64, 0, kForever));
    case LeasedWait::park_timed:
      return status(child.runtime.need<schema::SharedParkSpace>("space")->park(64, 0, 3'000'000'000'000));
    case LeasedWait::ring_notify: (void)call_ring().submit(entry_of(RingOperation::notify, 1, event, 0, 0)); break;
    case LeasedWait::ring_park: (void)call_ring().submit(entry_of(RingOperation::park, 1, space, 64, 0)); break;
    case LeasedWait::all_by_ring: {
      for (std::uint64_t i = 0; i < 12; ++i) (void)call_ring().submit(entry_of(RingOperation::park, i, space, 64 + 4 * i, 0));
      int ended = 0;
      for (std::uint64_t i = 0; i < 12; ++i) {
        ended += call_ring().await(i).result == -static_cast<std::int32_t>(schema::TransportError::disconnected) ? 1 : 0;
      }
      return ended;
    }
  }
  return -call_ring().await(1).result;
}

int unpark_by_ring(const Child& child) noexcept {
  const bool for_ever = child.argument() % 2 != 0;
  const std::uint64_t space = child.runtime.find_any("space").raw;
  for (;;) {
    if (!call_ring().submit(entry_of(RingOperation::unpark, 1, space, child.argument() & ~1u, 1))) return 201;
    const auto done = call_ring().await(1);
    if (done.result != 0) return 202;
    if (done.value != 0 && !for_ever) return static_cast<int>(done.value);
    child.sleep(7'000);
  }
}

}  // namespace conformance
