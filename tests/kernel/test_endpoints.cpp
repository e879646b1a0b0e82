// SPDX-License-Identifier: Apache-2.0
// Calls on endpoints in every state: queued, served, nested; and each way in which one ends.
#include <gtest/gtest.h>

#include "ipc/endpoint.hpp"
#include "world.hpp"

namespace capos::ktest {
namespace {

using kernel::Thread;
using kernel::ThreadState;
using schema::ExceptionType;
using schema::KernelError;
using schema::TransportError;

constexpr std::uint64_t kInterface = 0xabcd;
const Error kDisconnected = transport(TransportError::disconnected);

class Endpoints : public ::testing::Test {
 protected:
  // A child that holds "serve" and "service" of that endpoint.
  Child child(abi::CapId of) { return world.spawn({.grants = {{"serve", of}, {"service", world.connect(of)}}}); }
  abi::CapId cap(const Child& of, std::string_view name) { return world.granted(world.process(of.number), name); }
  Thread& thread(const Child& of) { return world.thread(of); }
  // Each returns at once; blocked calls are looked at by found().
  std::optional<Answer> call(const Child& caller, const Words& words = {}, std::uint16_t method = 3) {
    return world.call(thread(caller), cap(caller, "service"), kInterface, method, words);
  }
  std::optional<Answer> receive(const Child& server, const Words& words = {}, std::uint16_t exception = 0,
                                std::uint64_t detail = 0) {
    return world.reply_receive(thread(server), cap(server, "serve"), words, exception, detail);
  }
  ThreadState state(const Child& of) { return thread(of).state; }
  Answer found(const Child& of) {
    EXPECT_EQ(state(of), ThreadState::runnable);
    return world.answer(thread(of));
  }
  void kill(const Child& of) { (void)world.call<schema::ProcessHandle::Kill>(world.init(), of.handle); }

