// SPDX-License-Identifier: Apache-2.0
// An endpoint that its owner revokes: whatever is under way there ends exactly once, and both sides go on.
//
// LessonsInFlight.IoUring_*: what an entry refers to is taken away while the entry is under way.
#include <gtest/gtest.h>

#include "ipc/endpoint.hpp"
#include "ipc/ring_state.hpp"
#include "world.hpp"

namespace capos::ktest {
namespace {

using kernel::Thread;
using kernel::ThreadState;
using schema::TransportError;

constexpr std::uint64_t kInterface = 0xabcd;
const Error kDisconnected = transport(TransportError::disconnected);
constexpr std::uint64_t kForEver = ~std::uint64_t{0};

class Revocation : public ::testing::Test {
 protected:
  Revocation() { std::memset(world.arena(world.init()), 0, 16); }
  Child child() {
    return world.spawn({.grants = {{"serve", endpoint}, {"service", world.connect(endpoint)}, {"event", event}}});
  }
  abi::CapId cap(const Child& of, std::string_view name) { return world.granted(world.process(of.number), name); }
  Thread& thread(const Child& of) { return world.thread(of); }
  ThreadState state(const Child& of) { return thread(of).state; }
  void call(const Child& caller) { (void)world.call(thread(caller), cap(caller, "service"), kInterface, 0, {1}); }
  void receive(const Child& server) { (void)world.reply_receive(thread(server), cap(server, "serve")); }
  void revoke() {
    EXPECT_EQ(world.call<schema::Endpoint::Revoke>(world.init(), endpoint).error, kNoError);
    world.run_for(Duration::us(10));
  }
  // Its call, or its wait for calls, has ended so.
  void expect_ended(const Child& of) {
    ASSERT_EQ(state(of), ThreadState::runnable);
    EXPECT_EQ(world.answer(thread(of)).error(), kDisconnected);
    world.go_to(thread(of));
  }

  // --- by ring
  abi::CapSqe call_entry(const Child& caller, std::uint64_t user_data) {
    abi::CapSqe entry{};
    entry.operation = static_cast<std::uint8_t>(abi::RingOperation::call);
    entry.cap = cap(caller, "service").raw;
    entry.interface_id = kInterface;
    entry.user_data = user_data;
    std::memset(world.arena(thread(caller)), 0, 8);
    entry.params_size = 8;
    entry.results_offset = World::kResultsOffset;
    entry.results_capacity = 256;
    return entry;
  }
  abi::CapSqe receive_entry(const Child& server, std::uint8_t flags = 0) {
    abi::CapSqe entry{};
    entry.operation = static_cast<std::uint8_t>(abi::RingOperation::receive);
    entry.flags = flags;
    entry.cap = cap(server, "serve").raw;
    entry.user_data = 77;
    entry.results_offset = World::kResultsOffset;
    entry.results_capacity = 512;
    return entry;
  }
  // cap_enter that waits for `wanted` completions, for `timeout_ns`.
  void wait_in_ring(const Child& of, std::uint64_t wanted, std::uint64_t timeout_ns = kForEver) {
    (void)world.enter(thread(of), static_cast<std::uint64_t>(abi::SystemCall::cap_enter), {}, 0, {wanted, timeout_ns});
  }
  void expect_completion(const Child& of, std::uint64_t user_data, TransportError error) {
    const auto completion = world.take_completion(thread(of));
    ASSERT_TRUE(completion.has_value()) << user_data;
    EXPECT_EQ(completion->user_data, user_data);
    EXPECT_EQ(completion->result, -static_cast<std::int32_t>(error));
  }
  void expect_no_completion(const Child& of) { EXPECT_EQ(world.take_completion(thread(of)), std::nullopt); }

