// SPDX-License-Identifier: Apache-2.0
// Rings found in a machine's memory: what is one, what only looks like one, and what is counted between two looks.
#include <gtest/gtest.h>

#include <array>
#include <new>
#include <nlohmann/json.hpp>
#include <span>

#include "capos/abi/ring_identity.hpp"
#include "capos/report/live.hpp"
#include "capos/report/rings.hpp"
#include "capos/shared_buffer/consumer.hpp"
#include "capos/shared_buffer/producer.hpp"

namespace capos::report {
namespace {

constexpr std::size_t kPage = 4096;

class Memory {
 public:
  abi::RingHeader& add_ring(std::size_t page, std::uint32_t process, std::uint32_t thread) {
    auto& header = *::new (at(page)) abi::RingHeader{};
    header.magic = abi::kRingMagic;
    header.sq_entries = abi::kSubmissionEntries;
    header.cq_entries = abi::kCompletionEntries;
    header.arena_bytes = abi::kArenaBytes;
    ::new (at(page) + abi::kRingIdentityOffset) abi::RingIdentity{abi::kRingIdentityMagic, process, thread};
    return header;
  }
  std::byte* at(std::size_t page) { return bytes_.data() + page * kPage; }
  RingsSeen look() {
    RingsSeen found;
    find_rings(bytes_, kPage, found);
    return found;
  }

 private:
  alignas(kPage) std::array<std::byte, 8 * kPage> bytes_{};
};

TEST(RingsInMemory, AreFoundWithWhatTheySay) {
  Memory memory;
  memory.add_ring(1, 7, 2);
  abi::RingHeader& ring = memory.add_ring(5, 3, 0);
  ring.sq_tail = 9;
  ring.sq_head = 8;
  ring.cq_tail = 6;
  ring.cq_head = 4;
  ring.flags = abi::kRingNeedsWakeup;
  const RingsSeen found = memory.look();
  ASSERT_EQ(found.threads.size(), 2u);
  EXPECT_EQ(found.threads[0].process, 3u);
  EXPECT_EQ(found.threads[0].place, 6 * kPage);
  EXPECT_EQ(found.threads[0].submitted, 9u);
  EXPECT_EQ(found.threads[0].taken, 8u);
  EXPECT_EQ(found.threads[0].completed, 6u);
  EXPECT_EQ(found.threads[0].reaped, 4u);
  EXPECT_TRUE(found.threads[0].asks_for_wakeups);
  EXPECT_EQ(found.threads[1].process, 7u);
  EXPECT_EQ(found.threads[1].thread, 2u);
  EXPECT_FALSE(found.threads[1].asks_for_wakeups);
}

TEST(RingsInMemory, AreNotWhatSaysTheImpossible) {
  using Spoil = void (*)(Memory&, abi::RingHeader&);
  constexpr Spoil kSpoils[] = {
      [](Memory&, abi::RingHeader& header) { header.magic ^= 1; },
      [](Memory&, abi::RingHeader& header) { header.sq_entries = 24; },
      [](Memory&, abi::RingHeader& header) { header.sq_entries = 2 * abi::kMaxSubmissionEntries; },
      [](Memory&, abi::RingHeader& header) { header.cq_entries = 16; },
      [](Memory&, abi::RingHeader& header) { header.arena_bytes = 0; },
      [](Memory& memory, abi::RingHeader&) { ::new (memory.at(2) + abi::kRingIdentityOffset) abi::RingIdentity{}; },
  };
  for (const Spoil spoil : kSpoils) {
    Memory memory;
    abi::RingHeader& header = memory.add_ring(2, 1, 0);
    EXPECT_EQ(memory.look().threads.size(), 1u);
    spoil(memory, header);
    EXPECT_EQ(memory.look().threads.size(), 0u) << &spoil - kSpoils;
  }
}

TEST(RingsInMemory, SharedBuffersAreFoundByTheirHeader) {
  Memory memory;
  const std::span bytes(memory.at(4), kPage);
  ASSERT_TRUE(create_ring<std::uint64_t>(bytes, 16, RingWaits::never).has_value());
  auto producer = *RingProducer<std::uint64_t>::attach(bytes);
  auto consumer = *RingConsumer<std::uint64_t>::attach(bytes);
  for (std::uint64_t i = 0; i < 20; ++i) (void)producer.push(i);  // four too many
  for (int i = 0; i < 5; ++i) (void)consumer.pop();
  const RingsSeen found = memory.look();
  ASSERT_EQ(found.buffers.size(), 1u);
  EXPECT_EQ(found.buffers[0].place, 5 * kPage);
  EXPECT_EQ(found.buffers[0].capacity, 16u);
  EXPECT_EQ(found.buffers[0].element_bytes, 8u);
  EXPECT_EQ(found.buffers[0].offered, 20u);
  EXPECT_EQ(found.buffers[0].pushed, 16u);
  EXPECT_EQ(found.buffers[0].popped, 5u);
  EXPECT_EQ(found.buffers[0].producer, static_cast<std::uint32_t>(RingPeerState::attached));
  reinterpret_cast<RingHeader*>(memory.at(4))->identity.capacity = 17;
  EXPECT_EQ(memory.look().buffers.size(), 0u);
}

TEST(RingsInMemory, AreCountedFromOneLookToTheNext) {
  Memory memory;
  abi::RingHeader& ring = memory.add_ring(1, 1, 0);
  ring.sq_tail = ring.sq_head = ring.cq_tail = ring.cq_head = 0xffff'fffe;
  LiveMeter live({}, {"first", "second"});
  live.look_at_rings(memory.look());
  ASSERT_EQ(live.view().rings.size(), 1u);
  EXPECT_EQ(live.view().rings[0].program, "second");
  EXPECT_EQ(live.view().rings[0].new_submitted, 0u);
  ring.sq_tail += 5;  // past the end of the indices' range
  ring.sq_head += 4;
  ring.cq_tail += 4;
  ring.cq_head += 2;
  memory.add_ring(2, 0xffff, 0);
  memory.add_ring(3, 40, 0);
  live.look_at_rings(memory.look());
  ASSERT_EQ(live.view().rings.size(), 3u);
  EXPECT_EQ(live.view().rings[0].new_submitted, 5u);
  EXPECT_EQ(live.view().rings[0].new_completed, 4u);
  EXPECT_EQ(live.view().rings[1].program, "program 40");
  EXPECT_EQ(live.view().rings[2].program, "init");
  const auto json = nlohmann::json::parse(render_live_json(live.view()));
  EXPECT_EQ(json["rings"][0]["new_submitted"], 5);
  EXPECT_EQ(json["rings_hidden"], "");
  EXPECT_NE(render_live_text(live.view()).find("program 40"), std::string::npos);
  live.hide_rings("it has ended");
  EXPECT_TRUE(live.view().rings.empty());
  EXPECT_NE(render_live_text(live.view()).find("it has ended"), std::string::npos);
}

}  // namespace
}  // namespace capos::report
