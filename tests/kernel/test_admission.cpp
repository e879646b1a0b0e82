// SPDX-License-Identifier: Apache-2.0
// Admission in portions: others run between them, and whatever they do there, an island stands as it was checked or not at all.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "islands/desk.hpp"
#include "islands/lease.hpp"
#include "islands/standing.hpp"
#include "jobs.hpp"

namespace capos::ktest {
namespace {

using kernel::Process;
using kernel::Resource;
using schema::KernelError;
using Admit = schema::IslandAuthority::Admit;
using Change = schema::RealtimeIsland::ModeChange;
using Retire = schema::RealtimeIsland::Retire;

constexpr auto us = [](std::uint64_t value) { return value * 1'000; };

// So many tasks that the checker is busy for several periods of `beat`.
Claim large(std::size_t tasks = 128) {
  Claim claim{.tasks = {}, .cpu = 1, .name = "large"};
  for (std::size_t i = 0; i < tasks; ++i) {
    claim.tasks.push_back(
        {.name = "t" + std::to_string(i), .period_us = 500'000, .budget_ns = us(20), .priority = static_cast<std::uint8_t>(1 + i)});
  }
  return claim;
}

// A presenter calls with a certificate, as best effort on CPU 0, where the task `beat` runs each millisecond. The clock goes on by 10 us
// at each look, so the call takes time, and jobs come between its portions: there the tests do what they do.
class Portions : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kPresenter = 500;

  using Grants = std::vector<std::pair<std::string, abi::CapId>>;

  // Both hold `more` too.
  void start(const Grants& more = {}, const Task& task = {.name = "beat", .budget_ns = us(600)}) {
    Grants grants{{"islands", world.service("islands")}};
    grants.insert(grants.end(), more.begin(), more.end());
    const auto made = world.message<schema::ProcessSpawner::Spawn>(
        world.init(), world.service("spawner"), [&](auto params, auto& transfers) {
          params.set_name("presenter");
          params.set_program("program");
          params.set_source(kPresenter);
          params.set_ledger(add(transfers, world.service("self.ledger")));
          const auto list = params.init_grants(static_cast<std::uint32_t>(grants.size()));
          for (std::uint32_t i = 0; i < grants.size(); ++i) {
            list[i].set_name(grants[i].first);
            list[i].init_capability().set_capability(add(transfers, grants[i].second));
          }
        });
    ASSERT_TRUE(made.ok()) << made.error().text();
    world.go_to(presenter());
    grants.emplace_back("presenter", made.cap([](auto results) { return results.process(); }));
    const Admitted island = admit_honest(world, {.tasks = {task}, .name = "first"});
    const Child child = world.spawn({.context = island.contexts[0], .grants = grants});
    beat = &world.thread(child);
    EXPECT_TRUE(wait());
    const Time begin = world.machine().now() + Duration::ms(3);
    EXPECT_EQ(world.call<schema::RealtimeIsland::Activate>(world.init(), island.island, {.start_ns = begin.ns()}).error, kNoError);
  }

  [[nodiscard]] Thread& presenter() { return world.thread(kPresenter); }
  [[nodiscard]] abi::CapId of_beat(std::string_view name) { return world.granted(beat->process, name); }
  bool wait() { return world.call<Await>(*beat, of_beat("self.context")).blocked; }

  // Makes the call, up to where something else runs.
  template <typename Method>
  void present(Thread& thread, abi::CapId cap, const Claim& claim) {
    wire::MessageBuilder builder({reinterpret_cast<wire::Word*>(world.arena(thread)), World::kTransfersOffset / 8});
    write(builder.init_root<typename Method::Params>().init_certificate(), claim);
    abi::CapSqe entry{};
    entry.operation = static_cast<std::uint8_t>(abi::RingOperation::call);
    entry.method = Method::kOrdinal;
    entry.cap = cap.raw;
    entry.interface_id = Method::kInterfaceId;
    entry.params_size = static_cast<std::uint32_t>(builder.words().size() * 8);
    entry.results_offset = World::kResultsOffset;
    entry.results_capacity = abi::kArenaBytes - World::kResultsOffset;
    entry.transfers_offset = World::kTransfersOffset;
    world.submit(thread, entry);
    (void)world.enter_ring(thread);
  }
  void present(const Claim& claim) { present<Admit>(presenter(), world.granted(presenter().process, "islands"), claim); }

  [[nodiscard]] bool is_done() {
    Process* const process = world.find_process(kPresenter);
    if (process == nullptr || process->main_thread().has_ended()) return true;
    const abi::RingHeader& header = world.ring(process->main_thread()).header;
    return header.cq_head != header.cq_tail;
  }
  // Time passes, and `beat` does its jobs, until the call has ended; what it came to. `at_job`: in the k-th of these jobs.
  abi::CapCqe go_on(const std::function<void(unsigned)>& at_job = {}) {
    for (int turn = 0; turn < 10'000 && !is_done(); ++turn) {
      if (!world.is_current(*beat)) {
        world.run_to(world.machine().next_timer());
        continue;
      }
      const auto job = World::called<Await>(world.answer(*beat)).value;
      latest = std::max(latest, world.machine().now() - Time::from_ns(job.scheduled_ns));
      ++jobs;
      if (at_job) at_job(jobs);
      (void)wait();  // or in its next job, if that has been released
    }
    EXPECT_TRUE(is_done()) << "the call never ends";
    Process* const process = world.find_process(kPresenter);
    if (process == nullptr || process->main_thread().has_ended()) return {};
    return *world.take_completion(process->main_thread());
  }
  // Of an admission that is done.
  [[nodiscard]] std::string refusal() { return refusal(presenter()); }
  [[nodiscard]] std::string refusal(Thread& thread) {
    wire::MessageReader message({reinterpret_cast<const wire::Word*>(world.arena(thread) + World::kResultsOffset),
                                 (abi::kArenaBytes - World::kResultsOffset) / 8});
    const auto result = message.root<schema::AdmitResult>();
    return result.which() == schema::AdmitResult::Which::refused ? std::string(result.refused()) : "";
  }

  [[nodiscard]] std::uint64_t contexts_used() { return world.init().process.ledger().used(Resource::contexts); }

  World world{{.pack = {.cpus = 2}, .clock_step = Duration::us(10)}};
  Thread* beat = nullptr;
  unsigned jobs = 0;
  Duration latest{};
};

TEST_F(Portions, TasksBesideItAreInTime) {
  start();
  present(large());
  EXPECT_EQ(kernel::standing_count(), 1u) << "it has not come to an end at once";
  const abi::CapCqe completion = go_on();
  EXPECT_EQ(completion.result, 0);
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(completion.caps_count, 64u);
  EXPECT_EQ(kernel::standing_count(), 2u);
  EXPECT_GE(jobs, 5u);
  EXPECT_LT(latest, Duration::us(150)) << "a portion, and a few looks at the clock";
}

TEST_F(Portions, ARefusalComesFromTheMiddle) {
  Claim claim = large();
  claim.tasks[100].response_ns = us(30);
  start();
  present(claim);
  EXPECT_EQ(go_on().result, 0);
  EXPECT_NE(refusal().find("t100"), std::string::npos) << refusal();
  EXPECT_EQ(kernel::standing_count(), 1u);
  EXPECT_EQ(kernel::leased_cpus(), 1u);
}

// While the claims are put together, checked, and while contexts are made.
class DeathInTheMiddle : public Portions, public ::testing::WithParamInterface<unsigned> {};

TEST_P(DeathInTheMiddle, LeavesNothing) {
  start();
  const std::uint64_t contexts = contexts_used();
  present(large());
  std::uint64_t made = 0;
  const auto death = [&](unsigned job) {
    made = contexts_used() - contexts;
    // The last case waits until there are contexts.
    if (GetParam() == 0 ? made == 0 : job != GetParam()) return;
    EXPECT_EQ(world.call<schema::ProcessHandle::Kill>(*beat, of_beat("presenter")).error, kNoError);
  };
  (void)go_on(death);
  EXPECT_EQ(made != 0, GetParam() == 0) << made;
  EXPECT_LT(made, 128u);
  EXPECT_EQ(kernel::leased_cpus(), 1u);
  EXPECT_EQ(kernel::standing_count(), 1u);
  world.settle();
  EXPECT_EQ(contexts_used(), contexts);
  EXPECT_EQ(admit(world, large(1)).refusal, "") << "nobody is at the desk";
}

INSTANTIATE_TEST_SUITE_P(, DeathInTheMiddle, ::testing::Values(1, 2, 4, 0));

TEST_F(Portions, ASecondOneIsRefusedWhileTheFirstWorks) {
  start();
  present(large());
  Error error{};
  const auto second = [&](unsigned job) {
    if (job != 2) return;
    const auto answer = world.message<Admit>(*beat, of_beat("islands"), [&](auto params) {
      write(params.init_certificate(), {.tasks = {{}}, .cpu = 1, .name = "second"});
    });
    error = answer.error();
  };
  EXPECT_EQ(go_on(second).result, 0);
  EXPECT_EQ(error, overloaded(KernelError::busy));
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(kernel::standing_count(), 2u);
}

// It was put together with an island that has gone: what it claims is looked at again.
TEST_F(Portions, WhenAnIslandGoesMeanwhileItBeginsAgain) {
  const Admitted other = admit_honest(world, {.tasks = {{.name = "gone", .period_us = 500'000, .priority = 200}}, .cpu = 1, .name = "other"});
  Claim claim = large();
  claim.others = {{.name = "other", .responses_ns = {us(400'000)}}};
  start({{"other", other.island}});
  present(claim);
  const auto goes = [&](unsigned job) {
    if (job == 2) {
      EXPECT_EQ(world.call<Retire>(*beat, of_beat("other")).error, kNoError);
    }
  };
  EXPECT_EQ(go_on(goes).result, 0);
  EXPECT_NE(refusal().find("do not share its CPUs"), std::string::npos) << refusal();
  EXPECT_EQ(kernel::standing_count(), 1u);
}

const Claim kSecond{.tasks = {{}}, .cpu = 1, .name = "second"};

// A task that was stopped in the middle of its call would keep all others from admission.
TEST_F(Portions, WhoIsStoppedInTheMiddleLosesTheDesk) {
  start({}, {.name = "beat", .budget_ns = us(600), .on_overrun = kStopTask});
  world.go_to(*beat);
  present<Admit>(*beat, of_beat("islands"), large());
  world.run_for(Duration::ms(5));
  ASSERT_TRUE(beat->bound->stopped);
  EXPECT_EQ(admit(world, kSecond).error, overloaded(KernelError::busy));
  world.run_for(kernel::kPatience);
  EXPECT_EQ(admit(world, kSecond).refusal, "");
}

// One that has its budget again after longer than that: another has had the desk, and its own call begins again.
TEST_F(Portions, WhoComesBackToTheDeskBeginsAgain) {
  start({}, {.name = "beat", .period_us = 100'000, .budget_ns = us(5'000)});
  world.go_to(*beat);
  present<Admit>(*beat, of_beat("islands"), large());
  ASSERT_FALSE(world.is_current(*beat)) << "its budget is spent";
  world.run_for(Duration::ms(60));
  EXPECT_EQ(admit(world, kSecond).refusal, "");
  EXPECT_EQ(kernel::standing_count(), 2u);
  std::optional<abi::CapCqe> completion;
  for (int period = 0; period < 50 && !completion; ++period) {
    world.run_for(Duration::ms(100));
    completion = world.take_completion(*beat);
  }
  ASSERT_TRUE(completion.has_value());
  EXPECT_EQ(completion->result, 0);
  EXPECT_EQ(refusal(*beat), "large: it says nothing of an island that stands on its CPUs: second") << "its own certificate, not the other's";
  EXPECT_EQ(kernel::standing_count(), 2u);
}

// --- changes

class ChangeInPortions : public Portions {
 protected:
  explicit ChangeInPortions(const Task& beat = {.name = "beat", .budget_ns = us(600)}) {
    island = admit_honest(world, claim);
    for (Task& task : claim.tasks) task.period_us = 1'000'000;
    start({{"large", island.island}}, beat);
  }
  void present_change() { present<Change>(presenter(), world.granted(presenter().process, "large"), claim); }
  bool changing() { return world.call<schema::RealtimeIsland::Status>(world.init(), island.island).value.changing; }
  std::uint64_t period(std::size_t task) {
    const auto made = world.call<schema::SchedulingContext::Parameters>(world.init(), island.contexts[task]).value;
    return made.period_numerator * 1'000'000ull / made.period_denominator;
  }
  Claim claim = large();
  Admitted island{};
};

TEST_F(ChangeInPortions, IsMadeInTheEnd) {
  present_change();
  EXPECT_EQ(go_on().result, 0);
  EXPECT_GE(jobs, 5u);
  EXPECT_LT(latest, Duration::us(150));
  world.run_for(Duration::ms(1));
  EXPECT_FALSE(changing());
  for (const std::size_t task : {0u, 1u, 62u}) EXPECT_EQ(period(task), us(1'000)) << task;
}

TEST_F(ChangeInPortions, OfAnIslandThatIsRetiredMeanwhileEnds) {
  present_change();
  const auto goes = [&](unsigned job) {
    if (job == 3) {
      EXPECT_EQ(world.call<Retire>(*beat, of_beat("large")).error, kNoError);
    }
  };
  const abi::CapCqe completion = go_on(goes);
  EXPECT_EQ(error_of(completion.result, completion.flags), failed(KernelError::bad_state));
  EXPECT_EQ(kernel::standing_count(), 1u);
  EXPECT_EQ(admit(world, large(1)).refusal, "") << "nobody is at the desk";
}

// Its last stage is short: what is to change has been made.
struct ChangeSeenOften : ChangeInPortions {
  ChangeSeenOften() : ChangeInPortions({.name = "beat", .period_us = 200, .budget_ns = us(20)}) {}
};

TEST_F(ChangeSeenOften, WhoDiesInTheMiddleChangesNothing) {
  const auto frames = [&] { return world.init().process.ledger().used(Resource::frames); };
  const std::uint64_t before = frames();
  present_change();
  std::uint64_t most = 0;
  const auto death = [&](unsigned) {
    most = frames() - before;
    if (most >= 8) {
      EXPECT_EQ(world.call<schema::ProcessHandle::Kill>(*beat, of_beat("presenter")).error, kNoError);
    }
  };
  (void)go_on(death);
  EXPECT_GE(most, 8u) << "the kept certificate and the changes";
  world.settle();
  EXPECT_FALSE(changing());
  EXPECT_EQ(period(0), us(500));
  EXPECT_LE(frames(), before) << "and the presenter's own have gone";
  EXPECT_EQ(change(world, island.island, claim).refusal, "");
}

}  // namespace
}  // namespace capos::ktest
