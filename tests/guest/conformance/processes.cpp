// SPDX-License-Identifier: Apache-2.0
// ProcessSpawner and ProcessHandle; programs that the loader must refuse.
#include "island_harness.hpp"

namespace conformance {
namespace {

void exit_codes(Guest& guest) noexcept {
  for (const std::uint32_t code : {0u, 1u, 77u, 0xff'ffffu}) {
    Child child(guest, {.role = Role::exit_with, .argument = code});
    CHECK(child.exits(code));
  }
}

void wait_after_the_end(Guest& guest) noexcept {
  Child child(guest, {.role = Role::exit_with, .argument = 5});
  CHECK(child.exits(5));
  CHECK(child.exits(5));
  const auto state = child.process()->state();
  CHECK(state.has_value() && !state->alive && !state->ready);
  CHECK(child.process()->kill().has_value());
  CHECK(child.exits(5));
}

void state_tells(Guest& guest) noexcept {
  Child child(guest, {.role = Role::sleeper, .argument = 20});
  CHECK(child.becomes_ready());
  CHECK(child.alive());
  CHECK(child.exits(7));
}

void unknown_program(Guest& guest) noexcept {
  for (const std::string_view name : {"", "nobody", "childx", "chil"}) {
    CHECK(invalid(try_spawn(guest, {.role = Role::exit_with, .program = name}), KernelError::not_found));
  }
}

void bad_cpus(Guest& guest) noexcept {
  for (const std::uint16_t cpu :
       {static_cast<std::uint16_t>(guest.cpus), std::uint16_t{16}, std::uint16_t{0xfffe}}) {
    CHECK(invalid(try_spawn(guest, {.role = Role::exit_with, .cpu = cpu}), KernelError::bad_cpu));
    CHECK(invalid(try_spawn(guest, {.role = Role::exit_with, .cpu = cpu, .passive = true}),
                  KernelError::bad_cpu));
  }
}

constexpr std::uint16_t kAnyCpu = 0xffff;

// Where it was placed; kAnyCpu if it was not. It has an endpoint, and so stays there.
std::uint16_t place(Guest& guest, Process& child) noexcept {
  const Service service = make_service(guest);
  const Grant grants[] = {{"service", service.client.cap()}};
  auto made = try_spawn(guest, {.role = Role::sleeper, .argument = 60'000, .grants = grants, .cpu = kAnyCpu});
  if (!made.has_value()) return kAnyCpu;
  child = *std::move(made);
  const auto state = child->state();
  return state.has_value() ? state->cpu : kAnyCpu;
}

void end(Process& child) noexcept {
  (void)child->kill();
  (void)child->wait();
}

// As many on each CPU, and the place of one that has ended is taken again.
void placed_where_least_lives(Guest& guest) noexcept {
  constexpr std::size_t kMost = 8;
  Process children[kMost];
  std::uint16_t places[kMost];
  unsigned on_cpu[16] = {};
  const std::size_t count = 2 * guest.cpus < kMost ? 2 * guest.cpus : kMost;
  for (std::size_t i = 0; i < count; ++i) {
    places[i] = place(guest, children[i]);
    CHECK(places[i] < guest.cpus);
    ++on_cpu[places[i]];
  }
  for (unsigned cpu = 0; cpu < guest.cpus; ++cpu) CHECK(on_cpu[cpu] == count / guest.cpus);
  end(children[1]);
  CHECK(place(guest, children[1]) == places[1]);
  for (std::size_t i = 0; i < count; ++i) end(children[i]);
}

// Not on a leased CPU while another keeps house.
void placed_beside_a_lease(Guest& guest) noexcept {
  if (guest.cpus < 2) return;
  const Task tasks[] = {{}};
  const Island island(guest, honest(guest, tasks));
  CHECK(island.admitted());
  for (unsigned i = 0; i < 4; ++i) {
    Process child;
    const std::uint16_t cpu = place(guest, child);
    CHECK(cpu < guest.cpus && cpu != island.cpu());
    end(child);
  }
}

void bad_capabilities(Guest& guest) noexcept {
  const Grant null_grant[] = {{"x", abi::CapId{}}};
  CHECK(invalid(try_spawn(guest, {.role = Role::exit_with, .grants = null_grant}),
                KernelError::bad_capability));
  const Grant forged[] = {{"x", abi::CapId::make(9999, 1)}};
  CHECK(invalid(try_spawn(guest, {.role = Role::exit_with, .grants = forged}), KernelError::bad_capability));
  CHECK(invalid(try_spawn(guest, {.role = Role::exit_with, .context = guest.timer.cap()}),
                KernelError::bad_capability));
}

void bad_names(Guest& guest) noexcept {
  const Grant empty[] = {{"", guest.timer.cap()}};
  CHECK(refused(try_spawn(guest, {.role = Role::exit_with, .grants = empty}), ExceptionType::failed,
                KernelError::bad_range));
  const Grant longest[] = {{"0123456789012345678901234567890", guest.timer.cap()}};  // 31
  Child child(guest, {.role = Role::exit_with, .argument = 3, .grants = longest});
  CHECK(child.exits(3));
  const Grant longer[] = {{"01234567890123456789012345678901", guest.timer.cap()}};
  CHECK(refused(try_spawn(guest, {.role = Role::exit_with, .grants = longer}), ExceptionType::failed,
                KernelError::bad_range));
}

void many_grants(Guest& guest) noexcept {
  Grant grants[61];
  for (auto& grant : grants) grant = {"same", guest.timer.cap()};
  Child child(guest, {.role = Role::exit_with, .argument = 4, .grants = grants});
  CHECK(child.exits(4));
}

// Every quota from nothing up: refused until it starts, and each refusal gives back all it took.
void tiny_quotas(Guest& guest) noexcept {
  bool started = false;
  for (std::uint64_t pages = 0; pages <= 128 && !started; ++pages) {
    auto made = try_spawn(guest, {.role = Role::exit_with, .argument = 1, .pages = pages});
    started = made.has_value();
    CHECK(started || refused(made, ExceptionType::failed, KernelError::quota_exceeded));
    if (started) CHECK((*made)->wait().has_value());
  }
  CHECK(started);
}

void two_waiters(Guest& guest) noexcept {
  Child child(guest, {.role = Role::sleeper, .argument = 20});
  const Grant grants[] = {{"process", child.process().cap()}};
  Child waiter(guest, {.role = Role::process_waiter, .grants = grants});
  CHECK(waiter.becomes_ready());
  CHECK(refused(child.process()->wait(), ExceptionType::overloaded, KernelError::busy));
  CHECK(waiter.exits(7));
  CHECK(child.exits(7));
}

void on_every_cpu(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    Child child(guest, {.role = Role::exit_with, .argument = 40u + cpu, .cpu = cpu});
    CHECK(child.exits(40 + cpu));
  }
}

constexpr Case kCases[] = {
    {"spawn exit codes", exit_codes},     {"spawn wait after the end", wait_after_the_end},
    {"spawn state", state_tells},         {"spawn unknown program", unknown_program},
    {"spawn badCpu", bad_cpus},           {"spawn badCapability", bad_capabilities},
    {"spawn grant names", bad_names},     {"spawn many grants", many_grants},
    {"spawn tiny quotas", tiny_quotas},   {"spawn two waiters", two_waiters},
    {"spawn on every CPU", on_every_cpu},
    {"spawn where least lives", placed_where_least_lives},
    {"spawn beside a lease", placed_beside_a_lease},
};

// Made of the child's ELF by the packer, one broken thing each.
constexpr std::string_view kBroken[] = {
    "bad-magic",    "bad-class",      "bad-endian",    "bad-type",         "bad-machine",
    "bad-version",  "bad-phentsize",  "no-segments",   "many-segments",    "headers-outside",
    "truncated",    "tiny",           "file-outside",  "file-over-memory", "address-low",
    "address-high", "address-kernel", "address-wraps", "writable-code",    "unreadable",
    "overlap",      "entry-data",     "entry-outside", "dynamic",          "interpreter",
    "odd-flags",
};

void broken_programs(Guest& guest) noexcept {
  for (const std::string_view name : kBroken) {
    const auto made = try_spawn(guest, {.role = Role::exit_with, .program = name});
    if (!refused(made, ExceptionType::failed, KernelError::bad_elf)) {
      guest.fail(name, 0, made.has_value() ? "was started" : made.error().text());
    }
  }
}

void huge_program(Guest& guest) noexcept {
  CHECK(refused(try_spawn(guest, {.role = Role::exit_with, .program = "huge-memory"}), ExceptionType::failed,
                KernelError::quota_exceeded));
}

constexpr Case kElfCases[] = {
    {"elf broken programs", broken_programs},
    {"elf that wants too much", huge_program},
};

}  // namespace

std::span<const Case> process_cases() noexcept { return kCases; }
std::span<const Case> elf_cases() noexcept { return kElfCases; }

}  // namespace conformance
