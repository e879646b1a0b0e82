// SPDX-License-Identifier: Apache-2.0
// Two threads on one ring and on one cell. Built a second time under ThreadSanitizer.
#include <gtest/gtest.h>
#include <sched.h>

#include <semaphore>
#include <thread>

#include "capos/shared_buffer/cell.hpp"
#include "ring_memory.hpp"

namespace capos::test {
namespace {

#ifdef __SANITIZE_THREAD__
constexpr std::uint64_t kElements = 100'000;
#else
constexpr std::uint64_t kElements = 1'000'000;
#endif

bool whole(const Sample& sample) {
  const Sample expected = make_sample(sample.number);
  return sample.value == expected.value && sample.check == expected.check;
}

// Both sides sleep on a semaphore exactly when the protocol says they may. A lost wake-up hangs the test.
void sleep_and_be_woken(RingWaits waits) {
  RingMemory<Sample, 16> memory(~std::uint64_t{0} - kElements / 2, waits);
  std::counting_semaphore<> data(0), space(0);
  std::uint64_t sleeps = 0;
  std::thread sender([&, producer = memory.producer()]() mutable {
    for (std::uint64_t i = 0; i < kElements;) {
      if (const auto pushed = producer.push(make_sample(i))) {
        if (*pushed == PushOutcome::wake_needed) data.release();
        ++i;
      } else if (producer.prepare_sleep()) {
        space.acquire();
      }
      producer.finish_sleep();
    }
    if (producer.close()) data.release();
  });
  auto consumer = memory.consumer();
  std::uint64_t next = 0;
  while (true) {
    if (const auto item = consumer.pop()) {
      ASSERT_EQ(item->element.number, next);
      ASSERT_TRUE(whole(item->element));
      if (item->wake_needed) space.release();
      ++next;
      continue;
    }
    if (consumer.producer_gone() && consumer.available() == 0) break;
    if (consumer.prepare_sleep()) {
      ++sleeps;
      data.acquire();
    }
    consumer.finish_sleep();
  }
  sender.join();
  EXPECT_EQ(next, kElements);
  EXPECT_GT(sleeps, 0u);
  EXPECT_EQ(consumer.stale_slots(), 0u);
}

TEST(RingThreads, SleepersAreWokenAndNothingIsLost) { sleep_and_be_woken(RingWaits::across_cpus); }

// No fence there; the scheduler interrupts each side anywhere.
TEST(RingThreads, OnOneCpuSleepersAreWokenAndNothingIsLost) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);  // and so for the threads that it starts
  sleep_and_be_woken(RingWaits::on_one_cpu);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

// A producer that never waits: what the consumer got and what it saw missing add up to what was offered.
TEST(RingThreads, TakenAndLostAddUp) {
  RingMemory<Sample, 64> memory;
  std::atomic<std::uint64_t> accepted{0};
  std::thread sender([&, producer = memory.producer()]() mutable {
    std::uint64_t stored = 0;
    for (std::uint64_t i = 0; i < kElements; ++i) stored += producer.push(make_sample(i)).has_value();
    accepted = stored;
    EXPECT_EQ(stored + producer.overruns(), kElements);
    (void)producer.close();
  });
  auto consumer = memory.consumer();
  std::uint64_t taken = 0, skipped = 0, last = 0;
  for (bool newest = false;; newest = !newest) {
    const bool gone = consumer.producer_gone();
    const auto item = newest ? consumer.pop_newest() : consumer.pop();
    if (!item && gone) break;
    if (!item) continue;
    ASSERT_TRUE(whole(item->element));
    ASSERT_TRUE(taken == 0 || item->element.number > last);
    last = item->element.number;
    skipped += item->skipped;
    ++taken;
  }
  sender.join();
  EXPECT_EQ(taken + skipped, accepted.load());
  EXPECT_GT(taken, 0u);
}

struct Wide {
  std::uint64_t words[6];
};

TEST(CellThreads, ReadersNeverSeeHalfAValue) {
  SharedCell<Wide> cell;
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (std::uint64_t i = 1; !stop; ++i) cell.write({{i, i, i, i, i, i}});
  });
  std::uint64_t reads = 0, last = 0;
  for (std::uint64_t i = 0; i < kElements; ++i) {
    const auto value = cell.read();
    if (!value) continue;
    ++reads;
    for (const std::uint64_t word : value->words) ASSERT_EQ(word, value->words[0]);
    ASSERT_GE(value->words[0], last);
    last = value->words[0];
  }
  stop = true;
  writer.join();
  EXPECT_GT(reads, 0u);
}

}  // namespace
}  // namespace capos::test