  World world{};
  abi::CapId endpoint = world.make_endpoint(kInterface);
  abi::CapId event = world.make_notification();
};

TEST_F(Revocation, EndsTheCallBeingServedAndLeavesItsServerAtWork) {
  const Child server = child(), client = child();
  receive(server);
  call(client);
  ASSERT_EQ(state(client), ThreadState::await_reply);
  revoke();
  expect_ended(client);
  world.go_to(thread(server));  // on time of its own
  EXPECT_EQ(world.reply_receive(thread(server), cap(server, "serve"))->error(), transport(TransportError::invalid_cap));
}

TEST_F(Revocation, EndsCallsThatQueueAndServersThatWait) {
  const Child busy = child(), first = child(), second = child();
  receive(busy);
  call(first);
  call(second);
  ASSERT_EQ(state(second), ThreadState::await_server);
  revoke();
  expect_ended(first);
  expect_ended(second);
}

TEST_F(Revocation, EndsAWaitForCalls) {
  const Child server = child();
  receive(server);
  revoke();
  expect_ended(server);
}

TEST_F(Revocation, EndsWhatIsSentOneWayAndQueues) {
  const Child sender = child();
  (void)world.enter(thread(sender), static_cast<std::uint64_t>(abi::SystemCall::send), cap(sender, "service"), kInterface, {1});
  ASSERT_EQ(state(sender), ThreadState::await_server);
  revoke();
  expect_ended(sender);
}

TEST_F(Revocation, IsForGood) {
  const Child client = child();
  revoke();
  EXPECT_EQ(world.call(thread(client), cap(client, "service"), kInterface, 0)->error(), kDisconnected);
  EXPECT_EQ(world.call<schema::Endpoint::Revoke>(world.init(), endpoint).error, transport(TransportError::invalid_cap));
}

TEST_F(Revocation, EndsAReceiveOfARing) {
  for (const std::uint8_t flags : {std::uint8_t{0}, abi::kSqeMultishot}) {
    endpoint = world.make_endpoint(kInterface);
    const Child server = child();
    world.submit(thread(server), receive_entry(server, flags));
    wait_in_ring(server, 1);
    ASSERT_EQ(state(server), ThreadState::await_completions);
    revoke();
    ASSERT_EQ(state(server), ThreadState::runnable);
    world.go_to(thread(server));
    expect_completion(server, 77, TransportError::disconnected);
    expect_no_completion(server);
  }
}

// Calls of a ring: one in the server's hands, one in the queue or not started yet, a waiting caller.
class LessonsInFlight : public Revocation {};

TEST_F(LessonsInFlight, IoUring_2024_0582_RingCallsBeingServedAndToComeEndOnceEach) {
  const Child server = child(), client = child();
  receive(server);
  for (std::uint64_t i = 0; i < 4; ++i) world.submit(thread(client), call_entry(client, i));
  wait_in_ring(client, 4);
  ASSERT_TRUE(world.is_current(thread(server)));
  revoke();
  world.go_to(thread(client));
  for (std::uint64_t i = 0; i < 4; ++i) expect_completion(client, i, TransportError::disconnected);
  expect_no_completion(client);
  world.go_to(thread(server));
}

TEST_F(LessonsInFlight, IoUring_2024_0582_ARingCallThatQueuesEndsOnce) {
  const Child client = child();
  world.submit(thread(client), call_entry(client, 5));
  wait_in_ring(client, 1);
  ASSERT_EQ(state(client), ThreadState::await_completions);
  revoke();
  world.go_to(thread(client));
  expect_completion(client, 5, TransportError::disconnected);
  expect_no_completion(client);
}

// The caller waits no more: the server works on, on its own time, and the call is open.
TEST_F(LessonsInFlight, IoUring_2024_0582_ARingCallWhoseCallerHasGoneOnEndsOnce) {
  const Child server = child(), client = child();
  receive(server);
  world.submit(thread(client), call_entry(client, 6));
  wait_in_ring(client, 1, 20'000);
  world.run_for(Duration::us(50));
  ASSERT_EQ(state(client), ThreadState::runnable);
  ASSERT_EQ(state(server), ThreadState::runnable);
  expect_no_completion(client);
  revoke();
  world.go_to(thread(client));
  (void)world.enter_ring(thread(client));
  expect_completion(client, 6, TransportError::disconnected);
  expect_no_completion(client);
  world.go_to(thread(server));
}

TEST_F(LessonsInFlight, IoUring_2024_0582_ACallPipelinedOnARevokedOneFailsLikeIt) {
  const Child server = child(), client = child();
  receive(server);
  abi::CapSqe first = call_entry(client, 8);
  first.flags = abi::kSqeAnswer;
  abi::CapSqe second = call_entry(client, 9);
  second.flags = abi::kSqePipelined;
  second.cap = 8;
  world.submit(thread(client), first);
  world.submit(thread(client), second);
  wait_in_ring(client, 2);
  revoke();
  world.go_to(thread(client));
  expect_completion(client, 8, TransportError::disconnected);
  expect_completion(client, 9, TransportError::disconnected);
  expect_no_completion(client);
}

// Everything at once, then the caller dies with its operations under way: nothing stays behind.
TEST_F(LessonsInFlight, IoUring_29582_AThreadMayDieWithEveryKindOfOperationUnderWay) {
  const std::uint64_t before = World::frames_free();
  const Child server = child(), client = child();
  receive(server);
  Thread& caller = thread(client);
  world.submit(caller, call_entry(client, 1));
  world.submit(caller, call_entry(client, 2));
  abi::CapSqe timeout{};
  timeout.operation = static_cast<std::uint8_t>(abi::RingOperation::timeout);
  timeout.cap = world.machine().now().ns() + 1'000'000;
  world.submit(caller, timeout);
  abi::CapSqe notify{};
  notify.operation = static_cast<std::uint8_t>(abi::RingOperation::notify);
  notify.flags = abi::kSqeMultishot;
  notify.cap = cap(client, "event").raw;
  world.submit(caller, notify);
  world.submit(caller, receive_entry(client));
  wait_in_ring(client, 9);
  for (const Child& victim : {client, server}) {
    EXPECT_EQ(world.call<schema::ProcessHandle::Kill>(world.init(), victim.handle).error, kNoError);
    (void)world.release(world.init(), victim.handle);
  }
  (void)world.call<schema::Notification::Signal>(world.init(), event, {.bits = 1});
  world.run_for(Duration::ms(2));
  revoke();
  world.settle();
  EXPECT_EQ(World::frames_free(), before);
}

// --- faults that wait for a supervisor whose endpoint goes

class RevokedSupervisor : public ::testing::Test {
 protected:
  RevokedSupervisor() {
    endpoint = world.make_endpoint(schema::FaultHandler::kInterfaceId);
    supervisor = world.spawn({.grants = {{"serve", endpoint}}});
    const abi::CapId handler = world.connect(endpoint);
    using Method = schema::ProcessSpawner::Spawn;
    const auto made = world.message<Method>(world.init(), world.service("spawner"), [&](auto params, auto& transfers) {
      params.set_name("supervised");
      params.set_program("program");
      params.set_memory_pages(200);
      params.set_source(500);
      params.init_supervisor().set_capability(add(transfers, handler));
    });
    EXPECT_TRUE(made.ok()) << made.error();
  }
  World world{};
  abi::CapId endpoint{};
  Child supervisor{};
};

TEST_F(RevokedSupervisor, AFaultInItsHandsEndsTheFaultingProcess) {
  (void)world.reply_receive(world.thread(supervisor), world.granted(world.process(supervisor.number), "serve"));
  world.fault(world.thread(500), 14, 0x123);
  ASSERT_EQ(world.thread(500).state, ThreadState::await_supervisor);
  EXPECT_EQ(world.call<schema::Endpoint::Revoke>(world.init(), endpoint).error, kNoError);
  world.settle();
  kernel::Process* const left = world.find_process(500);
  EXPECT_TRUE(left == nullptr || !left->alive());
  world.go_to(world.thread(supervisor));
}

TEST_F(RevokedSupervisor, AFaultThatQueuesEndsTheFaultingProcess) {
  // A server that is elsewhere keeps the endpoint open.
  (void)world.reply_receive(world.thread(supervisor), world.granted(world.process(supervisor.number), "serve"));
  world.fault(world.thread(500), 13, 0);
  ASSERT_EQ(world.thread(500).state, ThreadState::await_supervisor);
  EXPECT_EQ(world.call<schema::ProcessHandle::Kill>(world.init(), supervisor.handle).error, kNoError);
  world.settle();
  kernel::Process* const left = world.find_process(500);
  EXPECT_TRUE(left == nullptr || !left->alive());
}

}  // namespace
}  // namespace capos::ktest
