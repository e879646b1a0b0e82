// SPDX-License-Identifier: Apache-2.0
// Notifications and ends of processes: who waits, who is woken, on this CPU and from another.
#include <gtest/gtest.h>

#include "world.hpp"

namespace capos::ktest {
namespace {

using kernel::ThreadState;
using schema::ExitReason;
using schema::KernelError;
using schema::TransportError;
using Signal = schema::Notification::Signal;
using Wait = schema::Notification::Wait;
using Poll = schema::Notification::Poll;

constexpr auto kFar = CpuId(1);

class Notifications : public ::testing::Test {
 protected:
  Child child(std::uint16_t cpu = 0) { return world.spawn({.cpu = cpu, .grants = {{"event", event}}}); }
  abi::CapId cap(const Child& of) { return world.granted(world.process(of.number), "event"); }
  auto wait(const Child& of) { return world.call<Wait>(world.thread(of), cap(of)); }
  void signal(std::uint64_t bits) { EXPECT_EQ(world.call<Signal>(world.init(), event, {.bits = bits}).error, kNoError); }
  std::uint64_t poll() { return world.call<Poll>(world.init(), event).value.bits; }
  ThreadState state(const Child& of) { return world.thread(of).state; }
  std::uint64_t bits_of(const Child& of) { return world.called<Wait>(world.answer(world.thread(of))).value.bits; }

