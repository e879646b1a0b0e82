// SPDX-License-Identifier: Apache-2.0
// A driver: binds "irq" to "event", counts interrupts in word 0 of "out".
#include "capos/schema/devices.hpp"
#include "child.hpp"

namespace conformance {

int drive(const Child& child) noexcept {
  auto interrupt = child.runtime.need<schema::Interrupt>("irq");
  auto event = child.runtime.need<schema::Notification>("event");
  std::uint64_t* const out = child.out();
  const auto bound = interrupt->bind([&](auto params, runtime::Transfers& transfers) {
    params.set_notification(transfers.add(event.cap()));
    params.set_bits(1);
  });
  if (!bound.has_value()) return 100 + bound.error().detail;
  const bool acknowledges = child.argument() == 0;
  for (std::uint64_t count = 1;; ++count) {
    if (!event->wait().has_value()) return 91;
    publish(out[0], count);
    if (acknowledges && !interrupt->acknowledge().has_value()) return 92;
  }
}

int use_timer(const Child& child) noexcept {
  auto timer = child.runtime.need<schema::EventTimer>("event-timer");
  const auto started = timer->start(1, 0);
  const auto cancelled = timer->cancel();
  const auto status = timer->status();
  if (started.has_value() || cancelled.has_value() || status.has_value()) return 90;
  const int detail = started.error().detail;
  return cancelled.error().detail == detail && status.error().detail == detail ? detail : 91;
}

}  // namespace conformance