  World world{};
  abi::CapId endpoint = world.make_endpoint(kInterface);
};

TEST_F(Endpoints, ACallReachesAWaitingServerAndItsReplyTheCaller) {
  const Child server = child(endpoint), client = child(endpoint);
  EXPECT_EQ(receive(server), std::nullopt);
  EXPECT_EQ(state(server), ThreadState::await_call);
  EXPECT_EQ(call(client, {1, 2, 3, 4, 5, 6, 7, 8}, 9), std::nullopt);
  EXPECT_EQ(state(client), ThreadState::await_reply);
  const Answer received = found(server);
  EXPECT_EQ(received.status, 0);
  EXPECT_EQ(received.method, 9);
  EXPECT_EQ(received.cap, client.number);
  EXPECT_EQ(received.interface_id, kInterface);
  EXPECT_EQ(received.words, (Words{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_TRUE(world.is_current(thread(server))) << "a direct switch";
  EXPECT_EQ(receive(server, {8, 7, 6, 5, 4, 3, 2, 1}), std::nullopt);
  EXPECT_TRUE(world.is_current(thread(client))) << "and back";
  EXPECT_EQ(found(client).error(), kNoError);
  EXPECT_EQ(found(client).words, (Words{8, 7, 6, 5, 4, 3, 2, 1}));
}

TEST_F(Endpoints, AQueuedCallIsServedWhenTheServerComes) {
  const Child server = child(endpoint), first = child(endpoint), second = child(endpoint);
  EXPECT_EQ(call(first, {1}), std::nullopt);
  EXPECT_EQ(call(second, {2}), std::nullopt);
  EXPECT_EQ(state(first), ThreadState::await_server);
  EXPECT_EQ(receive(server)->words[0], 1u);
  EXPECT_EQ(receive(server, {10})->words[0], 2u) << "in order";
  EXPECT_EQ(found(first).words[0], 10u);
  EXPECT_EQ(receive(server, {20}), std::nullopt);
  EXPECT_EQ(found(second).words[0], 20u);
}

TEST_F(Endpoints, AServersExceptionReachesTheCallerWithItsDetail) {
  const Child server = child(endpoint), client = child(endpoint);
  (void)receive(server);
  (void)call(client);
  (void)receive(server, {}, 1 + static_cast<std::uint16_t>(ExceptionType::overloaded), 0x1234);
  EXPECT_EQ(found(client).error(), overloaded(static_cast<KernelError>(0x1234)));
}

TEST_F(Endpoints, ASecondReplyAnswersNobody) {
  const Child server = child(endpoint), client = child(endpoint);
  (void)receive(server);
  (void)call(client, {1});
  (void)receive(server, {11});
  EXPECT_EQ(found(client).words[0], 11u);
  (void)call(client, {2});  // the server is woken again, and replies once more
  (void)receive(server, {22});
  EXPECT_EQ(found(client).words[0], 22u);
  EXPECT_EQ(state(server), ThreadState::await_call);
}

TEST_F(Endpoints, TheServersDeathEndsTheCallItServesAndThoseThatQueue) {
  const Child server = child(endpoint), served = child(endpoint), queued = child(endpoint);
  (void)receive(server);
  (void)call(served, {1});
  (void)call(queued, {2});
  kill(server);
  EXPECT_EQ(found(served).error(), kDisconnected);
  EXPECT_EQ(found(queued).error(), kDisconnected);
  EXPECT_EQ(call(served)->error(), kDisconnected) << "closed to later calls";
}

TEST_F(Endpoints, ANewServerOpensAClosedEndpoint) {
  const Child server = child(endpoint), client = child(endpoint), next = child(endpoint);
  (void)receive(server);
  kill(server);
  EXPECT_EQ(call(client)->error(), kDisconnected);
  (void)receive(next);
  EXPECT_EQ(call(client), std::nullopt);
  (void)receive(next, {5});
  EXPECT_EQ(found(client).words[0], 5u);
}

TEST_F(Endpoints, OneOfTwoServersMayDie) {
  const Child one = child(endpoint), other = child(endpoint), client = child(endpoint);
  (void)receive(one);
  (void)receive(other);
  kill(one);
  EXPECT_EQ(call(client, {4}), std::nullopt);
  EXPECT_EQ(found(other).words[0], 4u);
}

TEST_F(Endpoints, AQueuedCallersDeathLeavesNoTrace) {
  const Child server = child(endpoint), first = child(endpoint), second = child(endpoint);
  (void)call(first, {1});
  (void)call(second, {2});
  kill(first);
  EXPECT_EQ(receive(server)->words[0], 2u);
}

TEST_F(Endpoints, AServedCallersDeathLeavesTheServerAtWork) {
  const Child server = child(endpoint), client = child(endpoint), next = child(endpoint);
  (void)receive(server);
  (void)call(client, {1});
  kill(client);
  EXPECT_EQ(state(server), ThreadState::runnable);
  world.go_to(thread(server));  // on time of its own
  (void)call(next, {2});
  EXPECT_EQ(receive(server, {9})->words[0], 2u) << "the reply goes to nobody, the next call comes";
  (void)receive(server, {8});
  EXPECT_EQ(found(next).words[0], 8u);
}

TEST_F(Endpoints, CallsNestAndAnswersComeBackInOrder) {
  const abi::CapId inner = world.make_endpoint(kInterface);
  const Child back = child(inner), client = child(endpoint);
  const Child middle = world.spawn({.grants = {{"serve", endpoint}, {"service", world.connect(inner)}}});
  (void)receive(back);
  (void)receive(middle);
  (void)call(client, {1});
  (void)call(middle, {2});
  EXPECT_EQ(state(client), ThreadState::await_reply);
  EXPECT_EQ(state(middle), ThreadState::await_reply);
  EXPECT_EQ(thread(back).account.entity, &thread(client).entity) << "on the first caller's time";
  (void)receive(back, {20});
  EXPECT_EQ(found(middle).words[0], 20u);
  (void)receive(middle, {10});
  EXPECT_EQ(found(client).words[0], 10u);
  EXPECT_EQ(thread(client).account.entity, &thread(client).entity);
}

TEST_F(Endpoints, TheMiddleOfANestedCallDies) {
  const abi::CapId inner = world.make_endpoint(kInterface);
  const Child back = child(inner), client = child(endpoint);
  const Child middle = world.spawn({.grants = {{"serve", endpoint}, {"service", world.connect(inner)}}});
  (void)receive(back);
  (void)receive(middle);
  (void)call(client, {1});
  (void)call(middle, {2});
  kill(middle);
  EXPECT_EQ(found(client).error(), kDisconnected);
  EXPECT_EQ(state(back), ThreadState::runnable) << "it goes on, for nobody";
  EXPECT_EQ(thread(back).account.entity, &thread(back).entity);
  EXPECT_EQ(receive(back, {3}), std::nullopt);
  EXPECT_EQ(state(back), ThreadState::await_call);
}

TEST_F(Endpoints, TheBackOfANestedCallDies) {
  const abi::CapId inner = world.make_endpoint(kInterface);
  const Child back = child(inner), client = child(endpoint);
  const Child middle = world.spawn({.grants = {{"serve", endpoint}, {"service", world.connect(inner)}}});
  (void)receive(back);
  (void)receive(middle);
  (void)call(client, {1});
  (void)call(middle, {2});
  kill(back);
  EXPECT_EQ(found(middle).error(), kDisconnected);
  EXPECT_EQ(state(client), ThreadState::await_reply);
  (void)receive(middle, {10});
  EXPECT_EQ(found(client).words[0], 10u);
}

TEST_F(Endpoints, TheFrontOfANestedCallDies) {
  const abi::CapId inner = world.make_endpoint(kInterface);
  const Child back = child(inner), client = child(endpoint);
  const Child middle = world.spawn({.grants = {{"serve", endpoint}, {"service", world.connect(inner)}}});
  (void)receive(back);
  (void)receive(middle);
  (void)call(client, {1});
  (void)call(middle, {2});
  kill(client);
  EXPECT_EQ(thread(back).account.entity, &thread(middle).entity) << "the chain goes on on its own time";
  (void)receive(back, {20});
  EXPECT_EQ(found(middle).words[0], 20u);
  EXPECT_EQ(receive(middle, {10}), std::nullopt);
  EXPECT_EQ(state(middle), ThreadState::await_call);
}

// Found by the random walk: those who queued at the endpoint that was left were ready, and nothing made them run.
TEST_F(Endpoints, AServerThatMovesAwayLetsThoseRunWhoQueuedThere) {
  const abi::CapId other = world.make_endpoint(kInterface);
  const Child server = world.spawn({.grants = {{"serve", endpoint}, {"other", other}}});
  const Child served = child(endpoint), queued = child(endpoint);
  (void)receive(server);
  (void)call(served, {1});
  (void)call(queued, {2});
  (void)world.reply_receive(thread(server), cap(server, "other"), {7});
  EXPECT_EQ(found(served).words[0], 7u);
  EXPECT_EQ(found(queued).error(), kDisconnected);
  EXPECT_FALSE(world.machine().timer(CpuId(0)).is_never()) << "they take turns";
  world.go_to(thread(queued));
  EXPECT_EQ(call(served)->error(), kDisconnected);
}

TEST_F(Endpoints, AFaultInAServerIsTheCallersDisconnect) {
  const Child server = child(endpoint), client = child(endpoint);
  (void)receive(server);
  (void)call(client);
  world.fault(thread(server), 14, 0x10);
  EXPECT_EQ(found(client).error(), kDisconnected);
}

TEST_F(Endpoints, GivingUpTheLastCapabilityLeavesOpenCallsAlone) {
  const Child server = child(endpoint), client = child(endpoint);
  (void)receive(server);
  (void)call(client, {1});
  (void)world.release(thread(server), cap(server, "serve"));
  (void)world.release(world.init(), endpoint);
  // It can receive no more: the next reply names a capability that is gone, and the call stays open until it ends.
  EXPECT_EQ(receive(server, {2})->error(), transport(TransportError::invalid_cap));
  EXPECT_EQ(state(client), ThreadState::await_reply);
  world.exit(thread(server), 0);
  EXPECT_EQ(found(client).error(), kDisconnected);
}

TEST_F(Endpoints, OnlyAnEndpointReceivesAndOnlyItsClientSideIsCalled) {
  const Child one = child(endpoint);
  EXPECT_EQ(world.reply_receive(thread(one), cap(one, "service"))->error(), transport(TransportError::invalid_cap));
  EXPECT_EQ(world.call(thread(one), cap(one, "serve"), kInterface, 0)->error().exception, ExceptionType::unimplemented);
}

TEST(EndpointsOfTwoCpus, ServerAndCallersAreOfTheFirstOnesCpu) {
  World world({.pack = {.cpus = 2}});
  const abi::CapId endpoint = world.make_endpoint(kInterface);
  const auto grants = [&] {
    return std::vector<std::pair<std::string, abi::CapId>>{{"serve", endpoint}, {"service", world.connect(endpoint)}};
  };
  const Child server = world.spawn({.cpu = 0, .grants = grants()});
  const Child far = world.spawn({.cpu = 1, .grants = grants()});
  (void)world.reply_receive(world.thread(server), world.granted(world.process(server.number), "serve"));
  const abi::CapId service = world.granted(world.process(far.number), "service");
  const abi::CapId serve = world.granted(world.process(far.number), "serve");
  const Error wrong = transport(TransportError::wrong_cpu);
  EXPECT_EQ(world.call(world.thread(far), service, kInterface, 0)->error(), wrong);
  EXPECT_EQ(world.reply_receive(world.thread(far), serve)->error(), wrong);
}

}  // namespace
}  // namespace capos::ktest
