// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "ring.hpp"

namespace capos::telemetry {
namespace {

std::vector<std::uint64_t> drain(RingReader& reader) {
  std::vector<std::uint64_t> numbers;
  reader.drain([&](const EventWords& event) { numbers.push_back(event[0]); });
  return numbers;
}

TEST(RingReader, DeliversEachEventOnceInOrder) {
  TestRing ring(64);
  auto reader = RingReader::attach(ring.memory());
  ASSERT_TRUE(reader.has_value());
  EXPECT_TRUE(drain(*reader).empty());
  std::uint64_t next = 0;
  for (const std::uint64_t burst : {1u, 5u, 31u, 32u, 33u, 63u, 2u}) {
    for (std::uint64_t i = 0; i < burst; ++i) ring.emit(TestRing::numbered(next + i));
    const auto numbers = drain(*reader);
    ASSERT_EQ(numbers.size(), burst);
    for (std::uint64_t i = 0; i < burst; ++i) EXPECT_EQ(numbers[i], next + i);
    next += burst;
  }
  EXPECT_EQ(reader->lost(), 0u);
}

TEST(RingReader, CountsWhatWasOverwritten) {
  TestRing ring(16);
  auto reader = RingReader::attach(ring.memory());
  ASSERT_TRUE(reader.has_value());
  for (std::uint64_t i = 0; i < 100; ++i) ring.emit(TestRing::numbered(i));
  // With 100 written, the writer may be in the slot of event 84: 85 is the oldest that is certain.
  const auto numbers = drain(*reader);
  ASSERT_EQ(numbers.size(), 15u);
  EXPECT_EQ(numbers.front(), 85u);
  EXPECT_EQ(numbers.back(), 99u);
  EXPECT_EQ(reader->lost(), 85u);
}

TEST(RingReader, RefusesWhatIsNoRing) {
  TestRing ring(16);
  EXPECT_FALSE(RingReader::attach(ring.memory().first(4095)).has_value());
  EXPECT_FALSE(RingReader::attach(ring.memory().first(ring.memory().size() - 64)).has_value());
  ring.header().capacity = 15;
  EXPECT_FALSE(RingReader::attach(ring.memory()).has_value());
  ring.header().capacity = 0;
  EXPECT_FALSE(RingReader::attach(ring.memory()).has_value());
  ring.header().capacity = 16;
  EXPECT_TRUE(RingReader::attach(ring.memory()).has_value());
  ring.header().version = 2;
  EXPECT_FALSE(RingReader::attach(ring.memory()).has_value());
  ring.header().version = 1;
  ring.header().magic = abi::kHostChannelMagic;
  EXPECT_FALSE(RingReader::attach(ring.memory()).has_value());
}

// A writer that never waits, on another processor: what is delivered is whole, ordered, and with the losses
// complete.
TEST(RingReader, NeverDeliversATornEvent) {
  constexpr std::uint64_t kEvents = 2'000'000;
  TestRing ring(256);
  auto reader = RingReader::attach(ring.memory());
  ASSERT_TRUE(reader.has_value());
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < kEvents; ++i) ring.emit(TestRing::numbered(i));
    done = true;
  });
  std::uint64_t delivered = 0, next = 0, torn = 0, out_of_order = 0;
  const auto take = [&](const EventWords& event) {
    for (const std::uint64_t word : event) torn += word != event[0];
    out_of_order += event[0] < next;
    next = event[0] + 1;
    ++delivered;
  };
  while (!done) reader->drain(take);
  reader->drain(take);
  writer.join();
  EXPECT_EQ(torn, 0u);
  EXPECT_EQ(out_of_order, 0u);
  EXPECT_EQ(delivered + reader->lost(), kEvents);
  EXPECT_GT(delivered, 0u);
}

}  // namespace
}  // namespace capos::telemetry
