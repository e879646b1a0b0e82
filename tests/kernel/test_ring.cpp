// SPDX-License-Identifier: Apache-2.0
// The ring: entries and completions, and a program that writes what it likes into them.
#include <gtest/gtest.h>

#include "capos/abi/ring_identity.hpp"
#include "memory/frame_allocator.hpp"
#include "random.hpp"
#include "world.hpp"

namespace capos::ktest {
namespace {

using schema::KernelError;
using schema::TransportError;

class Rings : public ::testing::Test {
 protected:
  kernel::Thread& thread() { return world.init(); }
  abi::RingHeader& header() { return world.ring(thread()).header; }
  static abi::CapSqe nop(std::uint64_t user_data) {
    abi::CapSqe entry{};
    entry.user_data = user_data;
    return entry;
  }
  // A call that answers with one capability: ObjectFactory.createNotification.
  abi::CapSqe make_notification() {
    auto* const words = reinterpret_cast<wire::Word*>(world.arena(thread()));
    wire::MessageBuilder message({words, 64});
    (void)message.init_root<schema::ObjectFactory::CreateNotification::Params>();
    abi::CapSqe entry{};
    entry.operation = static_cast<std::uint8_t>(abi::RingOperation::call);
    entry.cap = world.service("objects").raw;
    entry.interface_id = schema::ObjectFactory::kInterfaceId;
    entry.params_size = static_cast<std::uint32_t>(message.words().size() * 8);
    entry.results_offset = World::kResultsOffset;
    entry.results_capacity = 256;
    return entry;
  }
  Error complete(const abi::CapSqe& entry) {
    const abi::CapCqe completion = world.complete(thread(), entry);
    return error_of(completion.result, completion.flags);
  }
  std::uint32_t caps() { return thread().process.capabilities().in_use(); }

