// SPDX-License-Identifier: Apache-2.0
// The two ends of a link between nodes: a ring of blocks that each belong to a cycle.
//
// A node takes the block of the cycle that it works on, and no other: what is older came too late and is passed over, and where
// nothing is, silence stands in, with the reason. So nothing that was late once stays late. Every operation is wait-free;
// nothing that the peer writes is trusted.
#pragma once

#include <optional>
#include <span>

#include "capos/media/block.hpp"
#include "capos/shared_buffer/consumer.hpp"
#include "capos/shared_buffer/producer.hpp"

namespace capos::media {

// What a node tells about a block that did not come, or did not fit (schema::Xrun).
struct XrunReport {
  schema::XrunKind kind = schema::XrunKind::underrun;
  schema::XrunCause cause = schema::XrunCause::unknown;
  std::uint32_t dropped = 0;  // blocks of earlier cycles that were passed over
};

class BlockInput {
 public:
  // The producer makes the ring in this memory, before or after.
  explicit BlockInput(std::span<std::byte> memory) noexcept : memory_(memory) {}

  struct Taken {
    AudioBlock block;  // of the cycle that was asked for
    std::optional<XrunReport> xrun;
  };
  // The block of `cycle`, or silence. Cost: one copy of a block.
  [[nodiscard]] Taken take(std::uint64_t cycle) noexcept;

 private:
  [[nodiscard]] bool attach() noexcept;
  [[nodiscard]] static Taken silence(std::uint64_t cycle, schema::XrunCause cause, std::uint64_t dropped) noexcept;
  [[nodiscard]] schema::XrunCause cause_of(RingError error) const noexcept;

  std::span<std::byte> memory_;
  std::optional<RingConsumer<AudioBlock>> ring_;
};

class BlockOutput {
 public:
  // Makes the ring, of as many blocks as the memory holds. Nothing if that is less than two.
  [[nodiscard]] static std::optional<BlockOutput> create(std::span<std::byte> memory) noexcept;

  // Hands the block on; the reason if it did not fit, and is lost. Cost: one copy of a block.
  [[nodiscard]] std::optional<XrunReport> put(const AudioBlock& block) noexcept;

 private:
  explicit BlockOutput(const RingProducer<AudioBlock>& ring) noexcept : ring_(ring) {}
  RingProducer<AudioBlock> ring_;
};

}  // namespace capos::media
