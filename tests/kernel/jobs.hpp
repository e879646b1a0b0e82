// SPDX-License-Identifier: Apache-2.0
// An island whose tasks run: the test plays its programs job by job.
#pragma once

#include <gtest/gtest.h>

#include <utility>

#include "islands.hpp"
#include "islands/island.hpp"

namespace capos::ktest {

using kernel::SchedulingContext;
using kernel::Thread;
using Await = schema::SchedulingContext::WaitNextRelease;

class Jobs : public ::testing::Test {
 protected:
  void start(const Claim& claim, std::vector<std::pair<std::string, abi::CapId>> grants = {}) {
    island = admit_honest(world, claim);
    for (const abi::CapId context : island.contexts) {
      tasks.push_back(world.spawn({.context = context, .grants = grants}));
      EXPECT_TRUE(await(tasks.size() - 1).blocked);
    }
    begin = world.machine().now() + Duration::ms(1);
    ASSERT_EQ(world.call<schema::RealtimeIsland::Activate>(world.init(), island.island, {.start_ns = begin.ns()}).error, kNoError);
  }
  Thread& thread(std::size_t task) { return world.thread(tasks[task]); }
  abi::CapId cap(std::size_t task, std::string_view name) { return world.granted(thread(task).process, name); }
  Called<Await> await(std::size_t task) { return world.call<Await>(thread(task), cap(task, "self.context")); }
  Await::Results::Value job(std::size_t task) { return World::called<Await>(world.answer(thread(task))).value; }
  SchedulingContext& context(std::size_t task) { return *thread(task).bound; }
  auto status() { return world.call<schema::RealtimeIsland::Status>(world.init(), island.island).value; }
  Time release(std::uint64_t k, std::uint64_t period_us = 1'000) {
    return begin + Duration::us(static_cast<std::int64_t>(k * period_us));
  }

  World world{};
  Admitted island{};
  std::vector<Child> tasks{};
  Time begin{};
};

// Tasks that call passive servers.
class Donation : public Jobs {
 protected:
  Child serve(abi::CapId of) {
    const Child made = world.spawn({.passive = true, .grants = {{"serve", of}}});
    EXPECT_EQ(world.reply_receive(world.thread(made), world.granted(world.process(made.number), "serve")), std::nullopt);
    return made;
  }
  std::optional<Answer> call(std::size_t task) { return world.call(thread(task), cap(task, "service"), 5, 0); }
  std::optional<Answer> reply(const Child& server) {
    return world.reply_receive(world.thread(server), world.granted(world.process(server.number), "serve"));
  }
};

}  // namespace capos::ktest
