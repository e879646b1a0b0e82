// SPDX-License-Identifier: Apache-2.0
// The telemetry service's work: carries events from every CPU's ring to the host's channel, in rounds.
//
// It learns from the events themselves when the islands start and end, and counts interrupts between the two.
// Bounds: a round is linear in the events there are; no allocation.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "capos/schema/telemetry.hpp"
#include "capos/telemetry/block_forwarder.hpp"
#include "capos/telemetry/channel_writer.hpp"
#include "capos/telemetry/ring_reader.hpp"

namespace capos::telemetry {

inline constexpr std::size_t kMaxCpus = 16;
inline constexpr std::uint64_t kRoundNs = 5'000'000;

class Recorder {
 public:
  // rings: one for each CPU of the channel, in order; they, the channel and the blocks (null: none) outlive the recorder.
  Recorder(std::span<RingReader> rings, ChannelWriter& channel, BlockForwarder* blocks = nullptr) noexcept
      : rings_(rings.first(std::min(rings.size(), kMaxCpus))), channel_(channel), blocks_(blocks) {
    channel_.set_state(abi::HostRunState::booting);
  }

  // Carries over what there is at `now_ns`.
  void round(std::uint64_t now_ns) noexcept {
    for (RingReader& ring : rings_) {
      ring.drain([this](const EventWords& event) {
        observe(event);
        channel_.append(event);
      });
    }
    if (blocks_ != nullptr) blocks_->forward(channel_);
    for (std::size_t cpu = 0; cpu < rings_.size(); ++cpu) count(cpu, now_ns);
    if (retired_) counting_ = false;
    channel_.publish(now_ns);
  }
  // The last round.
  void finish(std::uint64_t now_ns) noexcept {
    round(now_ns);
    channel_.set_state(abi::HostRunState::finished);
  }
  // When the next round is due. The islands' first release has one at its instant: from there interrupts are
  // counted.
  [[nodiscard]] std::uint64_t next_round(std::uint64_t now_ns) const noexcept {
    const std::uint64_t next = now_ns + kRoundNs;
    return start_ns_ > now_ns && start_ns_ < next ? start_ns_ : next;
  }

 private:
  void observe(const EventWords& event) noexcept {
    const auto value = schema::TraceEvent::Value::from_words(event.data(), kEventWords);
    if (value.kind != schema::EventKind::island) return;
    constexpr std::uint64_t kActivated = 1, kRetired = 2;
    if (value.a == kActivated) {
      ++active_;
      if (start_ns_ == 0) begin(value.b != 0 ? value.b : value.time_ns);
    } else if (value.a == kRetired && active_ > 0 && --active_ == 0) {
      retired_ = true;
    }
  }
  void begin(std::uint64_t start_ns) noexcept {
    start_ns_ = start_ns;
    counting_ = true;
    channel_.set_islands_start(start_ns);
    channel_.set_state(abi::HostRunState::running);
  }
  void count(std::size_t cpu, std::uint64_t now_ns) noexcept {
    const RingReader& ring = rings_[cpu];
    abi::HostCpuCounters& counters = channel_.counters(cpu);
    const bool before = start_ns_ == 0 || now_ns <= start_ns_;
    for (std::size_t cause = 0; cause < abi::kInterruptCauses; ++cause) {
      const std::uint64_t count = ring.interrupts(cause);
      counters.interrupts[cause] = count;
      if (before) baseline_[cpu][cause] = count;
      if (counting_) counters.interrupts_island[cause] = count - baseline_[cpu][cause];
    }
    counters.idle_ns = ring.idle_ns();
    counters.context_switches = ring.context_switches();
    counters.lost_events = ring.lost();
  }

  std::span<RingReader> rings_;
  ChannelWriter& channel_;
  BlockForwarder* blocks_;
  std::uint64_t start_ns_ = 0;
  std::uint32_t active_ = 0;
  bool counting_ = false, retired_ = false;
  std::array<std::array<std::uint64_t, abi::kInterruptCauses>, kMaxCpus> baseline_{};
};

}  // namespace capos::telemetry
