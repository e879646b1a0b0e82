// SPDX-License-Identifier: Apache-2.0
// SchedulingPolicy: who gets how much of the time that no island uses.
#include "island_harness.hpp"

namespace conformance {
namespace {

using Policy = Capability<schema::SchedulingPolicy>;
using schema::LatencyClass;

auto set_share(Guest& guest, abi::CapId process, std::uint16_t weight, LatencyClass latency) noexcept {
  return guest.runtime.need<schema::SchedulingPolicy>("schedulingPolicy")->set_share([&](auto params, Transfers& transfers) {
    params.set_process(transfers.add(process));
    params.set_weight(weight);
    params.set_latency(latency);
  });
}

auto share_of(Guest& guest, abi::CapId process) noexcept {
  return guest.runtime.need<schema::SchedulingPolicy>("schedulingPolicy")->share([&](auto params, Transfers& transfers) {
    params.set_process(transfers.add(process));
  });
}

bool has(Guest& guest, Child& child, std::uint16_t weight, LatencyClass latency) noexcept {
  auto found = share_of(guest, child.process().cap());
  return found.has_value() && found->reader().weight() == weight && found->reader().latency() == latency;
}

void what_was_set(Guest& guest) noexcept {
  Child child(guest, {.role = Role::sleeper_loop});
  CHECK(has(guest, child, 100, LatencyClass::normal));
  CHECK(set_share(guest, child.process().cap(), 1000, LatencyClass::interactive).has_value());
  CHECK(has(guest, child, 1000, LatencyClass::interactive));
  CHECK(set_share(guest, child.process().cap(), 1, LatencyClass::batch).has_value());
  CHECK(has(guest, child, 1, LatencyClass::batch));
}

void refusals(Guest& guest) noexcept {
  Child child(guest, {.role = Role::sleeper_loop});
  const abi::CapId process = child.process().cap();
  const Notice other = make_notification(guest);
  CHECK(invalid(set_share(guest, other.cap(), 100, LatencyClass::normal), KernelError::bad_capability));
  CHECK(invalid(share_of(guest, other.cap()), KernelError::bad_capability));
  CHECK(invalid(set_share(guest, process, 0, LatencyClass::normal), KernelError::bad_range));
  CHECK(invalid(set_share(guest, process, 1001, LatencyClass::normal), KernelError::bad_range));
  CHECK(invalid(set_share(guest, process, 100, static_cast<LatencyClass>(3)), KernelError::bad_range));
  CHECK(has(guest, child, 100, LatencyClass::normal));
}

// Two that compute on one CPU for 200 ms: by their counters, each has its weight's part to within a tenth.
bool shares_by(Guest& guest, std::uint16_t cpu, std::uint64_t light, std::uint64_t heavy) noexcept {
  Shared first(guest), second(guest);
  const Grant grants[2][1] = {{{"out", first.cap()}}, {{"out", second.cap()}}};
  Child one(guest, {.role = Role::compute, .grants = grants[0], .cpu = cpu});
  Child two(guest, {.role = Role::compute, .grants = grants[1], .cpu = cpu});
  EXPECT(set_share(guest, one.process().cap(), static_cast<std::uint16_t>(light), LatencyClass::normal).has_value());
  EXPECT(set_share(guest, two.process().cap(), static_cast<std::uint16_t>(heavy), LatencyClass::normal).has_value());
  EXPECT(first.reaches(0, 1) && second.reaches(0, 1));
  const std::uint64_t before[] = {first.word(0), second.word(0)};
  guest.sleep(200 * kMillisecond);
  const std::uint64_t work[] = {first.word(0) - before[0], second.word(0) - before[1]};
  guest.note("light", work[0]);
  guest.note("heavy", work[1]);
  EXPECT(work[0] * heavy * 10 >= work[1] * light * 9 && work[0] * heavy * 10 <= work[1] * light * 11);
  return true;
}

void by_weight(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    CHECK(shares_by(guest, cpu, 100, 100));
    CHECK(shares_by(guest, cpu, 100, 400));
  }
}

// --- where it computes

constexpr std::uint16_t kAnyCpu = 0xffff;
constexpr std::uint64_t kPatience = 200 * kMillisecond;

// Computes and counts, wherever the kernel has it.
struct Worker {
  explicit Worker(Guest& guest) noexcept
      : guest(guest), count(guest), grants{{"out", count.cap()}}, child(guest, {.role = Role::compute, .grants = grants, .cpu = kAnyCpu}) {}
  [[nodiscard]] std::uint16_t cpu() noexcept {
    const auto state = child.process()->state();
    return state.has_value() ? state->cpu : kAnyCpu;
  }
  [[nodiscard]] bool comes_to(std::uint16_t wanted) noexcept {
    for (const std::uint64_t end = guest.now() + kPatience; cpu() != wanted; guest.sleep(kMillisecond)) {
      if (guest.now() > end) return false;
    }
    return true;
  }
  [[nodiscard]] bool computes() noexcept { return count.reaches(0, count.word(0) + 1); }
  Guest& guest;
  Shared count;
  Grant grants[1];
  Child child;
};

// Three on two CPUs; who has one for itself ends: then the others have one each.
void who_waits_moves(Guest& guest) noexcept {
  if (guest.cpus != 2) return;
  Worker a(guest), b(guest), c(guest);
  CHECK(a.computes() && b.computes() && c.computes());
  guest.sleep(30 * kMillisecond);
  const unsigned on_1 = a.cpu() + b.cpu() + c.cpu();
  CHECK(on_1 == 1 || on_1 == 2);
  const std::uint16_t lonely = on_1 == 1 ? 1 : 0;
  Worker* const left[] = {a.cpu() == lonely ? &b : &a, c.cpu() == lonely ? &b : &c};
  (a.cpu() == lonely ? a : c.cpu() == lonely ? c : b).child.kill();
  const std::uint64_t end = guest.now() + kPatience;
  while (left[0]->cpu() == left[1]->cpu() && guest.now() < end) guest.sleep(kMillisecond);
  CHECK(left[0]->cpu() != left[1]->cpu());
  const std::uint64_t before[] = {left[0]->count.word(0), left[1]->count.word(0)};
  guest.sleep(100 * kMillisecond);
  const std::uint64_t work[] = {left[0]->count.word(0) - before[0], left[1]->count.word(0) - before[1]};
  guest.note("one", work[0]);
  guest.note("other", work[1]);
  CHECK(work[0] * 10 >= work[1] * 8 && work[0] * 8 <= work[1] * 10);
}

// CPU 1 is leased, while two compute, one on each: the lease moves one, none comes back, and one does when it has ended.
void a_lease_moves_best_effort(Guest& guest) noexcept {
  if (guest.cpus != 2) return;
  const Task tasks[] = {{}};
  Worker one(guest), other(guest);
  CHECK(one.computes() && other.computes());
  CHECK(one.cpu() + other.cpu() == 1 || one.comes_to(1) || other.comes_to(1));
  {
    const Island island(guest, honest(guest, tasks));
    CHECK(island.admitted() && island.cpu() == 1);
    for (unsigned n = 0; n < 30; ++n) {
      CHECK(one.cpu() == 0 && other.cpu() == 0);
      guest.sleep(kMillisecond);
    }
    CHECK(one.computes() && other.computes());
  }
  CHECK(one.comes_to(1) || other.comes_to(1));
}

constexpr Case kCases[] = {
    {"policy who waits moves to a CPU that rests", who_waits_moves},
    {"policy a lease moves best effort", a_lease_moves_best_effort},
    {"policy share", what_was_set},
    {"policy refusals", refusals},
    {"policy time by weight", by_weight},
};

}  // namespace

std::span<const Case> best_effort_cases() noexcept { return kCases; }

}  // namespace conformance
