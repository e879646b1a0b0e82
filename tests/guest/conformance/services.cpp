// SPDX-License-Identifier: Apache-2.0
// Console, Timer, trace rings, boot package, host channel.
#include <array>

#include "capos/abi/trace.hpp"
#include "capos/runtime/mapping.hpp"
#include "harness.hpp"

namespace conformance {
namespace {

constinit std::array<char, 1025> g_text{};

void console_writes(Guest& guest) noexcept {
  CHECK(guest.console->write([](auto params) { params.set_text(""); }).has_value());
  g_text.fill('.');
  g_text[1023] = '\n';
  CHECK(guest.console->write([](auto params) { params.set_text({g_text.data(), 1024}); }).has_value());
}

void console_too_long(Guest& guest) noexcept {
  g_text.fill('x');
  CHECK(invalid(guest.console->write([](auto params) {
    params.set_text({g_text.data(), 1025});
  }),
                KernelError::bad_range));
}

void timer_monotonic(Guest& guest) noexcept {
  std::uint64_t last = guest.now();
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t now = guest.now();
    CHECK(now >= last);
    last = now;
  }
}

void timer_sleep_future(Guest& guest) noexcept {
  const std::uint64_t until = guest.now() + 3 * kMillisecond;
  const auto woken = guest.timer->sleep_until(until);
  CHECK(woken.has_value());
  CHECK(woken->ns >= until);
  CHECK(woken->ns < until + 100 * kMicrosecond);
  CHECK(guest.now() >= woken->ns);
}

void timer_sleep_past(Guest& guest) noexcept {
  const std::uint64_t before = guest.now();
  const auto woken = guest.timer->sleep_until(before - 1);
  CHECK(woken.has_value());
  CHECK(woken->ns >= before && woken->ns < before + 100 * kMicrosecond);
  CHECK(guest.timer->sleep_until(0).has_value());
}

// The farthest times there are: neither overflows into the past.
void timer_sleep_for_ever(Guest& guest) noexcept {
  for (const std::uint64_t until :
       {~std::uint64_t{0}, ~std::uint64_t{0} - 1, std::uint64_t{1} << 63, std::uint64_t{1} << 62}) {
    Shared out(guest);
    const Grant grants[] = {{"out", out.cap()}};
    Child child(guest, {.role = Role::sleep_raw, .grants = grants});
    CHECK(child);
    out.set(1, until);
    out.set(0, 1);
    CHECK(out.reaches(2, 1));
    guest.sleep(2 * kMillisecond);
    CHECK(child.alive());
  }
}

void timer_many_sleepers(Guest& guest) noexcept {
  const std::uint64_t before = guest.now();
  Child a(guest, {.role = Role::sleeper, .argument = 5});
  Child b(guest, {.role = Role::sleeper, .argument = 2});
  Child c(guest, {.role = Role::sleeper, .argument = 8});
  CHECK(b.exits(7));
  const std::uint64_t second = guest.now() - before;
  CHECK(a.exits(7));
  CHECK(c.exits(7));
  const std::uint64_t eighth = guest.now() - before;
  CHECK(second >= 2 * kMillisecond && second < 5 * kMillisecond + 2 * kMillisecond);
  CHECK(eighth >= 8 * kMillisecond);
}

void timer_describes(Guest& guest) noexcept {
  const auto clock = guest.timer->describe();
  CHECK(clock.has_value());
  CHECK(clock->tsc_hz >= 100'000'000);
  CHECK((clock->features & 1) != 0);  // no-execute: the kernel does not start without
  const std::uint64_t ticks = __builtin_ia32_rdtsc() - clock->start_tsc;
  const std::uint64_t ns = guest.now();
  const std::uint64_t computed =
      ticks / clock->tsc_hz * 1'000'000'000 + ticks % clock->tsc_hz * 1'000'000'000 / clock->tsc_hz;
  CHECK(computed <= ns && ns - computed < 50 * kMicrosecond);
}

void trace_rings_open(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    auto ring = guest.trace_rings->open([&](auto params) { params.set_cpu(cpu); });
    CHECK(ring.has_value());
    const auto memory = ring->capability<schema::MemoryObject>(ring->reader().ring());
    const auto mapped = runtime::map_object(guest.runtime, memory.borrow(), runtime::Access::read);
    CHECK(mapped.has_value());
    const auto& header = *reinterpret_cast<const abi::TraceRingHeader*>(mapped->data());
    const bool right =
        header.magic == abi::kTraceRingMagic && header.cpu == cpu && (cpu != 0 || header.head > 0);
    (void)guest.memory->unmap(reinterpret_cast<std::uint64_t>(mapped->data()), mapped->size());
    CHECK(right);
    CHECK(invalid(runtime::map_object(guest.runtime, memory.borrow(), runtime::Access::read_write),
                  KernelError::bad_protection));
    CHECK(invalid(memory.borrow()->write([](auto params) { (void)params.init_data(1); }),
                  KernelError::bad_protection));
  }
}