  World world{};
};

TEST_F(Rings, TheHeaderTellsItsSizes) {
  EXPECT_EQ(header().magic, abi::kRingMagic);
  EXPECT_EQ(header().sq_entries, abi::kSubmissionEntries);
  EXPECT_EQ(header().cq_entries, abi::kCompletionEntries);
  EXPECT_EQ(header().arena_bytes, abi::kArenaBytes);
}

// For who looks at the machine's memory from outside; gone with the thread, whose pages may be anybody's then.
TEST_F(Rings, ItsPageSaysWhoseItIsUntilItsThreadHasEnded) {
  const Child child = world.spawn({});
  const auto& page = *reinterpret_cast<const std::byte(*)[4096]>(&world.ring(world.thread(child)));
  const auto& identity = *reinterpret_cast<const abi::RingIdentity*>(page + abi::kRingIdentityOffset);
  EXPECT_EQ(identity.magic, abi::kRingIdentityMagic);
  EXPECT_EQ(identity.process, child.number);
  EXPECT_EQ(identity.thread, 0u);
  const auto control = world.granted(world.thread(child).process, "self.thread");
  ASSERT_TRUE(world.call<schema::ThreadControl::SetRing>(world.thread(child), control, {.entries = 64}).error.ok());
  EXPECT_EQ(identity.magic, abi::kRingIdentityMagic);
  EXPECT_EQ(identity.process, child.number);
  while (kernel::stock_step()) {}  // the stock of clean frames is full: what the process gives back stays as it is
  world.exit(world.thread(child), 0);
  world.settle();
  EXPECT_EQ(identity.magic, 0u);
}

TEST_F(Rings, AFullQueueOfEntriesCompletesInOrderInOneEntry) {
  for (std::uint64_t i = 0; i < abi::kSubmissionEntries; ++i) world.submit(thread(), nop(100 + i));
  EXPECT_EQ(world.enter_ring(thread()), abi::kSubmissionEntries);
  for (std::uint64_t i = 0; i < abi::kSubmissionEntries; ++i) EXPECT_EQ(world.take_completion(thread())->user_data, 100 + i);
  EXPECT_EQ(world.take_completion(thread()), std::nullopt);
}

// Found by the random walk: it completed with `cancelled`, for it had not been taken yet when the entry before it failed.
TEST_F(Rings, AQuietTimeoutBehindAnEntryThatHasFailedSaysNothingAndTheChainIsOver) {
  abi::CapSqe wrong = nop(1), timeout = nop(2);
  wrong.operation = 0xee;
  wrong.flags = abi::kSqeLink;
  timeout.operation = static_cast<std::uint8_t>(abi::RingOperation::link_timeout);
  timeout.flags = abi::kSqeLink | abi::kSqeQuiet;
  timeout.cap = world.machine().now().ns() + 1'000'000;
  for (const abi::CapSqe& entry : {wrong, timeout, nop(3), nop(4)}) world.submit(thread(), entry);
  EXPECT_EQ(world.enter_ring(thread()), 3u);
  const auto expect = [&](std::uint64_t user_data, TransportError error) {
    const auto completion = world.take_completion(thread());
    ASSERT_TRUE(completion.has_value());
    EXPECT_EQ(completion->user_data, user_data);
    EXPECT_EQ(completion->result, -static_cast<std::int32_t>(error));
  };
  expect(1, TransportError::invalid_operation);
  expect(3, TransportError::cancelled);
  expect(4, TransportError::none);
}

// Nothing is lost when completions are not taken: what finds no room stays submitted.
TEST_F(Rings, WithoutRoomForCompletionsEntriesWait) {
  std::uint64_t submitted = 0;
  for (int round = 0; round < 4; ++round) {
    while (header().sq_tail - header().sq_head < abi::kSubmissionEntries) world.submit(thread(), nop(submitted++));
    (void)world.enter_ring(thread());
  }
  EXPECT_EQ(header().cq_tail - header().cq_head, abi::kCompletionEntries);
  std::uint64_t taken = 0;
  while (taken < submitted) {
    while (const auto completion = world.take_completion(thread())) EXPECT_EQ(completion->user_data, taken++);
    (void)world.enter_ring(thread());
  }
  EXPECT_EQ(taken, submitted);
}

TEST_F(Rings, IndicesWrapAroundAtTheEndOfTheirRange) {
  header().sq_head = header().sq_tail = 0xffff'fff8;
  header().cq_head = header().cq_tail = 0xffff'fff0;
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(world.complete(thread(), nop(i)).user_data, i);
}

TEST_F(Rings, UnknownOperationsAndReservedBitsAreRefused) {
  abi::CapSqe entry = nop(1);
  entry.operation = 0xee;
  EXPECT_EQ(complete(entry), transport(TransportError::invalid_operation));
  entry = nop(2);
  entry.pipeline_field = 1;  // and nothing is pipelined
  EXPECT_EQ(complete(entry), transport(TransportError::invalid_operation));
}

// Nothing has been looked up before the first entry: capability 0 and interface 0 are not what the last call went to.
TEST_F(Rings, CallsOfNothingAtAllAreRefusedLikeAnyOther) {
  abi::CapSqe nothing{};
  nothing.operation = static_cast<std::uint8_t>(abi::RingOperation::call);
  for (int i = 0; i < 3; ++i) world.submit(thread(), nothing);
  EXPECT_EQ(world.enter_ring(thread()), 3u);
  for (int i = 0; i < 3; ++i) {
    const auto completion = world.take_completion(thread());
    ASSERT_TRUE(completion.has_value());
    EXPECT_EQ(error_of(completion->result, completion->flags).transport, TransportError::invalid_cap);
  }
}

TEST_F(Rings, ResultsThatDoNotFitTakeBackWhatTheyCarry) {
  const std::uint32_t before = caps();
  abi::CapSqe entry = make_notification();
  for (std::uint32_t room = 0; room < 32; room += 8) {
    entry.results_capacity = room;
    EXPECT_EQ(complete(entry), transport(TransportError::result_too_large)) << room;
    EXPECT_EQ(caps(), before) << room;
  }
  entry.results_capacity = 64;
  EXPECT_EQ(complete(entry), kNoError);
  EXPECT_EQ(caps(), before + 1);
}

TEST_F(Rings, AStaleEntryIsNotStarted) {
  world.run_for(Duration::ms(2));
  const std::uint32_t before = caps();
  abi::CapSqe entry = make_notification();
  entry.deadline_ns = world.machine().now().ns() - 1;
  EXPECT_EQ(complete(entry), transport(TransportError::timeout));
  entry.deadline_ns = world.machine().now().ns() + 1'000'000;
  EXPECT_EQ(complete(entry), kNoError);
  EXPECT_EQ(caps(), before + 1);
}

TEST_F(Rings, PlacesOutsideTheArenaAreRefused) {
  const std::uint32_t before = caps();
  constexpr std::uint32_t kEnd = abi::kArenaBytes;
  for (const auto& [offset, size] : {std::pair<std::uint32_t, std::uint32_t>{kEnd, 8}, {kEnd - 8, 16}, {4, 8}, {0, 12},
                                     {0, kEnd + 8}, {0xffff'fff8, 16}, {8, 0xffff'fff8}}) {
    abi::CapSqe entry = make_notification();
    entry.params_offset = offset;
    entry.params_size = size;
    EXPECT_EQ(complete(entry), transport(TransportError::invalid_message)) << offset << "+" << size;
    entry = make_notification();
    entry.results_offset = offset;
    entry.results_capacity = size;
    EXPECT_EQ(complete(entry), transport(TransportError::invalid_message)) << offset << "+" << size;
  }
  abi::CapSqe entry = make_notification();
  entry.transfers_count = 1;
  entry.transfers_offset = kEnd - 8;
  EXPECT_EQ(complete(entry), transport(TransportError::invalid_message));
  EXPECT_EQ(caps(), before);
}

// A program may write anything anywhere in its ring at any time: errors for itself, and nothing else.
TEST_F(Rings, GarbageHarmsOnlyWhoWroteIt) {
  Random random(99);
  const Child child = world.spawn({.memory_pages = 200, .grants = {{"objects", world.service("objects")}}});
  for (int round = 0; round < 20'000; ++round) {
    kernel::Thread& hostile = world.thread(child);
    auto* const bytes = reinterpret_cast<std::uint8_t*>(&world.ring(hostile));
    const std::size_t area = random.one_in(3) ? sizeof(abi::Ring) + 512 : 4096 + abi::kArenaBytes;
    for (std::uint64_t i = random.below(64); i > 0; --i) bytes[random.below(area)] = static_cast<std::uint8_t>(random.next());
    if (random.one_in(2)) world.ring(hostile).header.sq_tail = world.ring(hostile).header.sq_head + 1 + static_cast<std::uint32_t>(random.below(20));
    if (random.one_in(2)) world.ring(hostile).header.cq_head = world.ring(hostile).header.cq_tail;
    const std::uint64_t slot = random.below(abi::kSubmissionEntries);
    world.ring(hostile).sq[slot].cap = world.granted(hostile.process, random.one_in(2) ? "objects" : "self.memory").raw;
    world.ring(hostile).sq[slot].flags = 0;
    (void)world.enter_ring(hostile);
    ASSERT_TRUE(world.process(child.number).alive());
  }
  (void)world.call<schema::ProcessHandle::Kill>(world.init(), child.handle);
  (void)world.release(world.init(), child.handle);
  world.settle();
  EXPECT_EQ(world.find_process(child.number), nullptr);
}

}  // namespace
}  // namespace capos::ktest
