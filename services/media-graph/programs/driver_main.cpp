// SPDX-License-Identifier: Apache-2.0
// media-driver: stands in for a sound device. Its releases are the device's clock: in each cycle it takes the block that was
// made in the cycle before and plays it, or silence, and records what it played for the host.
//
// Capabilities: "in" (BufferConsumer), "record" (BufferProducer), "trace" (TraceSource).
#include <bit>

#include "capos/abi/recording.hpp"
#include "node.hpp"

namespace {

using namespace capos;
using namespace capos::media;

using RecordRing = RingProducer<abi::RecordedBlock>;

RecordRing need_record(const runtime::Runtime& runtime) noexcept {
  const auto memory = need_side<schema::BufferProducer>(runtime, "record");
  const std::uint32_t capacity = ring_capacity_for<abi::RecordedBlock>(memory.size());
  if (capacity < 2 || !create_ring<abi::RecordedBlock>(memory, capacity, RingWaits::never).has_value())
    refuse("the ring \"record\" holds less than two blocks");
  const auto ring = RecordRing::attach(memory);
  if (!ring.has_value()) refuse("the ring \"record\" does not attach");
  return *ring;
}

abi::RecordedBlock played(const AudioBlock& block, Time now, std::uint64_t program) noexcept {
  constexpr std::uint64_t kMost = ~std::uint32_t{0};
  PlayedBlock out{.released_ns = block.released_ns, .samples = block.samples};
  const std::uint64_t latency = block.released_ns == 0 ? 0 : now.ns() - block.released_ns;
  out.latency_ns = static_cast<std::uint32_t>(latency < kMost ? latency : kMost);
  out.silent = block.silent != 0 ? 1 : 0;
  return {block.cycle, program, std::bit_cast<std::array<std::byte, abi::kRecordedBytes>>(out)};
}

}  // namespace

int program_main(capos::runtime::Runtime& runtime) {
  wire::MessageReader message(runtime::read_config(runtime));
  const auto config = node_config(message);
  if (!config.is_driver()) refuse("not a driver's configuration");
  BlockInput input = need_input(runtime);
  RecordRing record = need_record(runtime);
  XrunTeller xruns(runtime);
  runtime::PeriodicJob job(runtime);
  const Slowness slowness(config.fault(), job);
  while (const auto release = job.wait_next_release()) {
    if (release->index == 0) continue;  // nothing was made yet
    const std::uint64_t cycle = release->index - 1;
    slowness.strike(release->index);
    const auto taken = input.take(cycle);
    xruns.tell(cycle, taken.xrun);
    // A full ring shows as a gap in the stamps, which the reader counts.
    (void)record.push(played(taken.block, release->actual, runtime.number()));
  }
  return 0;
}
