// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <list>

#include "capos/sched/ready_queue.hpp"
#include "random.hpp"

namespace capos::sched {
namespace {

using test::Random;

void configure(Context& context, std::uint8_t priority) {
  const auto done = context.configure({.budget = Duration::us(10),
                                       .period = {1, 1000},
                                       .deadline = Duration::ms(1),
                                       .priority = Priority(priority),
                                       .cpu = CpuId(0),
                                       .island = IslandId(1)},
                                      Time{});
  ASSERT_TRUE(done.has_value());
}

TEST(ReadyQueue, EdgesOfTheBitmap) {
  ReadyQueue queue;
  std::deque<Context> contexts(8);
  const std::array<std::uint8_t, 8> levels{0, 63, 64, 127, 128, 191, 192, 255};
  for (std::size_t i = 0; i < levels.size(); ++i) {
    configure(contexts[i], levels[i]);
    queue.push_back(contexts[i]);
    EXPECT_EQ(queue.highest(), &contexts[i]) << int{levels[i]};
  }
  for (std::size_t i = levels.size(); i-- > 0;) {
    EXPECT_EQ(queue.highest(), &contexts[i]);
    queue.erase(contexts[i]);
  }
  EXPECT_EQ(queue.highest(), nullptr);
  EXPECT_EQ(queue.size(), 0u);
}

TEST(ReadyQueue, AgreesWithAListPerLevel) {
  Random random(3);
  ReadyQueue queue;
  std::deque<Context> contexts(100);
  std::array<std::list<Context*>, 256> reference;
  for (Context& context : contexts)
    configure(context, static_cast<std::uint8_t>(random.between(0, 255) & 0xc7));
  for (int step = 0; step < 200'000; ++step) {
    Context& context = contexts[static_cast<std::size_t>(random.between(0, 99))];
    auto& level = reference[context.priority().value()];
    if (context.linked()) {
      queue.erase(context);
      level.remove(&context);
    } else if (random.chance(50)) {
      queue.push_back(context);
      level.push_back(&context);
    } else {
      queue.push_front(context);
      level.push_front(&context);
    }
    Context* highest = nullptr;
    for (const auto& list : reference) highest = list.empty() ? highest : list.front();
    ASSERT_EQ(queue.highest(), highest) << "step " << step;
  }
}

}  // namespace
}  // namespace capos::sched
