// SPDX-License-Identifier: Apache-2.0
// NOPs through a thread's ring beside NOPs through an io_uring: submitted, completed and reaped, 1 to 256 at a time.
//
// `..._without_mode_switch`: ours is a program's side (runtime/ring.hpp) and the kernel's whole cap_enter (kernel/ipc) on the simulated
// machine of hal/host: the kernel is called as a function, and nothing changes the privilege level. liburing enters Linux, so the
// ratio says what both do, less that change, which only Linux pays. `enter_alone` is an io_uring_enter() that has nothing to do: what entering costs
// the peer by itself.
// `..._polled`: neither side enters a kernel. Ours is a wait that polls (decision 0018) on a thread of its own, Linux's an SQPOLL thread;
// each has a CPU of its own, and the program another.
//
// Where the host permits no io_uring (a container's filter, sysctl kernel.io_uring_disabled), its rows say so.
#include <benchmark/benchmark.h>
#include <liburing.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "capos/runtime/ring.hpp"
#include "cpus.hpp"
#include "median.hpp"
#include "world.hpp"

// In place of kernel::check_invariants (the linker's --wrap): the library checks at each exit, the kernel that boots does not.
extern "C" void __wrap__ZN5capos6kernel16check_invariantsERNS0_3CpuE(capos::kernel::Cpu&) noexcept {}  // NOLINT(bugprone-reserved-identifier)

namespace capos {
namespace {

constexpr std::uint32_t kEntries = abi::kMaxSubmissionEntries;
constexpr std::uint64_t kTimeout = std::uint64_t{1} << 60;  // ns of the simulated clock: more than passes

// Why a side cannot be measured.
struct Unavailable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What page tables do for a program: its ring and its queues one behind the other, the same memory as the kernel's.
class ProgramView {
 public:
  ProgramView() : file_(memfd_create("ring", MFD_CLOEXEC)) {
    if (file_ < 0 || ftruncate(file_, kBytes) != 0) throw std::logic_error("memfd_create");
    base_ = map(nullptr, kBytes, 0, 0);
  }
  ~ProgramView() {
    munmap(base_, kBytes);
    close(file_);
  }
  ProgramView(const ProgramView&) = delete;
  ProgramView& operator=(const ProgramView&) = delete;

  // The kernel's pages from `at` on, at that offset of the view, with what they hold.
  void share(void* at, std::size_t offset, std::size_t bytes) {
    std::memcpy(static_cast<std::byte*>(base_) + offset, at, bytes);
    (void)map(at, bytes, MAP_FIXED, static_cast<off_t>(offset));
  }
  [[nodiscard]] std::uint64_t address() const { return reinterpret_cast<std::uint64_t>(base_); }

 private:
  static constexpr std::size_t kBytes = abi::kQueuesOffset + 2 * abi::kQueuesStride;
  void* map(void* at, std::size_t bytes, int flags, off_t offset) const {
    void* const mapped = mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | flags, file_, offset);
    if (mapped == MAP_FAILED) throw std::logic_error("mmap");
    return mapped;
  }
  int file_;
  void* base_ = nullptr;
};

class OurRing {
 public:
  OurRing() : thread_(world_.init()), home_(thread_.home.cpu()) {
    using SetRing = schema::ThreadControl::SetRing;
    const auto control = world_.granted(thread_.process, "self.thread");
    if (!world_.call<SetRing>(thread_, control, {.entries = kEntries}).error.ok()) throw std::logic_error("setRing");
    const auto& header = *static_cast<const abi::RingHeader*>(thread_.ring());
    const auto queues = thread_.process.memory().space().lookup(hal::UserAddress(thread_.ring_place() + header.sq_offset));
    if (!queues.has_value()) throw std::logic_error("the ring's queues are not mapped");
    view_.share(thread_.ring(), 0, abi::kArenaOffset);
    view_.share(hal::to_kernel(queues->frame), header.sq_offset, abi::queue_bytes(kEntries));
    queues_.attach(view_.address());
  }

