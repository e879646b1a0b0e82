// SPDX-License-Identifier: Apache-2.0
// What the ring keeps when the other side, or whoever made the memory, is hostile or broken.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "ring_memory.hpp"

namespace capos::test {
namespace {

template <typename T>
RingError error_of(const ResultOf<T, RingError>& result) {
  return result ? RingError{} : result.error();
}

TEST(HostileRing, AttachChecksEveryWordOfTheIdentity) {
  RingMemory<Sample, 4> memory;
  const auto attach = [&] { return error_of(RingConsumer<Sample>::attach(memory.bytes())); };
  EXPECT_EQ(attach(), RingError{});
  auto& identity = memory.header().identity;
  const auto with = [&](auto& word, auto value, RingError expected) {
    const auto saved = word + 0;
    word = value;
    EXPECT_EQ(attach(), expected);
    word = saved;
  };
  with(identity.magic, kRingMagic + 1, RingError::wrong_magic);
  with(identity.version, 2u, RingError::wrong_version);
  with(identity.element_bytes, 8u, RingError::wrong_element_size);
  for (const std::uint32_t capacity : {0u, 3u, 1u << 25, ~0u}) {
    with(identity.capacity, capacity, RingError::bad_capacity);
  }
  for (const std::uint32_t capacity : {8u, 1u << 24}) {
    with(identity.capacity, capacity, RingError::memory_too_small);
  }
  with(identity.waits, kLastRingWaits + 1, RingError::bad_waits);
  with(memory.header().producer.head, std::uint64_t{5}, RingError::bad_indices);
  with(memory.header().consumer.tail, std::uint64_t{1}, RingError::bad_indices);
  EXPECT_EQ(attach(), RingError{});
}

TEST(HostileRing, AttachAndCreateCheckTheMemory) {
  RingMemory<Sample, 4> memory;
  const auto bytes = memory.bytes();
  EXPECT_EQ(create_ring<Sample>(bytes, 3).error(), RingError::bad_capacity);
  EXPECT_EQ(create_ring<Sample>(bytes, 8).error(), RingError::memory_too_small);
  EXPECT_EQ(create_ring<Sample>(bytes.subspan(8), 1).error(), RingError::memory_misaligned);
  EXPECT_EQ(RingProducer<Sample>::attach(bytes.subspan(8)).error(), RingError::memory_misaligned);
  EXPECT_EQ(RingProducer<Sample>::attach(bytes.first(64)).error(), RingError::memory_too_small);
  EXPECT_EQ(RingProducer<Sample>::attach(bytes.first(bytes.size() - 1)).error(), RingError::memory_too_small);
  EXPECT_EQ(RingProducer<Sample>::attach({}).error(), RingError::memory_too_small);
  EXPECT_EQ(ring_capacity_for<Sample>(bytes.size()), 4u);
  EXPECT_EQ(ring_capacity_for<Sample>(bytes.size() - 1), 2u);
  EXPECT_EQ(ring_capacity_for<Sample>(16), 0u);
}

// What was agreed on holds for who has attached, whatever the peer writes there later.
TEST(HostileRing, HowASideWaitsIsReadOnce) {
  RingMemory<std::uint64_t, 4> memory(0, RingWaits::never);
  auto producer = memory.producer();
  auto consumer = memory.consumer();
  memory.header().identity.waits = static_cast<std::uint32_t>(RingWaits::across_cpus);
  memory.header().producer.consumer_asleep = 1;
  EXPECT_EQ(*producer.push(1), PushOutcome::stored) << "nobody sleeps here";
  ASSERT_TRUE(consumer.pop().has_value());
  EXPECT_FALSE(consumer.prepare_sleep());
}

TEST(HostileRing, AnImpossibleHeadGivesNothing) {
  RingMemory<Sample, 4> memory;
  auto producer = memory.producer();
  auto consumer = memory.consumer();
  ASSERT_TRUE(producer.push(make_sample(0)).has_value());
  for (const std::uint64_t head : {std::uint64_t{5}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    memory.header().producer.head = head;
    EXPECT_EQ(consumer.pop_newest().error(), RingError::peer_index_invalid);
    EXPECT_EQ(consumer.last_underrun(), UnderrunCause::producer_invalid);
    EXPECT_EQ(consumer.available(), 0u);
  }
  memory.header().producer.head = 1;
  EXPECT_EQ(consumer.pop()->element.number, 0u) << "back to sense, back to work";
  memory.header().producer.head = 0;
  EXPECT_EQ(consumer.pop().error(), RingError::peer_index_invalid) << "a head may not go back";
}

TEST(HostileRing, AnImpossibleTailStopsTheProducer) {
  RingMemory<Sample, 4> memory;
  auto producer = memory.producer();
  for (std::uint64_t i = 0; i < 4; ++i) ASSERT_TRUE(producer.push(make_sample(i)).has_value());
  for (const std::uint64_t tail : {std::uint64_t{5}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    memory.header().consumer.tail = tail;
    EXPECT_EQ(producer.push(make_sample(9)).error(), RingError::peer_index_invalid);
    EXPECT_EQ(producer.last_overrun(), OverrunCause::consumer_invalid);
  }
  for (std::uint64_t i = 0; i < 4; ++i) EXPECT_EQ(memory.slot(i).element.number, i);
}

TEST(HostileRing, AStampThatDoesNotFollowIsPassedOver) {
  RingMemory<Sample, 4> memory;
  auto producer = memory.producer();
  auto consumer = memory.consumer();
  for (std::uint64_t i = 0; i < 3; ++i) ASSERT_TRUE(producer.push(make_sample(i)).has_value());
  EXPECT_TRUE(consumer.pop().has_value());
  memory.slot(1).stamp = 1;  // seen already
  EXPECT_EQ(consumer.pop().error(), RingError::stale_slot);
  EXPECT_EQ(consumer.stale_slots(), 1u);
  const auto item = consumer.pop();
  EXPECT_EQ(item->element.number, 2u);
  EXPECT_EQ(item->lost, 1u);
}

// The geometry in the header changes after attach: it must not be looked at again.
TEST(HostileRing, AGrowingCapacityIsNotBelieved) {
  RingMemory<Sample, 4> memory;
  auto producer = memory.producer();
  auto consumer = memory.consumer();
  memory.header().identity.capacity = kMaxRingCapacity;
  for (std::uint64_t i = 0; i < 64; ++i) {
    ASSERT_TRUE(producer.push(make_sample(i)).has_value());
    ASSERT_EQ(consumer.pop()->element.number, i);
  }
  EXPECT_TRUE(memory.guard_intact());
}

// Random operations while random words of the shared bytes are overwritten. Under ASan any access outside
// shows; in every build the guard zone does. Work per call stays bounded, since each call returns.
TEST(HostileRing, NoBytesLeadOutside) {
  RingMemory<Sample, 8> memory;
  auto producer = memory.producer();
  auto consumer = memory.consumer();
  std::mt19937_64 random(20250101);
  const std::size_t words = memory.bytes().size() / sizeof(std::uint64_t);
  std::uint64_t refused = 0;
  for (int step = 0; step < 1'000'000; ++step) {
    if (random() % 4 == 0) {
      const std::uint64_t value = random() % 2 == 0 ? random() : random() % 32;
      std::memcpy(memory.bytes().data() + random() % words * sizeof value, &value, sizeof value);
    }
    switch (random() % 6) {
      case 0:
      case 1:
        refused += !producer.push(make_sample(random())).has_value();
        break;
      case 2:
        refused += !consumer.pop().has_value();
        break;
      case 3:
        refused += !consumer.pop_newest().has_value();
        break;
      case 4:
        EXPECT_LE(consumer.available(), 8u);
        break;
      default:
        (void)consumer.prepare_sleep();
        (void)producer.prepare_sleep();
        break;
    }
  }
  EXPECT_GT(refused, 0u);
  EXPECT_TRUE(memory.guard_intact());
}

}  // namespace
}  // namespace capos::test
