// SPDX-License-Identifier: Apache-2.0
// Bugs of other kernels where something travels or is in use: capabilities in messages, windows, locks.
#include <gtest/gtest.h>

#include <optional>

#include "islands.hpp"
#include "islands/scheduling_context.hpp"
#include "memory/memory_object.hpp"
#include "world.hpp"

namespace capos::ktest {
namespace {

using kernel::Thread;
using kernel::ThreadState;
using schema::KernelError;
using schema::TransportError;

constexpr std::uint64_t kInterface = 0xabcd, kForEver = ~std::uint64_t{0}, kPage = hal::kPageSize;
constexpr int kRounds = 300;

// Genode #3982: a capability that came with a message whose receiver never acknowledged it kept its slot.
class LessonsInMessages : public ::testing::Test {
 protected:
  Child child() {
    return world.spawn({.grants = {{"serve", endpoint}, {"service", world.connect(endpoint)}, {"event", event}}});
  }
  Thread& thread(const Child& of) { return world.thread(of); }
  abi::CapId cap(const Child& of, std::string_view name) { return world.granted(world.process(of.number), name); }
  std::uint32_t slots(const Child& of) { return world.process(of.number).capabilities().in_use(); }
  void wait_in_ring(const Child& of) {
    (void)world.enter(thread(of), static_cast<std::uint64_t>(abi::SystemCall::cap_enter), {}, 0, {1, kForEver});
  }
  void receive(std::uint32_t capacity) {
    abi::CapSqe entry{};
    entry.operation = static_cast<std::uint8_t>(abi::RingOperation::receive);
    entry.cap = cap(server, "serve").raw;
    entry.results_offset = World::kResultsOffset;
    entry.results_capacity = capacity;
    world.submit(thread(server), entry);
    wait_in_ring(server);
  }
  // A message without words, and these capabilities; an answer may take `capacity` bytes.
  void send(const Child& from, abi::CapSqe entry, const std::vector<abi::TransferDescriptor>& transfers, std::uint32_t capacity) {
    std::memset(world.arena(thread(from)), 0, 8);
    std::ranges::copy(std::as_bytes(std::span(transfers)), world.arena(thread(from)) + World::kTransfersOffset);
    entry.params_size = 8;
    entry.transfers_offset = World::kTransfersOffset;
    entry.transfers_count = static_cast<std::uint32_t>(transfers.size());
    entry.results_offset = World::kResultsOffset;
    entry.results_capacity = capacity;
    world.submit(thread(from), entry);
    wait_in_ring(from);
  }
  void call(const std::vector<abi::TransferDescriptor>& transfers, std::uint32_t capacity = 256) {
    abi::CapSqe entry{};
    entry.operation = static_cast<std::uint8_t>(abi::RingOperation::call);
    entry.cap = cap(client, "service").raw;
    entry.interface_id = kInterface;
    send(client, entry, transfers, capacity);
  }
  abi::CapSqe answer() {
    abi::CapSqe entry{};
    entry.operation = static_cast<std::uint8_t>(abi::RingOperation::return_call);
    entry.cap = received;
    return entry;
  }
  Error ended(const Child& of) {
    world.go_to(thread(of));
    const auto completion = world.take_completion(thread(of));
    if (completion.has_value() && of.number == server.number && completion->value != 0) received = completion->value;
    return completion.has_value() ? error_of(completion->result, completion->flags) : transport(TransportError::none);
  }
  static abi::TransferDescriptor moved(abi::CapId what) { return {what.raw, static_cast<std::uint32_t>(abi::Transfer::move), 0}; }
  static abi::TransferDescriptor copied(abi::CapId what) { return {what.raw, static_cast<std::uint32_t>(abi::Transfer::copy), 0}; }

