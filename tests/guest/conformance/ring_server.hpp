// SPDX-License-Identifier: Apache-2.0
// A child that serves by its ring, and calls of it by hand.
#pragma once

#include "ring_hand.hpp"

namespace conformance::hand {

inline constexpr std::uint64_t kEcho = schema::Echo::kInterfaceId;
inline constexpr std::uint64_t kWait = 500 * kMillisecond;
inline constexpr std::uint32_t kStride = 2048;  // of one call's areas

class RingServer {
 public:
  RingServer(Guest& guest, std::uint32_t areas, std::uint64_t minimum_budget = 0) noexcept
      : service(make_service(guest, minimum_budget)), event(make_notification(guest)),
        grants_{Grant{"serve", service.endpoint.cap()}, Grant{"event", event.cap()}},
        child(guest, {.role = Role::ring_server, .argument = areas, .grants = grants_}) {
    good = child.becomes_ready();
  }
  [[nodiscard]] CapSqe entry(RingMethod method, std::uint64_t user_data, std::uint64_t a = 0, std::uint8_t flags = 0) const noexcept {
    const auto area = static_cast<std::uint32_t>(user_data % 24) * kStride;
    CapSqe made = call_of(service.client.cap(), kEcho, static_cast<std::uint16_t>(method), user_data, area, place(area, a));
    made.flags = flags;
    return made;
  }
  void push(RingMethod method, std::uint64_t user_data, std::uint64_t a = 0, std::uint8_t flags = 0) const noexcept {
    hand::push(entry(method, user_data, a, flags));
  }
  Service service;
  Notice event;

 private:
  Grant grants_[2];

 public:
  Child child;
  bool good = false;
};

inline std::uint64_t result(std::uint64_t user_data, std::uint32_t index = 0) noexcept {
  return *arena_word(static_cast<std::uint32_t>(user_data % 24) * kStride + 1024 + 8 + 8 * index);
}
// The server's own count.
inline std::uint64_t report(const RingServer& server, std::uint32_t index) noexcept {
  server.push(RingMethod::report, 23);
  (void)runtime::cap_enter(1, kWait);
  return is(pop(), 23) ? result(23, index) : ~std::uint64_t{0};
}

}  // namespace conformance::hand