  World world{{.pack = {.cpus = 2}}};
  abi::CapId event = world.make_notification();
};

TEST_F(Notifications, BitsGatherUntilTheyAreTakenAtOnce) {
  EXPECT_EQ(poll(), 0u);
  signal(1);
  signal(6);
  EXPECT_EQ(poll(), 7u);
  EXPECT_EQ(poll(), 0u);
}

TEST_F(Notifications, WaitTakesWhatIsThereWithoutBlocking) {
  const Child one = child();
  signal(5);
  const auto found = wait(one);
  EXPECT_FALSE(found.blocked);
  EXPECT_EQ(found.value.bits, 5u);
}

TEST_F(Notifications, ASignalWakesTheWaiterWithAllBits) {
  const Child one = child();
  EXPECT_TRUE(wait(one).blocked);
  signal(12);
  EXPECT_EQ(state(one), ThreadState::runnable);
  EXPECT_EQ(bits_of(one), 12u);
  EXPECT_EQ(poll(), 0u);
}

TEST_F(Notifications, ASignalWithoutBitsWakesNobody) {
  const Child one = child();
  (void)wait(one);
  signal(0);
  EXPECT_EQ(state(one), ThreadState::await_signal);
}

TEST_F(Notifications, OneThreadWaitsTheOtherIsToldSo) {
  const Child one = child(), other = child(1);
  EXPECT_TRUE(wait(one).blocked);
  EXPECT_EQ(wait(other).error, overloaded(KernelError::busy));
  signal(1);
  EXPECT_TRUE(wait(other).blocked) << "the place is free again";
}

TEST_F(Notifications, AWaiterOfAnotherCpuIsWokenByItsOwnCpu) {
  const Child far = child(1);
  (void)wait(far);
  signal(3);
  EXPECT_EQ(state(far), ThreadState::await_signal) << "its CPU has not heard of it";
  EXPECT_TRUE(world.machine().mail_pending(kFar));
  signal(4);  // comes before the mail is read
  (void)world.machine().deliver_mail(kFar);
  EXPECT_EQ(bits_of(far), 7u) << "all bits of that moment";
}

// The bits that are there belong to the thread that is being woken.
TEST_F(Notifications, ASignalWithoutBitsLeavesARingAlone) {
  const Child far = child(1);
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(abi::RingOperation::notify);
  entry.cap = event.raw;
  world.submit(world.init(), entry);
  (void)world.enter_ring(world.init());
  (void)wait(far);
  signal(3);  // to the thread, by mail
  signal(0);
  EXPECT_EQ(world.take_completion(world.init()), std::nullopt);
  (void)world.machine().deliver_mail(kFar);
  EXPECT_EQ(bits_of(far), 3u);
  signal(4);
  EXPECT_EQ(world.take_completion(world.init()).value_or(abi::CapCqe{}).value, 4u);
}

// There is nothing to tell it. (Found by stepping through single accesses: a signal that had set its bits, which an earlier
// wake-up delivered, found the thread waiting again; tests/models.)
TEST_F(Notifications, AWaiterWhoseBitsWereTakenWaitsOn) {
  const Child far = child(1);
  (void)wait(far);
  signal(3);
  EXPECT_EQ(poll(), 3u);
  (void)world.machine().deliver_mail(kFar);
  EXPECT_EQ(state(far), ThreadState::await_signal);
  signal(4);
  (void)world.machine().deliver_mail(kFar);
  EXPECT_EQ(state(far), ThreadState::runnable);
  EXPECT_EQ(bits_of(far), 4u);
}

TEST_F(Notifications, AWaiterWhoseBitsAndPlaceWereTakenIsToldOfNone) {
  const Child far = child(1);
  (void)wait(far);
  signal(3);
  EXPECT_EQ(world.call<Wait>(world.init(), event).value.bits, 3u);
  EXPECT_TRUE(world.call<Wait>(world.init(), event).blocked);
  (void)world.machine().deliver_mail(kFar);
  EXPECT_EQ(state(far), ThreadState::runnable);
  EXPECT_EQ(bits_of(far), 0u);
  EXPECT_EQ(world.init().state, ThreadState::await_signal);
}

TEST_F(Notifications, ANotifyWhoseBitsWereTakenWaitsOn) {
  const Child far = child(1);
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(abi::RingOperation::notify);
  entry.cap = cap(far).raw;
  world.submit(world.thread(far), entry);
  (void)world.enter_ring(world.thread(far));
  signal(3);
  EXPECT_EQ(poll(), 3u);
  (void)world.machine().deliver_mail(kFar);
  EXPECT_EQ(world.take_completion(world.thread(far)), std::nullopt);
  signal(4);
  (void)world.machine().deliver_mail(kFar);
  EXPECT_EQ(world.take_completion(world.thread(far)).value_or(abi::CapCqe{}).value, 4u);
}

// It is back in its place after the lease has ended: it must not wait there for ever.
TEST_F(Notifications, AWaiterWhoseBitsWereTakenEndsWithItsLease) {
  kernel::Thread& init = world.init();
  const auto session = world.message<schema::SessionAuthority::Create>(
      init, world.service("sessions"), [&](auto params, auto& transfers) { params.set_ledger(add(transfers, world.service("self.ledger"))); });
  const auto lease = world.message<schema::Session::CreateLease>(
      init, session.cap([](auto results) { return results.session(); }), [](auto) {});
  const abi::CapId ends = lease.cap([](auto results) { return results.lease(); });
  const auto granted = world.message<schema::GrantLease::Grant>(init, ends, [&](auto params, auto& transfers) {
    params.init_capability().set_capability(add(transfers, event));
  });
  const abi::CapId leased = granted.cap([](auto results) { return results.leased().get_capability(); });
  const Child far = world.spawn({.cpu = 1, .grants = {{"event", leased}}});
  EXPECT_TRUE(wait(far).blocked);
  signal(3);
  EXPECT_EQ(poll(), 3u);
  EXPECT_EQ(world.call<schema::GrantLease::End>(init, ends).error, kNoError);
  for (int mails = 0; world.machine().mail_pending(kFar); ++mails) {
    ASSERT_LT(mails, 10);
    (void)world.machine().deliver_mail(kFar);
  }
  EXPECT_EQ(state(far), ThreadState::runnable);
  EXPECT_EQ(world.answer(world.thread(far)).error(), transport(TransportError::disconnected));
}

TEST_F(Notifications, AWaiterThatDiesLeavesItsPlace) {
  const Child one = child(), other = child();
  (void)wait(one);
  (void)world.call<schema::ProcessHandle::Kill>(world.init(), one.handle);
  EXPECT_TRUE(wait(other).blocked);
  signal(1);
  EXPECT_EQ(bits_of(other), 1u);
}

// Killed while its wake-up is under way, in both orders of the two mails.
TEST_F(Notifications, AWakeUpForTheDeadIsForNobody) {
  for (const bool kill_first : {false, true}) {
    const Child far = child(1);
    (void)wait(far);
    if (kill_first) (void)world.call<schema::ProcessHandle::Kill>(world.init(), far.handle);
    signal(2);
    if (!kill_first) (void)world.call<schema::ProcessHandle::Kill>(world.init(), far.handle);
    (void)world.machine().deliver_mail(kFar);
    world.check();
    EXPECT_FALSE(world.call<schema::ProcessHandle::State>(world.init(), far.handle).value.alive);
    EXPECT_EQ(poll(), kill_first ? 2u : 0u) << "who dies before it is woken leaves the bits";
    (void)world.release(world.init(), far.handle);
    world.settle();
    EXPECT_EQ(world.find_process(far.number), nullptr);
  }
}

TEST_F(Notifications, TheLastCapabilityMayGoWhileSomebodyWaits) {
  const Child one = child();
  (void)wait(one);
  (void)world.release(world.init(), event);
  EXPECT_EQ(state(one), ThreadState::await_signal);
  (void)world.call<schema::ProcessHandle::Kill>(world.init(), one.handle);
  world.settle();
  event = world.make_notification();
}

TEST_F(Notifications, WaitByTheRingIsRefused) {
  const auto found = world.message<Wait>(world.init(), event, [](auto) {});
  EXPECT_EQ(found.error(), transport(TransportError::invalid_operation));
  signal(8);
  const auto taken = world.message<Wait>(world.init(), event, [](auto) {});
  EXPECT_TRUE(taken.ok());
  EXPECT_EQ(taken.read([](auto results) { return results.bits(); }), 8u);
}

// --- ends of processes ------------------------------------------------------------------------------------------

TEST_F(Notifications, AnEndIsToldToWhoWaitsAndToWhoAsksLater) {
  const Child one = child();
  const Child watcher = world.spawn({.grants = {{"child", one.handle}}});
  const abi::CapId handle = world.granted(world.process(watcher.number), "child");
  EXPECT_TRUE(world.call<schema::ProcessHandle::Wait>(world.thread(watcher), handle).blocked);
  EXPECT_EQ(world.call<schema::ProcessHandle::Wait>(world.init(), one.handle).error, overloaded(KernelError::busy));
  world.exit(world.thread(one), 77);
  const auto told = world.called<schema::ProcessHandle::Wait>(world.answer(world.thread(watcher))).value;
  EXPECT_EQ(told.reason, ExitReason::exited);
  EXPECT_EQ(told.code, 77);
  const auto later = world.call<schema::ProcessHandle::Wait>(world.init(), one.handle).value;
  EXPECT_EQ(later.code, 77);
}

TEST_F(Notifications, AnEndOnAnotherCpuIsToldByMail) {
  const Child far = child(1);
  world.go_to(world.thread(far));
  const Child watcher = world.spawn({.grants = {{"child", far.handle}}});
  const abi::CapId handle = world.granted(world.process(watcher.number), "child");
  EXPECT_TRUE(world.call<schema::ProcessHandle::Wait>(world.thread(watcher), handle).blocked);
  world.fault(world.thread(far), 6, 0);
  EXPECT_EQ(state(watcher), ThreadState::await_signal);
  (void)world.machine().deliver_mail(CpuId(0));
  const auto told = world.called<schema::ProcessHandle::Wait>(world.answer(world.thread(watcher))).value;
  EXPECT_EQ(told.reason, ExitReason::fault);
  EXPECT_EQ(told.code, 6);
}

TEST_F(Notifications, KilledBeforeItEverRan) {
  const Child far = child(1);  // its start is mail
  (void)world.call<schema::ProcessHandle::Kill>(world.init(), far.handle);
  (void)world.call<schema::ProcessHandle::Kill>(world.init(), far.handle);
  (void)world.machine().deliver_mail(kFar);
  world.check();
  EXPECT_EQ(world.machine().place(kFar), host::Place::idle);
  EXPECT_EQ(world.call<schema::ProcessHandle::Wait>(world.init(), far.handle).value.reason, ExitReason::killed);
}

}  // namespace
}  // namespace capos::ktest