  World world{};
  abi::CapId endpoint = world.make_endpoint(kInterface), event = world.make_notification();
  Child server = child(), client = child();
  std::uint64_t received = 0;  // the call that the server has taken last
};

TEST_F(LessonsInMessages, Genode_3982_WhatFindsNoRoomKeepsNoSlotAndLeavesNoneEmpty) {
  const std::uint32_t servers = slots(server), clients = slots(client);
  for (int round = 0; round < kRounds; ++round) {
    receive(64);  // the message has room, its three capabilities have not
    call({moved(cap(client, "event")), copied(cap(client, "serve")), copied(cap(client, "service"))});
    ASSERT_EQ(ended(client), transport(TransportError::invalid_message));
    ASSERT_EQ(slots(server), servers);
    ASSERT_EQ(slots(client), clients);
    // The receive is still open: the next call takes it away.
    call({});
    ASSERT_EQ(ended(server), kNoError);
    send(server, answer(), {}, 0);
    (void)ended(server);
    ASSERT_EQ(ended(client), kNoError);
  }
  EXPECT_EQ(world.call<schema::Notification::Poll>(thread(client), cap(client, "event")).error, kNoError);
}

TEST_F(LessonsInMessages, Genode_3982_OneBadCapabilityBringsTheOthersBack) {
  const std::uint32_t servers = slots(server), clients = slots(client);
  for (int round = 0; round < kRounds; ++round) {
    if (thread(server).state != ThreadState::await_completions) receive(512);
    call({moved(cap(client, "event")), copied({0x7777})});
    ASSERT_EQ(ended(client), invalid(KernelError::bad_capability));
    ASSERT_EQ(slots(server), servers);
    ASSERT_EQ(slots(client), clients);
  }
  EXPECT_EQ(world.call<schema::Notification::Poll>(thread(client), cap(client, "event")).error, kNoError);
}

TEST_F(LessonsInMessages, Genode_3982_AnAnswerThatFindsNoRoomStaysWithTheServer) {
  const std::uint32_t servers = slots(server), clients = slots(client);
  for (int round = 0; round < kRounds; ++round) {
    receive(512);
    call({}, 16);
    ASSERT_EQ(ended(server), kNoError);
    send(server, answer(), {moved(cap(server, "event"))}, 0);
    (void)ended(server);
    ASSERT_EQ(ended(client), transport(TransportError::result_too_large));
    ASSERT_EQ(slots(server), servers);
    ASSERT_EQ(slots(client), clients);
  }
  EXPECT_EQ(world.call<schema::Notification::Poll>(thread(server), cap(server, "event")).error, kNoError);
}

TEST_F(LessonsInMessages, Genode_3982_WhatWasTakenAndNeverAnsweredGoesWithItsTaker) {
  const std::uint32_t clients = slots(client), servers = slots(server);
  receive(512);
  call({moved(cap(client, "event")), copied(cap(client, "serve"))});
  ASSERT_EQ(slots(client), clients - 1);
  ASSERT_EQ(slots(server), servers + 2);
  world.exit(thread(server), 0);
  ASSERT_EQ(ended(client), transport(TransportError::disconnected));
  EXPECT_EQ(slots(client), clients - 1) << "what was moved is the other's, who has ended";
  EXPECT_TRUE(world.release(world.init(), server.handle).ok());
  world.settle();
  EXPECT_EQ(world.find_process(server.number), nullptr);
}

// Tock #1905: a buffer was taken away while it was in use. Here what is mapped stays, and only that.
TEST(LessonsInUse, Tock_1905_ARevokedWindowStaysWhereItIsMappedAndIsNobodyElses) {
  World world;
  const std::uint64_t before = World::frames_free();
  const auto memory = world.message<schema::FrameAllocator::Allocate>(world.init(), world.service("frames"), [](auto params) { params.set_pages(2); });
  const abi::CapId whole = memory.cap([](auto results) { return results.object(); });
  const auto child = world.message<schema::MemoryObject::CreateChild>(world.init(), whole, [](auto params) {
    params.set_offset(kPage);
    params.set_size(kPage);
  });
  const abi::CapId window = child.cap([](auto results) { return results.child(); });
  const Child user = world.spawn({.grants = {{"window", window}}});
  Thread& thread = world.thread(user);
  const abi::CapId held = world.granted(thread.process, "window");
  const auto mapped = world.message<schema::VirtualMemory::MapObject>(
      thread, world.granted(thread.process, "self.memory"), [&](auto params, auto& transfers) {
        params.set_object(add(transfers, held));
        params.set_size(kPage);
        params.set_prot(3);
      });
  const hal::UserAddress place(mapped.read([](auto results) { return results.addr(); }));
  world.go_to(thread);
  ASSERT_TRUE(world.machine().store(thread.home.cpu(), place, 42));
  EXPECT_EQ(world.call<schema::MemoryOwner::Revoke>(world.init(), window).error, kNoError);
  for (const abi::CapId cap : {window, whole}) EXPECT_TRUE(world.release(world.init(), cap).ok());
  // Nobody else gets that page meanwhile.
  std::vector<abi::CapId> others;
  for (int i = 0; i < 50; ++i) {
    const auto made = world.message<schema::FrameAllocator::Allocate>(world.init(), world.service("frames"), [](auto params) { params.set_pages(1); });
    others.push_back(made.cap([](auto results) { return results.object(); }));
    const std::array<std::byte, 8> ones{std::byte{1}};
    (void)world.message<schema::MemoryObject::Write>(world.init(), others.back(), [&](auto params) { params.set_data(ones); });
  }
  world.go_to(thread);
  std::uint64_t value = 0;
  ASSERT_TRUE(world.machine().load(thread.home.cpu(), place, value));
  EXPECT_EQ(value, 42u);
  EXPECT_EQ(world.call<schema::MemoryObject::GetSize>(thread, held).error, transport(TransportError::invalid_cap));
  world.exit(thread, 0);
  for (const abi::CapId cap : others) (void)world.release(world.init(), cap);
  (void)world.release(world.init(), user.handle);
  world.settle();
  EXPECT_EQ(World::frames_free(), before);
}

// Tock #2135: a borrow was entered again from within. A window revokes itself by the call that goes through it.
TEST(LessonsInUse, Tock_2135_AWindowMayRevokeItselfByTheCallThatUsesIt) {
  World world;
  const auto memory = world.message<schema::FrameAllocator::Allocate>(world.init(), world.service("frames"), [](auto params) { params.set_pages(1); });
  const abi::CapId whole = memory.cap([](auto results) { return results.object(); });
  for (const bool by_message : {false, true}) {
    const auto made = world.message<schema::MemoryObject::CreateChild>(world.init(), whole, [](auto params) { params.set_size(kPage); });
    const abi::CapId window = made.cap([](auto results) { return results.child(); });
    if (by_message) {
      EXPECT_EQ(world.message<schema::MemoryOwner::Revoke>(world.init(), window, [](auto) {}).error(), kNoError);
    } else {
      EXPECT_EQ(world.call<schema::MemoryOwner::Revoke>(world.init(), window).error, kNoError);
    }
    EXPECT_EQ(world.call<schema::MemoryOwner::Revoke>(world.init(), window).error, transport(TransportError::invalid_cap));
    EXPECT_TRUE(world.release(world.init(), window).ok());
  }
}

// seL4 #844: time spent waiting for a lock was charged to the wrong thread, for the stamp was taken behind it.
TEST(LessonsInUse, SeL4_844_TimeAtAContendedLockIsTheCallers) {
  World world({.pack = {.cpus = 2}});
  const auto memory = world.message<schema::FrameAllocator::Allocate>(world.init(), world.service("frames"), [](auto params) { params.set_pages(1); });
  const abi::CapId words = memory.cap([](auto results) { return results.object(); });
  const auto shared = world.message<schema::ParkSpace::Share>(
      world.init(), world.service("self.park"), [&](auto params, auto& transfers) { params.set_memory(add(transfers, words)); });
  const Admitted island = admit_honest(world, {.tasks = {{.priority = 90}, {.name = "other", .priority = 80}}, .cpu = 1});
  std::vector<Thread*> tasks;
  for (const abi::CapId context : island.contexts) {
    const Child task = world.spawn({.cpu = 1, .context = context, .grants = {{"words", shared.cap([](auto results) { return results.space(); })}}});
    tasks.push_back(&world.thread(task));
    (void)world.call<schema::SchedulingContext::WaitNextRelease>(*tasks.back(), world.granted(tasks.back()->process, "self.context"));
  }
  const Time begin = world.machine().now() + Duration::ms(1);
  (void)world.call<schema::RealtimeIsland::Activate>(world.init(), island.island, {.start_ns = begin.ns()});
  world.run_to(begin);
  world.go_to(*tasks[0]);
  auto& object = *object_cast<kernel::MemoryObject>(world.init().process.capabilities().find(words)->object());
  const kernel::SchedulingContext &own = *tasks[0]->bound, &other = *tasks[1]->bound;
  const Duration others_before = other.total_consumed();
  // CPU 0 holds the lock, and gives it back 50 us after CPU 1 has begun to wait for it.
  std::optional<decltype(object.parked)::Guard> held(object.parked);
  unsigned turns = 0;
  world.machine().at_each_relax([&] {
    world.machine().advance(world.machine().now() + Duration::us(1));
    if (++turns == 50) held.reset();
  });
  (void)world.call<schema::SharedParkSpace::Unpark>(*tasks[0], world.granted(tasks[0]->process, "words"), {.offset = 0, .count = 1});
  world.machine().at_each_relax({});
  ASSERT_EQ(turns, 50u);
  const Duration before = own.total_consumed();
  const Time charged = world.cpu(1).scheduler.charged_until();
  EXPECT_LE(charged, begin + Duration::us(50));
  (void)world.call<schema::SchedulingContext::Consumed>(*tasks[0], world.granted(tasks[0]->process, "self.context"));
  EXPECT_EQ(before + (world.machine().now() - charged), own.total_consumed()) << "the caller pays for its wait";
  EXPECT_GE(own.total_consumed(), Duration::us(50));
  EXPECT_EQ(other.total_consumed(), others_before) << "and nobody else";
  kernel::SpinLock::forget_holders();  // it was given back on CPU 1's turn
}

}  // namespace
}  // namespace capos::ktest
