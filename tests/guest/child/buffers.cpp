// SPDX-License-Identifier: Apache-2.0
// The two ends of a shared buffer, as programs of their own.
#include "capos/runtime/buffer_end.hpp"
#include "capos/shared_buffer/consumer.hpp"
#include "capos/shared_buffer/producer.hpp"
#include "child.hpp"

namespace conformance {

// Offers 1 to argument, and ends without a word.
int produce(const Child& child) noexcept {
  auto side = runtime::BufferSide::claim(child.runtime.need<schema::BufferProducer>("producer"));
  if (!side.has_value()) return 100 + side.error().detail;
  (void)create_ring<std::uint64_t>(side->memory(), 64);
  auto ring = RingProducer<std::uint64_t>::attach(side->memory());
  if (!ring.has_value()) return 90;
  if (!side->wake_peer().has_value()) return 91;
  for (std::uint64_t value = 1; value <= child.argument();) {
    const auto pushed = ring->push(value);
    if (!pushed.has_value()) {
      if (ring->prepare_sleep() && !side->wait().has_value()) return 92;
      ring->finish_sleep();
      continue;
    }
    if (*pushed == PushOutcome::wake_needed && !side->wake_peer().has_value()) return 93;
    ++value;
  }
  return 0;
}

// Adds up what comes: word 0 counts, word 1 sums. Ends with 10 + the peer's state once that is over and all is taken.
int consume(const Child& child) noexcept {
  std::uint64_t* const out = child.out();
  auto side = runtime::BufferSide::claim(child.runtime.need<schema::BufferConsumer>("consumer"));
  if (!side.has_value()) return 100 + side.error().detail;
  auto ring = RingConsumer<std::uint64_t>::attach(side->memory());
  while (!ring.has_value()) {
    if (!side->wait().has_value()) return 90;
    ring = RingConsumer<std::uint64_t>::attach(side->memory());
  }
  for (;;) {
    const auto item = ring->pop();
    if (item.has_value()) {
      publish(out[1], out[1] + item->element);
      publish(out[0], out[0] + 1);
      if (item->wake_needed) (void)side->wake_peer();
      continue;
    }
    const auto peer = side->peer();
    if (!peer.has_value()) return 91;
    if (*peer > schema::BufferState::attached && ring->available() == 0) return 10 + static_cast<int>(*peer);
    if (ring->prepare_sleep() && !side->wait().has_value()) return 92;
    ring->finish_sleep();
  }
}

// Tries another process's end.
int use_foreign_end(const Child& child) noexcept {
  const auto mapped = child.runtime.need<schema::BufferEnd>("end")->map(0);
  return mapped.has_value() ? 1 : 100 + mapped.error().detail;
}

}  // namespace conformance
