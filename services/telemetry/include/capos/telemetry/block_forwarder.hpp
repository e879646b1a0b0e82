// SPDX-License-Identifier: Apache-2.0
// Carries the blocks that a program records (abi/recording.hpp) from its ring into the host's channel.
//
// The program makes the ring when it starts, which may be after this service. What it had no room for is counted as dropped.
// Bounds: a round forwards at most as many blocks as the ring holds; no allocation.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "capos/abi/recording.hpp"
#include "capos/schema/telemetry.hpp"
#include "capos/shared_buffer/consumer.hpp"
#include "capos/telemetry/channel_writer.hpp"

namespace capos::telemetry {

class BlockForwarder {
 public:
  explicit BlockForwarder(std::span<std::byte> memory) noexcept : memory_(memory) {}

  // What is there now.
  void forward(ChannelWriter& channel) noexcept {
    if (!attach()) return;
    const std::uint64_t before = ring_->lost() + ring_->stale_slots();
    for (std::uint64_t left = ring_->available(); left != 0; --left) {
      if (const auto item = ring_->pop(); item.has_value()) append(channel, item->element);
    }
    channel.count_dropped(ring_->lost() + ring_->stale_slots() - before);
  }

 private:
  [[nodiscard]] bool attach() noexcept {
    if (ring_) return true;
    const auto attached = RingConsumer<abi::RecordedBlock>::attach(memory_);
    if (attached.has_value()) ring_ = *attached;
    return attached.has_value();
  }

  static void append(ChannelWriter& channel, const abi::RecordedBlock& block) noexcept {
    constexpr std::uint32_t kProgramBit = 0x8000'0000, kProgramMask = 0xffff;
    for (std::size_t part = 0; part < abi::kRecordedParts; ++part) {
      std::uint64_t v[abi::kRecordedPartBytes / sizeof(std::uint64_t)];
      std::memcpy(v, block.bytes.data() + part * abi::kRecordedPartBytes, sizeof v);
      const schema::TraceEvent::Value value{.time_ns = block.number,
                                            .kind = schema::EventKind::block,
                                            .cpu = static_cast<std::uint16_t>(part),
                                            .source = kProgramBit | (static_cast<std::uint32_t>(block.program) & kProgramMask),
                                            .a = v[0], .b = v[1], .c = v[2], .d = v[3], .e = v[4], .f = v[5]};
      EventWords words{};
      value.to_words(words.data());
      channel.append(words);
    }
  }

  std::span<std::byte> memory_;
  std::optional<RingConsumer<abi::RecordedBlock>> ring_;
};

}  // namespace capos::telemetry
