// SPDX-License-Identifier: Apache-2.0
// The other CPUs: started, interrupted, with clocks, timers and programs of their own, stopped.
#include <array>
#include <atomic>
#include <cstddef>
#include <new>

#include "capos/hal/relax.hpp"
#include "harness.hpp"

namespace guest {
namespace {

enum class Order : std::uint8_t { none, tell_time, wait_for_timer, run_program, call_back, spin, storm };

struct Other {
  std::atomic<bool> up = false;
  std::atomic<Order> order = Order::none;
  std::atomic<unsigned> done = 0;
  Time time;
  std::atomic<std::uint64_t> spins = 0;
  bool good = true;
  unsigned timers = 0, mails = 0;
};
constinit std::array<Other, kMaxCpus> others;
Process* program = nullptr;
constinit std::array<Process*, kMaxCpus> programs{};
constexpr unsigned kStorm = 300;

Other& mine() noexcept { return others[this_cpu().value()]; }

[[noreturn]] void finish(Other& self) noexcept {
  self.order.store(Order::none, std::memory_order_relaxed);
  self.done.fetch_add(1, std::memory_order_release);
  idle();
}

// Timers and mail hit a program that checks its registers; PAUSE lets the simulated CPUs take turns.
[[noreturn]] void storm(Other& self, Kind kind) noexcept {
  cpu_relax();
  if (kind == Kind::timer && ++self.timers == kStorm) {
    leave_user();
    finish(self);
  }
  if (kind == Kind::mailbox) ++self.mails;
  if (kind != Kind::mailbox || self.mails == 1)
    arm_timer(now() + Duration::ns(400 + self.timers * 37 % 1900));
  programs[this_cpu().value()]->enter();
  resume_user();
}

[[noreturn]] void obey(Other& self) noexcept {
  switch (self.order.load(std::memory_order_acquire)) {
    case Order::none:
      idle();
    case Order::tell_time:
      self.time = now();
      finish(self);
    case Order::wait_for_timer:
      self.time = now() + Duration::us(100);
      arm_timer(self.time);
      idle();
    case Order::run_program:
      program->enter();
      resume_user();
    case Order::storm:
      storm(self, Kind::mailbox);
    case Order::call_back:
      send_mailbox_interrupt(CpuId{0});
      finish(self);
    case Order::spin:
      for (;;) {
        self.spins.fetch_add(1, std::memory_order_relaxed);
        cpu_relax();
      }
  }
  idle();
}

// False if the CPU has not done it within 100 ms.
bool order(unsigned cpu, Order what) noexcept {
  Other& other = others[cpu];
  const unsigned before = other.done.load(std::memory_order_relaxed);
  other.order.store(what, std::memory_order_release);
  send_mailbox_interrupt(CpuId{static_cast<std::uint16_t>(cpu)});
  const Time end = now() + Duration::ms(100);
  while (other.done.load(std::memory_order_acquire) == before)
    if (now() > end)
      return false;
    else
      cpu_relax();
  return true;
}

bool start_all(unsigned cpus) noexcept {
  bool good = true;
  for (unsigned cpu = 1; cpu < cpus; ++cpu) {
    good &= start_cpu(CpuId{static_cast<std::uint16_t>(cpu)});
    const Time end = now() + Duration::ms(100);
    while (!others[cpu].up.load(std::memory_order_acquire) && now() < end) cpu_relax();
    good &= others[cpu].up.load();
  }
  return good;
}

bool clocks_agree(unsigned cpus) noexcept {
  bool good = true;
  for (unsigned cpu = 1; cpu < cpus; ++cpu) {
    const Time before = now();
    good &= order(cpu, Order::tell_time);
    good &= others[cpu].time >= before && others[cpu].time <= now();
  }
  return good;
}

bool all(unsigned cpus, Order what) noexcept {
  bool good = true;
  for (unsigned cpu = 1; cpu < cpus; ++cpu) good &= order(cpu, what) && others[cpu].good;
  return good;
}

bool call_backs(unsigned cpus) noexcept {
  bool good = true;
  for (unsigned cpu = 1; cpu < cpus; ++cpu) {
    good &= order(cpu, Order::call_back);
    arm_timer(now() + Duration::ms(100));
    good &= run_idle().kind == Kind::mailbox;
    disarm_timer();
  }
  return good;
}

// One thread with vector state visits every CPU.
bool wander(unsigned cpus) noexcept {
  Process process(PROGRAM(vectors), 0x7777);
  program = &process;
  bool good = is_call(process.run(), 81);
  for (unsigned round = 0; round < 3; ++round) {
    leave_user();
    good &= all(cpus, Order::run_program);
    good &= is_call(process.run(), 81);
  }
  return good;
}

Process* new_process(unsigned cpu) noexcept {
  alignas(Process) static std::array<std::byte, sizeof(Process) * kMaxCpus> room;
  return ::new (&room[cpu * sizeof(Process)]) Process(PROGRAM(interrupted));
}

bool storms(unsigned cpus) noexcept {
  std::array<unsigned, kMaxCpus> before{};
  for (unsigned cpu = 1; cpu < cpus; ++cpu) {
    programs[cpu] = new_process(cpu);
    before[cpu] = others[cpu].done.load();
    others[cpu].order.store(Order::storm, std::memory_order_release);
  }
  bool going = true;
  const Time end = now() + Duration::ms(200);
  while (going && now() < end) {
    going = false;
    for (unsigned cpu = 1; cpu < cpus; ++cpu) {
      if (others[cpu].done.load(std::memory_order_acquire) != before[cpu]) continue;
      going = true;
      send_mailbox_interrupt(CpuId{static_cast<std::uint16_t>(cpu)});
    }
    const Time next = now() + Duration::us(1);  // or the programs get nothing at all
    while (now() < next) cpu_relax();
  }
  if (going) return false;  // their programs are in use
  bool good = true;
  for (unsigned cpu = 1; cpu < cpus; ++cpu) {
    const std::uint64_t loops = programs[cpu]->page(kStack)[kPageSize / 8 - 1];
    good &= others[cpu].good && others[cpu].timers == kStorm && others[cpu].mails > 0 && loops > 0;
    programs[cpu]->~Process();
  }
  return good;
}

bool stopped(unsigned cpus) noexcept {
  for (unsigned cpu = 1; cpu < cpus; ++cpu) {
    others[cpu].order.store(Order::spin, std::memory_order_release);
    send_mailbox_interrupt(CpuId{static_cast<std::uint16_t>(cpu)});
    while (others[cpu].spins.load() < 10) cpu_relax();
  }
  stop_other_cpus();
  const auto pause = [] {
    const Time end = now() + Duration::us(200);
    while (now() < end) cpu_relax();
  };
  pause();
  std::array<std::uint64_t, kMaxCpus> counts{};
  for (unsigned cpu = 1; cpu < cpus; ++cpu) counts[cpu] = others[cpu].spins.load();
  pause();
  bool good = true;
  for (unsigned cpu = 1; cpu < cpus; ++cpu) good &= counts[cpu] == others[cpu].spins.load();
  return good;
}

}  // namespace

void other_cpu_started(CpuId cpu) noexcept {
  set_cpu_local(&others[cpu.value()]);
  mine().good &= this_cpu() == cpu;
  mine().up.store(true, std::memory_order_release);
  idle();
}

void other_cpu_event(Kind kind) noexcept {
  Other& self = mine();
  self.good &= cpu_local() == &self;
  const Order now_doing = self.order.load(std::memory_order_acquire);
  if (now_doing == Order::storm && (kind == Kind::mailbox || kind == Kind::timer)) storm(self, kind);
  if (kind == Kind::mailbox) obey(self);
  if (kind == Kind::timer) {
    self.good &= now_doing == Order::wait_for_timer && now() >= self.time;
  } else if (kind == Kind::system_call) {
    self.good &= now_doing == Order::run_program;
    leave_user();
  } else {
    self.good = false;
  }
  finish(self);
}

void test_other_cpus(const BootInfo& boot) noexcept {
  check("cpus: one that is not there does not start",
        !start_cpu(CpuId{static_cast<std::uint16_t>(boot.cpus)}) && !start_cpu(CpuId{0}));
  if (boot.cpus == 1) return;
  check("cpus: all start", start_all(boot.cpus));
  check("cpus: clocks agree", clocks_agree(boot.cpus));
  check("cpus: timers of their own", all(boot.cpus, Order::wait_for_timer));
  check("cpus: call back", call_backs(boot.cpus));
  check("cpus: a thread wanders with its vector state", wander(boot.cpus));
  check("cpus: a storm of timers and mail", storms(boot.cpus));
  check("cpus: all frames came back", frames.in_use == 0);
  check("cpus: stopped", stopped(boot.cpus));
}

}  // namespace guest
