// SPDX-License-Identifier: Apache-2.0
// Recorded blocks on their way to the host's channel.
#include <gtest/gtest.h>

#include <vector>

#include "capos/shared_buffer/producer.hpp"
#include "capos/telemetry/block_forwarder.hpp"

namespace capos::telemetry {
namespace {

class BlockForwarderTest : public testing::Test {
 protected:
  static constexpr std::uint32_t kRing = 4;
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  explicit BlockForwarderTest(std::uint64_t capacity = 100)
      : channel_memory_((abi::kHostEventsOffset + capacity * abi::kTraceEventBytes) / 8),
        channel_(*ChannelWriter::create(std::as_writable_bytes(std::span(channel_memory_)), {1, 0, 0})) {}
  [[nodiscard]] std::span<std::byte> memory() { return std::as_writable_bytes(std::span(lines_)); }
  [[nodiscard]] const abi::HostChannelHeader& header() {
    channel_.publish(1);
    return *reinterpret_cast<const abi::HostChannelHeader*>(channel_memory_.data());
  }
  [[nodiscard]] schema::TraceEvent::Value event(std::uint64_t index) const {
    return schema::TraceEvent::Value::from_words(channel_memory_.data() + abi::kHostEventsOffset / 8 + index * 8, 8);
  }
  static abi::RecordedBlock block(std::uint64_t number) {
    abi::RecordedBlock made{number, 7, {}};
    for (std::size_t i = 0; i < made.bytes.size(); ++i) made.bytes[i] = static_cast<std::byte>(number + i);
    return made;
  }

  std::vector<Line> lines_{(ring_bytes<abi::RecordedBlock>(kRing) + 63) / 64};
  std::vector<std::uint64_t> channel_memory_;
  ChannelWriter channel_;
};

TEST_F(BlockForwarderTest, CarriesBlocksInParts) {
  BlockForwarder forwarder(memory());
  forwarder.forward(channel_);  // there is no ring yet
  EXPECT_EQ(header().written, 0u);
  ASSERT_TRUE(create_ring<abi::RecordedBlock>(memory(), kRing).has_value());
  auto producer = *RingProducer<abi::RecordedBlock>::attach(memory());
  ASSERT_TRUE(producer.push(block(100)).has_value());
  ASSERT_TRUE(producer.push(block(101)).has_value());
  forwarder.forward(channel_);
  ASSERT_EQ(header().written, 2 * abi::kRecordedParts);
  for (std::uint64_t i = 0; i < 2 * abi::kRecordedParts; ++i) {
    const auto part = event(i);
    const std::uint64_t number = 100 + i / abi::kRecordedParts;
    EXPECT_EQ(part.kind, schema::EventKind::block);
    EXPECT_EQ(part.time_ns, number);
    EXPECT_EQ(part.cpu, i % abi::kRecordedParts);
    EXPECT_EQ(part.source, 0x8000'0007u);
    const abi::RecordedBlock original = block(number);
    std::uint64_t last = 0;
    std::memcpy(&last, original.bytes.data() + part.cpu * abi::kRecordedPartBytes + 40, sizeof last);
    EXPECT_EQ(part.f, last);
  }
  EXPECT_EQ(header().dropped, 0u);
}

TEST_F(BlockForwarderTest, CountsWhatTheRingHadNoRoomFor) {
  ASSERT_TRUE(create_ring<abi::RecordedBlock>(memory(), kRing).has_value());
  auto producer = *RingProducer<abi::RecordedBlock>::attach(memory());
  BlockForwarder forwarder(memory());
  for (std::uint64_t i = 0; i < kRing + 3; ++i) (void)producer.push(block(i));
  forwarder.forward(channel_);
  EXPECT_EQ(header().written, kRing * abi::kRecordedParts);
  ASSERT_TRUE(producer.push(block(50)).has_value());  // its stamp shows the gap
  forwarder.forward(channel_);
  EXPECT_EQ(header().dropped, 3u);
  EXPECT_EQ(header().written, (kRing + 1) * abi::kRecordedParts);
}

TEST_F(BlockForwarderTest, CountsWhatTheChannelHasNoRoomFor) {
  ASSERT_TRUE(create_ring<abi::RecordedBlock>(memory(), kRing).has_value());
  auto producer = *RingProducer<abi::RecordedBlock>::attach(memory());
  BlockForwarder forwarder(memory());
  for (std::uint64_t i = 0; i < 10; ++i) {
    ASSERT_TRUE(producer.push(block(i)).has_value());
    forwarder.forward(channel_);
  }
  EXPECT_EQ(header().written, 100u);
  EXPECT_EQ(header().dropped, 10 * abi::kRecordedParts - 100);
}

TEST_F(BlockForwarderTest, IsNotMovedByAHostileRing) {
  ASSERT_TRUE(create_ring<abi::RecordedBlock>(memory(), kRing).has_value());
  auto& ring = *reinterpret_cast<RingHeader*>(lines_.data());
  BlockForwarder forwarder(memory());
  forwarder.forward(channel_);
  ring.producer.head.store(~std::uint64_t{0});
  forwarder.forward(channel_);
  ring.producer.head.store(kRing);  // stamps of zero: stale
  forwarder.forward(channel_);
  EXPECT_EQ(header().written, 0u);
  EXPECT_EQ(header().dropped, kRing);
}

}  // namespace
}  // namespace capos::telemetry
