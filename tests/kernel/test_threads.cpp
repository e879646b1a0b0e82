// SPDX-License-Identifier: Apache-2.0
// Several threads of one process: found by the random walk, each mended with its case here.
#include <gtest/gtest.h>

#include "world.hpp"

namespace capos::ktest {
namespace {

struct Made {
  std::uint32_t number = 0;
  kernel::Thread* thread = nullptr;
};

Made make_thread(World& world, kernel::Thread& by) {
  const auto made = world.message<schema::ThreadFactory::Create>(
      by, world.granted(by.process, "self.threads"), [](auto params) {
        params.set_entry(abi::kProgramBase);
        params.set_stack_top(abi::kStackTop);
      });
  if (!made.ok()) throw std::logic_error("no thread: " + made.error().text());
  const auto number = made.read([](auto results) { return results.number(); });
  auto& threads = by.process.threads();
  for (kernel::Thread* one = threads.front(); one != nullptr; one = threads.next(*one)) {
    if (one->number == number) return {number, one};
  }
  throw std::logic_error("the thread is not there");
}

void end_thread(World& world, kernel::Thread& thread) {
  (void)world.enter(thread, static_cast<std::uint64_t>(abi::SystemCall::exit_thread), {}, 0, {});
}

TEST(Threads, TheFirstThreadsNumberIsNeverAnothers) {
  World world;
  const Child child = world.spawn({});
  kernel::Thread& first = world.thread(child);
  const Made second = make_thread(world, first);
  EXPECT_EQ(second.number, 1u);
  end_thread(world, first);
  // 0 stays the first's, and so does the place of its ring.
  const Made third = make_thread(world, *second.thread);
  EXPECT_EQ(third.number, 2u);
  end_thread(world, *second.thread);
  EXPECT_EQ(make_thread(world, *third.thread).number, 1u);
}

}  // namespace
}  // namespace capos::ktest