void trace_rings_bad_cpu(Guest& guest) noexcept {
  for (const std::uint16_t cpu : {std::uint16_t{16}, std::uint16_t{255}, std::uint16_t{0xffff}}) {
    CHECK(invalid(guest.trace_rings->open([&](auto params) { params.set_cpu(cpu); }), KernelError::bad_cpu));
  }
  CHECK(invalid(
      guest.trace_rings->open([&](auto params) { params.set_cpu(static_cast<std::uint16_t>(guest.cpus)); }),
      KernelError::bad_cpu));
}

void trace_emit_arrives(Guest& guest) noexcept {
  auto trace = guest.runtime.need<schema::TraceSource>("trace");
  auto opened = guest.trace_rings->open([](auto params) { params.set_cpu(0); });
  CHECK(opened.has_value());
  const auto memory = opened->capability<schema::MemoryObject>(opened->reader().ring());
  const auto mapped = runtime::map_object(guest.runtime, memory.borrow(), runtime::Access::read);
  CHECK(mapped.has_value());
  const auto& header = *reinterpret_cast<const abi::TraceRingHeader*>(mapped->data());
  CHECK(trace->emit(0x1234, 11, 12, 13, 14, 15, 16).has_value());
  const auto* const events = reinterpret_cast<const std::uint64_t*>(mapped->data() + abi::kTraceEventsOffset);
  const auto* const event = events + ((header.head - 1) & (header.capacity - 1)) * 8;
  bool right = (event[1] >> 48 & 0x7fff) == 0x1234;
  for (unsigned i = 0; i < 6; ++i) right = right && event[2 + i] == 11 + i;
  (void)guest.memory->unmap(reinterpret_cast<std::uint64_t>(mapped->data()), mapped->size());
  CHECK(right);
}

void boot_package_read_only(Guest& guest) noexcept {
  auto package = guest.runtime.need<schema::BootPackage>("bootPackage");
  auto answer = package->read_manifest([](auto) {});
  CHECK(answer.has_value());
  const std::uint64_t offset = answer->reader().offset(), size = answer->reader().size();
  const auto memory = answer->capability<schema::MemoryObject>(answer->reader().pack());
  const auto whole = memory.borrow()->get_size();
  CHECK(whole.has_value() && whole->size % kPage == 0 && offset + size <= whole->size && size > 0);
  CHECK(invalid(runtime::map_object(guest.runtime, memory.borrow(), runtime::Access::read_write),
                KernelError::bad_protection));
  CHECK(invalid(memory.borrow()->write([](auto params) { (void)params.init_data(8); }),
                KernelError::bad_protection));
}

void host_channel_absent(Guest& guest) noexcept {
  auto channel = guest.runtime.need<schema::HostChannel>("hostChannel");
  CHECK(refused(channel->open([](auto) {}), ExceptionType::failed, KernelError::not_found));
}

constexpr Case kCases[] = {
    {"console.write", console_writes},
    {"console.write too long", console_too_long},
    {"timer.now never goes back", timer_monotonic},
    {"timer.sleepUntil in the future", timer_sleep_future},
    {"timer.sleepUntil in the past", timer_sleep_past},
    {"timer.sleepUntil at the end of time", timer_sleep_for_ever},
    {"timer.sleepUntil of several", timer_many_sleepers},
    {"timer.describe", timer_describes},
    {"traceRings.open is read-only", trace_rings_open},
    {"traceRings.open badCpu", trace_rings_bad_cpu},
    {"trace.emit arrives", trace_emit_arrives},
    {"bootPackage.readManifest is read-only", boot_package_read_only},
    {"hostChannel.open without a device", host_channel_absent},
};

}  // namespace

std::span<const Case> service_cases() noexcept { return kCases; }

}  // namespace conformance