  bool turn(std::uint32_t count) {
    put(count);
    return enter(count, 0) >= count && take(count);
  }

 protected:
  // A kernel that polls may say that it has completed entries before it says that it has taken them.
  void put(std::uint32_t count) {
    Patience patience;
    for (std::uint32_t i = 0; i < count; ++i) {
      abi::CapSqe entry{};
      entry.user_data = next_++;
      while (!queues_.submit(entry)) patience.wait();
    }
  }
  bool take(std::uint32_t count) {
    for (Patience patience; count != 0;) {
      const auto completion = queues_.take();
      if (!completion) {
        patience.wait();
        continue;
      }
      if (completion->user_data != seen_++ || completion->result != 0) return false;
      --count;
    }
    return true;
  }
  // cap_enter, from its registers to its result: how many completions there are.
  std::uint64_t enter(std::uint64_t wanted, std::uint64_t poll_ns) {
    thread_.user.set_result(static_cast<std::uint64_t>(abi::SystemCall::cap_enter), 0, 0);
    thread_.user.words()[0] = wanted;
    thread_.user.words()[1] = kTimeout;
    thread_.user.words()[2] = poll_ns;
    (void)world_.machine().system_call(home_);
    return thread_.user.words()[0];
  }
  [[nodiscard]] bool parked() const { return queues_.needs_wakeup(); }

  ktest::World world_{};

 private:
  kernel::Thread& thread_;
  CpuId home_;
  ProgramView view_;
  runtime::RingQueues queues_;
  std::uint64_t next_ = 0, seen_ = 0;
};

// Its thread waits and polls, in the kernel, on a thread of the host; this one submits and reaps.
class OurPolledRing : public OurRing {
 public:
  OurPolledRing() {
    // The simulated clock moves 100 ns at each of the kernel's looks; moved past the timeout, the wait is over.
    const Time end = Time::from_ns(world_.machine().now().ns() + 2 * kTimeout);
    world_.machine().at_each_relax([this, end] {
      if (stop_.load(std::memory_order_relaxed) && world_.machine().now() < end) world_.machine().advance(end);
    });
    const int second = cpu_of(1);
    if (second < 0) throw Unavailable("two CPUs are needed");
    poller_ = std::thread([this, second] {
      (void)pin_to(second);
      (void)enter(~std::uint64_t{0}, 2 * kTimeout);
    });
  }
  ~OurPolledRing() {
    stop_ = true;
    poller_.join();
  }
  bool turn(std::uint32_t count) {
    put(count);
    return !parked() && take(count);
  }

 private:
  std::atomic<bool> stop_ = false;
  std::thread poller_;
};

class Uring {
 public:
  Uring() : Uring(io_uring_params{}) {}
  ~Uring() { io_uring_queue_exit(&ring_); }
  Uring(const Uring&) = delete;
  Uring& operator=(const Uring&) = delete;

  bool turn(std::uint32_t count) {
    put(count);
    return io_uring_submit_and_wait(&ring_, count) == static_cast<int>(count) && take(count);
  }
  bool enter_alone() { return io_uring_enter(static_cast<unsigned>(ring_.ring_fd), 0, 0, 0, nullptr) == 0; }

 protected:
  explicit Uring(io_uring_params params) {
    if (const int error = io_uring_queue_init_params(kEntries, &ring_, &params); error != 0) {
      throw Unavailable(std::string("io_uring_setup: ") + std::strerror(-error));
    }
  }
  void put(std::uint32_t count) {
    Patience patience;
    for (std::uint32_t i = 0; i < count; ++i) {
      io_uring_sqe* entry = nullptr;
      while ((entry = io_uring_get_sqe(&ring_)) == nullptr) patience.wait();
      io_uring_prep_nop(entry);
      io_uring_sqe_set_data64(entry, next_++);
    }
  }
  bool take(std::uint32_t count) {
    for (Patience patience; count != 0;) {
      io_uring_cqe* completion = nullptr;
      if (io_uring_peek_cqe(&ring_, &completion) != 0) {
        patience.wait();
        continue;
      }
      if (completion->user_data != seen_++ || completion->res != 0) return false;
      io_uring_cqe_seen(&ring_, completion);
      --count;
    }
    return true;
  }

