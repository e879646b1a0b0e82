// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "capos/telemetry/recorder.hpp"
#include "ring.hpp"

namespace capos::telemetry {
namespace {

using abi::HostRunState;

class RecorderTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kCapacity = 20;

  RecorderTest() : channel_memory_((abi::kHostEventsOffset + kCapacity * abi::kTraceEventBytes) / 8, ~0ull) {
    readers_[0] = *RingReader::attach(rings_[0].memory());
    readers_[1] = *RingReader::attach(rings_[1].memory());
    channel_ =
        ChannelWriter::create(std::as_writable_bytes(std::span(channel_memory_)), {2, 0x1f, 1'000'000'000});
  }
  [[nodiscard]] const abi::HostChannelHeader& header() const {
    return *reinterpret_cast<const abi::HostChannelHeader*>(channel_memory_.data());
  }
  [[nodiscard]] std::uint64_t event_word(std::uint64_t event, std::size_t word) const {
    return channel_memory_[abi::kHostEventsOffset / 8 + event * 8 + word];
  }
  void island_event(std::uint64_t time, std::uint64_t what, std::uint64_t start = 0) {
    schema::TraceEvent::Value value;
    value.time_ns = time;
    value.kind = schema::EventKind::island;
    value.a = what;
    value.b = start;
    EventWords words;
    value.to_words(words.data());
    rings_[0].emit(words);
  }

  TestRing rings_[2] = {TestRing(64), TestRing(64)};
  RingReader readers_[2];
  std::vector<std::uint64_t> channel_memory_;
  std::optional<ChannelWriter> channel_;
};

TEST_F(RecorderTest, LaysOutTheChannel) {
  ASSERT_TRUE(channel_.has_value());
  Recorder recorder(readers_, *channel_);
  EXPECT_EQ(header().magic, abi::kHostChannelMagic);
  EXPECT_EQ(header().version, 1u);
  EXPECT_EQ(header().capacity, kCapacity);
  EXPECT_EQ(header().written, 0u);
  EXPECT_EQ(header().cpus, 2u);
  EXPECT_EQ(header().features, 0x1fu);
  EXPECT_EQ(header().tsc_hz, 1'000'000'000u);
  EXPECT_EQ(header().state, static_cast<std::uint32_t>(HostRunState::booting));
  std::vector<std::uint64_t> small(abi::kHostEventsOffset / 8);
  EXPECT_FALSE(ChannelWriter::create(std::as_writable_bytes(std::span(small)), {1, 0, 0}).has_value());
}

TEST_F(RecorderTest, CarriesEventsOfEveryCpu) {
  Recorder recorder(readers_, *channel_);
  for (std::uint64_t i = 0; i < 3; ++i) rings_[0].emit({i, 0, 7});
  for (std::uint64_t i = 0; i < 4; ++i) rings_[1].emit({100 + i, 0, 8});
  recorder.round(1'000);
  EXPECT_EQ(header().written, 7u);
  EXPECT_EQ(header().now_ns, 1'000u);
  EXPECT_EQ(event_word(2, 0), 2u);
  EXPECT_EQ(event_word(3, 0), 100u);
  EXPECT_EQ(event_word(6, 2), 8u);
  recorder.round(2'000);
  EXPECT_EQ(header().written, 7u);
}

TEST_F(RecorderTest, CountsWhatDoesNotFit) {
  Recorder recorder(readers_, *channel_);
  for (std::uint64_t i = 0; i < 25; ++i) rings_[1].emit({i, 0});
  recorder.round(1'000);
  EXPECT_EQ(header().written, kCapacity);
  EXPECT_EQ(header().dropped, 5u);
  EXPECT_EQ(event_word(kCapacity - 1, 0), kCapacity - 1);
}

TEST_F(RecorderTest, CountsWhatARingLost) {
  Recorder recorder(readers_, *channel_);
  for (std::uint64_t i = 0; i < 70; ++i) rings_[1].emit({i, 0});
  recorder.round(1'000);
  EXPECT_EQ(header().per_cpu[1].lost_events, 7u);
  EXPECT_EQ(header().per_cpu[0].lost_events, 0u);
}

TEST_F(RecorderTest, FollowsTheIslands) {
  Recorder recorder(readers_, *channel_);
  recorder.round(1'000'000);
  island_event(1'500'000, 1, 8'000'000);
  island_event(1'600'000, 1, 8'000'000);
  recorder.round(2'000'000);
  EXPECT_EQ(header().state, static_cast<std::uint32_t>(HostRunState::running));
  EXPECT_EQ(header().islands_start_ns, 8'000'000u);
  island_event(50'000'000, 2);
  recorder.round(51'000'000);
  EXPECT_EQ(header().state, static_cast<std::uint32_t>(HostRunState::running));
  recorder.finish(52'000'000);
  EXPECT_EQ(header().state, static_cast<std::uint32_t>(HostRunState::finished));
}

TEST_F(RecorderTest, HasARoundAtTheFirstRelease) {
  Recorder recorder(readers_, *channel_);
  EXPECT_EQ(recorder.next_round(1'000'000), 1'000'000 + kRoundNs);
  island_event(1'500'000, 1, 8'000'000);
  recorder.round(2'000'000);
  EXPECT_EQ(recorder.next_round(2'000'000), 7'000'000u);
  EXPECT_EQ(recorder.next_round(7'000'000), 8'000'000u);
  EXPECT_EQ(recorder.next_round(8'000'000), 8'000'000 + kRoundNs);
}

TEST_F(RecorderTest, CountsInterruptsWhileIslandsAreActive) {
  Recorder recorder(readers_, *channel_);
  rings_[1].header().interrupts[0] = 5;
  rings_[1].header().idle_ns = 900;
  rings_[1].header().context_switches = 11;
  recorder.round(1'000'000);
  EXPECT_EQ(header().per_cpu[1].interrupts[0], 5u);
  EXPECT_EQ(header().per_cpu[1].interrupts_island[0], 0u);
  EXPECT_EQ(header().per_cpu[1].idle_ns, 900u);
  EXPECT_EQ(header().per_cpu[1].context_switches, 11u);

  island_event(1'500'000, 1, 8'000'000);
  rings_[1].header().interrupts[0] = 6;
  recorder.round(7'000'000);  // before the first release: not counted
  EXPECT_EQ(header().per_cpu[1].interrupts_island[0], 0u);
  rings_[1].header().interrupts[0] = 16;
  rings_[1].header().interrupts[5] = 1;
  recorder.round(20'000'000);
  EXPECT_EQ(header().per_cpu[1].interrupts_island[0], 10u);
  EXPECT_EQ(header().per_cpu[1].interrupts_island[5], 1u);

  island_event(21'000'000, 2);
  rings_[1].header().interrupts[0] = 18;
  recorder.round(22'000'000);
  EXPECT_EQ(header().per_cpu[1].interrupts_island[0], 12u);
  rings_[1].header().interrupts[0] = 30;  // after the islands' end
  recorder.finish(30'000'000);
  EXPECT_EQ(header().per_cpu[1].interrupts_island[0], 12u);
  EXPECT_EQ(header().per_cpu[1].interrupts[0], 30u);
}

}  // namespace
}  // namespace capos::telemetry
