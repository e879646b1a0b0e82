// SPDX-License-Identifier: Apache-2.0
// The SharedBuffer ring beside boost::lockfree::spsc_queue: elements of 64 bytes from one thread to another, each on a CPU
// of its own where there are two. Ours stamps each element and can tell a sleeper, where the ring's kind has such (RingWaits);
// Boost's does neither.
#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <boost/lockfree/spsc_queue.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>

#include "capos/shared_buffer/consumer.hpp"
#include "capos/shared_buffer/producer.hpp"
#include "cpus.hpp"

namespace capos {
namespace {

constexpr std::uint32_t kCapacity = 1024;
constexpr std::uint64_t kElements = 20'000;  // in each pass

struct Element {
  std::array<std::uint64_t, 8> words;
};

template <RingWaits kWaits>
class Ours {
 public:
  Ours() {
    if (!create_ring<Element>(memory_, kCapacity, kWaits)) std::abort();
    producer_ = std::make_unique<RingProducer<Element>>(*RingProducer<Element>::attach(memory_));
    consumer_ = std::make_unique<RingConsumer<Element>>(*RingConsumer<Element>::attach(memory_));
  }
  bool push(const Element& element) { return producer_->push(element).has_value(); }
  bool pop(Element& element) {
    const auto item = consumer_->pop();
    if (item) element = item->element;
    return item.has_value();
  }

 private:
  alignas(kCacheLine) std::array<std::byte, ring_bytes<Element>(kCapacity)> memory_{};
  std::unique_ptr<RingProducer<Element>> producer_;
  std::unique_ptr<RingConsumer<Element>> consumer_;
};

class Boost {
 public:
  bool push(const Element& element) { return queue_.push(element); }
  bool pop(Element& element) { return queue_.pop(element); }

 private:
  boost::lockfree::spsc_queue<Element, boost::lockfree::capacity<kCapacity>> queue_;
};

template <typename Queue>
void pass(benchmark::State& state) {
  const int second = cpu_of(1);
  for (auto _ : state) {
    const auto queue = std::make_unique<Queue>();
    std::atomic<bool> ready = false;
    std::thread sender([&] {
      (void)pin_to(second);
      ready = true;
      Patience patience;
      for (std::uint64_t i = 0; i < kElements;) {
        if (queue->push({{i, 0, 0, 0, 0, 0, 0, i}})) {
          ++i;
        } else {
          patience.wait();
        }
      }
    });
    while (!ready) std::this_thread::yield();
    const auto start = std::chrono::steady_clock::now();
    Element element{};
    Patience patience;
    for (std::uint64_t i = 0; i < kElements;) {
      if (!queue->pop(element)) {
        patience.wait();
        continue;
      }
      if (element.words[0] != i || element.words[7] != i) return state.SkipWithError("an element was lost or torn");
      ++i;
    }
    const auto end = std::chrono::steady_clock::now();
    sender.join();
    state.SetIterationTime(std::chrono::duration<double>(end - start).count() / static_cast<double>(kElements));
  }
}
// Each kind beside Boost's queue, measured next to it.
#define CAPOS_PASS(kind, name)                                                                                                  \
  BENCHMARK(pass<Ours<kind>>)->Name(name "/capos")->UseManualTime()->Iterations(10)->Repetitions(5)->ReportAggregatesOnly(); \
  BENCHMARK(pass<Boost>)->Name(name "/boost")->UseManualTime()->Iterations(10)->Repetitions(5)->ReportAggregatesOnly()
CAPOS_PASS(RingWaits::across_cpus, "spsc_two_threads");
CAPOS_PASS(RingWaits::never, "spsc_two_threads_that_poll");

// In and out on one thread: what the code itself takes.
template <typename Queue>
void alone(benchmark::State& state) {
  const auto queue = std::make_unique<Queue>();
  Element element{};
  std::uint64_t next = 0;
  for (auto _ : state) {
    if (!queue->push({{next, 0, 0, 0, 0, 0, 0, next}}) || !queue->pop(element) || element.words[0] != next++) {
      return state.SkipWithError("an element was lost");
    }
    benchmark::DoNotOptimize(element);
  }
}
#define CAPOS_ALONE(kind, name)                                                \
  BENCHMARK(alone<Ours<kind>>)->Name(name "/capos")->Repetitions(5)->ReportAggregatesOnly(); \
  BENCHMARK(alone<Boost>)->Name(name "/boost")->Repetitions(5)->ReportAggregatesOnly()
CAPOS_ALONE(RingWaits::across_cpus, "spsc_push_pop");
CAPOS_ALONE(RingWaits::on_one_cpu, "spsc_push_pop_on_one_cpu");
CAPOS_ALONE(RingWaits::never, "spsc_push_pop_that_polls");

}  // namespace
}  // namespace capos