  io_uring ring_{};

 private:
  std::uint64_t next_ = 0, seen_ = 0;
};

class PolledUring : public Uring {
 public:
  PolledUring() : Uring(parameters()) {}
  bool turn(std::uint32_t count) {
    put(count);
    return io_uring_submit(&ring_) >= 0 && take(count);
  }

 private:
  static io_uring_params parameters() {
    const int second = cpu_of(1);
    if (second < 0) throw Unavailable("two CPUs are needed");
    io_uring_params params{};
    params.flags = IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF;
    params.sq_thread_cpu = static_cast<std::uint32_t>(second);
    params.sq_thread_idle = 60'000;  // ms: it does not go to sleep meanwhile
    return params;
  }
};

// This thread on the first CPU while a side is measured.
class OnFirstCpu {
 public:
  OnFirstCpu() {
    (void)pthread_getaffinity_np(pthread_self(), sizeof before_, &before_);
    first_ = cpu_of(0);
  }
  ~OnFirstCpu() { (void)pthread_setaffinity_np(pthread_self(), sizeof before_, &before_); }
  OnFirstCpu(const OnFirstCpu&) = delete;
  OnFirstCpu& operator=(const OnFirstCpu&) = delete;
  void begin() const { (void)pin_to(first_); }

 private:
  cpu_set_t before_;
  int first_;
};

// In short passes, of which a fast one counts: on a busy host a side that polls is without its CPU now and then, for milliseconds.
constexpr std::uint32_t kPasses = 200, kPassNops = 256;

template <typename Ring, typename Turn>
void measure(benchmark::State& state, std::uint32_t turns, Turn&& turn) {
  try {
    const OnFirstCpu place;  // makes out what there is before it narrows it
    Ring ring;
    place.begin();
    Passes passes;
    for (auto _ : state) {
      for (std::uint32_t pass = 0; pass < kPasses; ++pass) {
        const auto start = std::chrono::steady_clock::now();
        for (std::uint32_t i = 0; i < turns; ++i) {
          if (!turn(ring)) return state.SkipWithError("an entry was lost");
        }
        passes.add(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      }
      state.SetIterationTime(passes.fast() / turns);
    }
  } catch (const Unavailable& why) {
    state.SkipWithError(why.what());
  }
}
template <typename Ring>
void nops(benchmark::State& state, std::uint32_t count) {
  measure<Ring>(state, kPassNops / count, [count](Ring& ring) { return ring.turn(count); });
}
void enter_alone(benchmark::State& state, std::uint32_t) {
  measure<Uring>(state, kPassNops, [](Uring& ring) { return ring.enter_alone(); });
}

void add(const std::string& name, void (*function)(benchmark::State&, std::uint32_t), std::uint32_t count) {
  benchmark::RegisterBenchmark(name.c_str(), function, count)->UseManualTime()->Iterations(1)->Repetitions(5)->ReportAggregatesOnly();
}

void add_all() {
  for (const std::uint32_t count : {1u, 8u, 32u, 256u}) {
    const std::string name = "ring_nops_" + std::to_string(count);
    add(name + "_without_mode_switch/capos", nops<OurRing>, count);
    add(name + "_without_mode_switch/liburing", nops<Uring>, count);
    if (count == 1) add(name + "_without_mode_switch/enter_alone", enter_alone, count);
  }
  for (const std::uint32_t count : {1u, 8u, 32u, 256u}) {
    const std::string name = "ring_nops_" + std::to_string(count) + "_polled";
    add(name + "/capos", nops<OurPolledRing>, count);
    add(name + "/liburing_sqpoll", nops<PolledUring>, count);
  }
}

}  // namespace
}  // namespace capos

int main(int argc, char** argv) {
  capos::add_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
