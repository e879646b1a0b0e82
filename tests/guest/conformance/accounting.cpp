// SPDX-License-Identifier: Apache-2.0
// What comes back: after everything that a case made is gone, exactly as many frames are free as before.
#include "harness.hpp"

namespace conformance {
namespace {

std::uint64_t free_pages(Guest& guest) noexcept {
  const auto found = guest.frames->available();
  return found.has_value() ? found->free_pages : 0;
}

// The reaper works when CPU 0 has nothing better to do.
std::uint64_t settled(Guest& guest) noexcept {
  std::uint64_t last = free_pages(guest);
  for (int same = 0; same < 3;) {
    guest.sleep(1 * kMillisecond);
    const std::uint64_t now = free_pages(guest);
    same = now == last ? same + 1 : 0;
    last = now;
  }
  return last;
}

// Runs `use` once to let the kernel's object pools grow to their size, then checks that it takes nothing.
template <typename Use>
void takes_nothing(Guest& guest, Use&& use) noexcept {
  use();
  const std::uint64_t before = settled(guest);
  for (int round = 0; round < 3; ++round) use();
  const std::uint64_t after = settled(guest);
  if (before != after) {
    guest.note("before", before);
    guest.note("after", after);
  }
  CHECK(before == after);
}

void processes(Guest& guest) noexcept {
  takes_nothing(guest, [&] {
    for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
      Child a(guest, {.role = Role::exit_with, .argument = 1, .cpu = cpu});
      Child b(guest, {.role = Role::sleeper, .argument = 1000, .cpu = cpu});
      (void)a.exits(1);
    }
  });
}

void faulting_processes(Guest& guest) noexcept {
  takes_nothing(guest, [&] {
    Child child(guest, {.role = Role::fault, .argument = static_cast<std::uint32_t>(Fault::stack_overflow)});
    (void)child.ends(schema::ExitReason::fault, 14);
  });
}

void refused_processes(Guest& guest) noexcept {
  takes_nothing(guest, [&] {
    for (std::uint64_t pages = 0; pages < 70; pages += 3) {
      auto made = try_spawn(guest, {.role = Role::exit_with, .argument = 1, .pages = pages});
      if (made.has_value()) (void)(*made)->wait();
    }
    for (const std::string_view program : {"overlap", "entry-data", "huge-memory", "truncated"}) {
      (void)try_spawn(guest, {.role = Role::exit_with, .program = program});
    }
  });
}

void memory(Guest& guest) noexcept {
  takes_nothing(guest, [&] {
    const Memory small = make_memory(guest, 1), odd = make_memory(guest, 777);
    Shared shared(guest, 33);
    (void)guest.frames->allocate([](auto params) { params.set_pages(50'000); });
  });
}

void quotas(Guest& guest) noexcept {
  const Grant grants[] = {{"frames", guest.frames.cap()}};
  takes_nothing(guest, [&] {
    Child child(guest, {.role = Role::quota, .grants = grants, .pages = 500});
    (void)child.process()->wait();
  });
}

void capabilities(Guest& guest) noexcept {
  auto service = make_service(guest);
  const Grant grants[] = {{"serve", service.endpoint.cap()}};
  takes_nothing(guest, [&] {
    Child child(guest, {.role = Role::fill_table, .grants = grants, .pages = 1024});
    (void)child.exits(0);
  });
}

void services(Guest& guest) noexcept {
  takes_nothing(guest, [&] {
    auto service = make_service(guest);
    const Grant serves[] = {{"serve", service.endpoint.cap()}};
    const Grant calls[] = {{"service", service.client.cap()}};
    Child server(guest, {.role = Role::server, .grants = serves});
    Child client(guest, {.role = Role::client, .argument = static_cast<std::uint32_t>(Method::sleep), .grants = calls});
    (void)server.becomes_ready();
  });
}

constexpr Case kCases[] = {
    {"accounting of processes", processes},
    {"accounting of faults", faulting_processes},
    {"accounting of refused processes", refused_processes},
    {"accounting of memory", memory},
    {"accounting of spent quotas", quotas},
    {"accounting of full tables", capabilities},
    {"accounting of services", services},
};

}  // namespace

std::span<const Case> accounting_cases() noexcept { return kCases; }

}  // namespace conformance
