// SPDX-License-Identifier: Apache-2.0
// What comes back: after everything that a case made is gone, exactly as many frames are free as before.
#include "accounting.hpp"
#include "authority.hpp"
#include "device_harness.hpp"
#include "island_harness.hpp"

namespace conformance {
namespace {

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
    (void)guest.frames->allocate([](auto params) { params.set_pages(65'000); });
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
    // Capabilities enough need more kernel memory than what comes with pages.
  const Account account = make_ledger(guest, {.frames = 1024, .kernel_bytes = 8u << 20});
  Child child(guest, {.role = Role::fill_table, .grants = grants, .ledger = account.cap()});
    (void)child.exits(0);
  });
}

void services(Guest& guest) noexcept {
  takes_nothing(guest, [&] {
    auto service = make_service(guest);
    const Grant serves[] = {{"serve", service.endpoint.cap()}};
    const Grant calls[] = {{"service", service.client.cap()}};
    Child server(guest, {.role = Role::server, .grants = serves});
    Child client(
        guest,
        {.role = Role::client, .argument = static_cast<std::uint32_t>(Method::sleep), .grants = calls});
    (void)server.becomes_ready();
  });
}

void islands(Guest& guest) noexcept {
  const Task tasks[] = {{.name = "a", .priority = 20, .response_ns = 400 * kMicrosecond},
                        {.name = "b", .priority = 10, .response_ns = 700 * kMicrosecond}};
  takes_nothing(guest, [&] {
    Shared out(guest);
    auto service = make_service(guest);
    const Grant grants[] = {
        {"out", out.cap()}, {"service", service.client.cap()}, {"serve", service.endpoint.cap()}};
    Island island(guest, honest(guest, tasks));
    if (!island.admitted()) return guest.fail("refused", 0, island.refusal());
    Child server(guest, {.role = Role::server, .grants = grants, .cpu = island.cpu(), .passive = true});
    Child a(guest, {.role = Role::periodic, .argument = 40, .grants = grants, .context = island.context(0)});
    Child b(guest, {.role = Role::caller_job,
                    .argument = static_cast<std::uint32_t>(Method::exit),
                    .grants = grants,
                    .context = island.context(1)});
    if (!a.becomes_ready() || !b.becomes_ready() || island.activate() == 0)
      return guest.fail("activation", 0, "refused");
    (void)out.reaches(0, 3);
  });
}

void waits(Guest& guest) noexcept {
  takes_nothing(guest, [&] {
    const Notice event = make_notification(guest);
    for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
      const Grant grants[] = {{"event", event.cap()}};
      Child waiter(guest, {.role = Role::waiter, .grants = grants, .cpu = cpu});
      (void)waiter.becomes_ready();
      const Grant watches[] = {{"process", waiter.process().cap()}};
      Child watcher(guest, {.role = Role::process_waiter, .grants = watches, .cpu = cpu});
      (void)watcher.becomes_ready();
      if (cpu == 0) (void)event.borrow()->signal(1);
    }
  });
}

void devices(Guest& guest) noexcept {
  takes_nothing(guest, [&] {
    const Notice event = make_notification(guest);
    Shared out(guest);
    auto line = open_line(guest, {.line = kHpetLine, .cpu = static_cast<std::uint16_t>(guest.cpus - 1)});
    auto ports = open_ports(guest, 0x2f8, 8);
    auto function = open_function(guest, find_edu(guest));
    Hpet timer(guest);
    if (!line.has_value() || !ports.has_value() || !function.has_value()) return guest.fail("devices", 0, "not opened");
    auto memory = (*function)->memory([](auto params) { params.set_bar(0); });
    if (!memory.has_value()) return guest.fail("devices", 0, "no registers");
    const auto registers = memory->capability<schema::Mmio>(memory->reader().memory());
    auto message = (*function)->message([](auto) {});
    if (!message.has_value()) return guest.fail("devices", 0, "no message");
    const auto interrupt = message->capability<schema::Interrupt>(message->reader().interrupt());
    auto buffer = (*function)->create_dma_buffer([](auto params) { params.set_pages(5); });
    if (!buffer.has_value()) return guest.fail("devices", 0, "no buffer");
    const auto dma = buffer->capability<schema::DmaBuffer>(buffer->reader().buffer());
    auto alarm = guest.timer->create_event_timer([&](auto params, Transfers& transfers) {
      params.set_notification(transfers.add(event.cap()));
      params.set_bits(1);
    });
    if (!alarm.has_value()) return guest.fail("devices", 0, "no timer");
    auto timer_object = alarm->capability<schema::EventTimer>(alarm->reader().timer());
    (void)timer_object->start(guest.now() + 10 * kMillisecond, kMillisecond);
    (void)bind(interrupt.cap(), event.cap(), 1);
    (void)bind(line->cap(), event.cap(), 1);
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
    {"accounting of waits", waits},
    {"accounting of islands", islands},
    {"accounting of devices", devices},
};

}  // namespace

std::span<const Case> accounting_cases() noexcept { return kCases; }

}  // namespace conformance
