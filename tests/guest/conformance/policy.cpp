// SPDX-License-Identifier: Apache-2.0
// ShareControl and PlacementControl: what is set by them lasts as long as somebody holds them.
#include "policy.hpp"

namespace conformance {
namespace {

// By its weight and its latency class, in force and declared.
bool is(ShareOf& control, std::uint16_t weight, LatencyClass latency, std::uint16_t declared) noexcept {
  const auto found = control->get();
  return found.has_value() && found->weight == weight && found->latency == latency && found->declared_weight == declared &&
         found->declared_latency == LatencyClass::normal && found->alive;
}

void share_in_place_of_the_declared(Guest& guest) noexcept {
  Child child(guest, {.role = Role::sleeper, .argument = 1'000});
  auto control = control_share(guest, child.process().cap());
  CHECK(control.has_value() && is(*control, 100, LatencyClass::normal, 100));
  CHECK((*control)->set(1000, LatencyClass::interactive).has_value() && is(*control, 1000, LatencyClass::interactive, 100));
  CHECK(weight_of(guest, child.process().cap()) == 1000);
  CHECK(declare(guest, child.process().cap(), 200) && is(*control, 1000, LatencyClass::interactive, 200));
  CHECK((*control)->clear().has_value() && is(*control, 200, LatencyClass::normal, 200));
  CHECK((*control)->set(1, LatencyClass::batch).has_value() && weight_of(guest, child.process().cap()) == 1);
  *control = {};
  CHECK(weight_of(guest, child.process().cap()) == 200);
}

void share_refusals(Guest& guest) noexcept {
  Child child(guest, {.role = Role::sleeper, .argument = 1'000});
  const Notice other = make_notification(guest);
  CHECK(invalid(control_share(guest, other.cap()), KernelError::bad_capability));
  auto control = control_share(guest, child.process().cap());
  CHECK(control.has_value());
  CHECK(refused(control_share(guest, child.process().cap()), ExceptionType::overloaded, KernelError::busy));
  CHECK(invalid((*control)->set(0, LatencyClass::normal), KernelError::bad_range));
  CHECK(invalid((*control)->set(1001, LatencyClass::normal), KernelError::bad_range));
  CHECK(invalid((*control)->set(100, static_cast<LatencyClass>(3)), KernelError::bad_range));
  CHECK(is(*control, 100, LatencyClass::normal, 100));
  child.kill();
  CHECK(child.ends(schema::ExitReason::killed, 0));
  const auto ended = (*control)->get();
  CHECK(ended.has_value() && !ended->alive);
  CHECK((*control)->set(7, LatencyClass::normal).has_value());
}

// It dies with what it holds; its table is taken apart beside best effort.
void share_goes_with_its_holder(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    Child child(guest, {.role = Role::sleeper, .argument = 1'000, .cpu = cpu});
    auto control = control_share(guest, child.process().cap());
    CHECK(control.has_value() && (*control)->set(900, LatencyClass::interactive).has_value());
    const Grant grants[] = {{"control", control->cap()}};
    Child holder(guest, {.role = Role::sleeper, .argument = 1'000, .grants = grants});
    *control = {};
    CHECK(holder && weight_of(guest, child.process().cap()) == 900);
    holder.kill();
    CHECK(holder.ends(schema::ExitReason::killed, 0));
    CHECK(comes_back_to(guest, child.process().cap(), 100));
    CHECK(control_share(guest, child.process().cap()).has_value());
  }
}

bool starts_on(Guest& guest, std::uint16_t asked, std::uint16_t cpu, bool passive = false) noexcept {
  const auto made = try_spawn(guest, {.role = Role::exit_with, .cpu = asked, .passive = passive});
  if (!made.has_value()) return false;
  runtime::Capability<schema::ProcessHandle> process = made->borrow();
  const auto state = process->state();
  return state.has_value() && state->cpu == cpu && process->wait().has_value();
}

void placement(Guest& guest) noexcept {
  const auto all = static_cast<std::uint32_t>((std::uint64_t{1} << guest.cpus) - 1);
  auto control = control_placement(guest);
  CHECK(control.has_value());
  CHECK(refused(control_placement(guest), ExceptionType::overloaded, KernelError::busy));
  const auto first = (*control)->get();
  CHECK(first.has_value() && first->cpus == all);
  CHECK(invalid((*control)->set(all & ~1u), KernelError::bad_range));
  CHECK(invalid((*control)->cpu(static_cast<std::uint16_t>(guest.cpus)), KernelError::bad_cpu));
  const auto own = (*control)->cpu(0);
  CHECK(own.has_value() && own->use == schema::CpuUse::housekeeping);
  Child tenant(guest, {.role = Role::sleeper, .argument = 1'000});
  const auto with_tenant = (*control)->cpu(0);
  CHECK(with_tenant.has_value() && with_tenant->processes == own->processes + 1);
  CHECK((*control)->set(1).has_value());
  const auto set = (*control)->get();
  CHECK(set.has_value() && set->cpus == 1);
  const std::uint16_t any = 0xffff, last = static_cast<std::uint16_t>(guest.cpus - 1);
  CHECK(starts_on(guest, any, 0) && starts_on(guest, last, last, true));
  if (last != 0) CHECK(invalid(try_spawn(guest, {.role = Role::exit_with, .cpu = last}), KernelError::bad_cpu));
  *control = {};
  CHECK(starts_on(guest, any, last) && starts_on(guest, last, last));
}

constexpr Case kCases[] = {
    {"share control in place of what is declared", share_in_place_of_the_declared},
    {"share control refusals", share_refusals},
    {"share control goes with its holder", share_goes_with_its_holder},
    {"placement control", placement},
};

}  // namespace

runtime::Result<ShareOf> control_share(Guest& guest, abi::CapId process) noexcept {
  auto made = TRY(guest.runtime.need<schema::SchedulingPolicy>("schedulingPolicy")->control([&](auto params, Transfers& transfers) {
    params.set_process(transfers.add(process));
  }));
  return made.template capability<schema::ShareControl>(made.reader().control());
}

runtime::Result<PlacementOf> control_placement(Guest& guest) noexcept {
  auto made = TRY(guest.runtime.need<schema::SchedulingPolicy>("schedulingPolicy")->placement([](auto) {}));
  return made.template capability<schema::PlacementControl>(made.reader().control());
}

bool declare(Guest& guest, abi::CapId process, std::uint16_t weight) noexcept {
  return guest.runtime.need<schema::SchedulingPolicy>("schedulingPolicy")->set_share([&](auto params, Transfers& transfers) {
    params.set_process(transfers.add(process));
    params.set_weight(weight);
    params.set_latency(LatencyClass::normal);
  }).has_value();
}

std::uint16_t weight_of(Guest& guest, abi::CapId process) noexcept {
  auto found = guest.runtime.need<schema::SchedulingPolicy>("schedulingPolicy")->share([&](auto params, Transfers& transfers) {
    params.set_process(transfers.add(process));
  });
  return found.has_value() ? found->reader().weight() : std::uint16_t{0};
}

bool comes_back_to(Guest& guest, abi::CapId process, std::uint16_t weight) noexcept {
  const std::uint64_t end = guest.now() + 100 * kMillisecond;
  while (weight_of(guest, process) != weight) {
    if (guest.now() > end) return false;
    guest.sleep(kMillisecond);
  }
  return true;
}

std::span<const Case> policy_cases() noexcept { return kCases; }

}  // namespace conformance
