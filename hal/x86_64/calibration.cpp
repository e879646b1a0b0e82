// SPDX-License-Identifier: Apache-2.0
// How fast the time-stamp counter and the local APIC's timer run.
//
// TSC: said by CPUID (leaf 15h with 16h, SDM vol. 3, 19.7.3; hypervisor leaf 40000010h), else measured
// against the HPET, the ACPI timer or the PIT, in this order, over 2 ms (PIT: 4 ms); else the command line's
// tsc_hz=N. The APIC timer is measured over the same window, or against a TSC whose frequency is known.
// Samples are taken on an edge of the slower counter, so the error is the reading's own length: a few parts
// in 10^5 at worst on emulated devices.
#include <algorithm>
#include <charconv>

#include "instructions.hpp"
#include "internal.hpp"

namespace capos::hal::x86 {
namespace {

struct Reference {
  enum class Kind : std::uint8_t { hpet, acpi_timer, pit, tsc } kind = Kind::tsc;
  std::uint64_t hz = 0;
  std::uint64_t mask = 0;    // of the counter's bits
  std::uint64_t window = 0;  // counts to measure over
  volatile std::uint8_t* registers = nullptr;
  std::uint16_t port = 0;
  std::string_view name;
};

std::uint64_t read(const Reference& reference) noexcept {
  switch (reference.kind) {
    case Reference::Kind::hpet:
      return *reinterpret_cast<volatile std::uint32_t*>(reference.registers + 0xf0);
    case Reference::Kind::acpi_timer:
      return in32(reference.port);
    case Reference::Kind::pit: {
      out8(0x43, 0x80);  // latch counter 2; it counts down
      const unsigned low = in8(0x42);
      return 0xffff - (low | static_cast<unsigned>(in8(0x42)) << 8);
    }
    case Reference::Kind::tsc:
      return rdtsc();
  }
  return 0;
}

struct Sample {
  std::uint64_t tsc = 0, count = 0, timer = 0;
};

// Waits until the reference has gone `distance` on from `from`, then for its next edge. False if it stands
// still.
bool sample(const Reference& reference, std::uint64_t from, std::uint64_t distance, Sample& out) noexcept {
  constexpr unsigned kPatience = 50'000'000;
  std::uint64_t last = read(reference);
  for (unsigned i = 0; i < kPatience; ++i) {
    const std::uint64_t count = read(reference);
    if (count != last && ((count - from) & reference.mask) >= distance) {
      out = {rdtsc(), count, timer_count()};
      return true;
    }
    last = count;
  }
  return false;
}

bool measure(const Reference& reference, Frequencies& out) noexcept {
  Sample first, last;
  set_timer_count(0xffff'ffff);
  if (!sample(reference, read(reference), 0, first)) return false;
  if (!sample(reference, first.count, reference.window, last)) return false;
  set_timer_count(0);
  const std::uint64_t counts = (last.count - first.count) & reference.mask;
  const auto hz = [&](std::uint64_t ticks) { return multiply_divide(ticks, reference.hz, counts); };
  if (out.tsc_hz == 0) out.tsc_hz = hz(last.tsc - first.tsc);
  out.timer_hz = hz(first.timer - last.timer);
  out.start_tsc = first.tsc;
  out.end_tsc = last.tsc;
  out.source = out.source.empty() ? reference.name : out.source;
  return true;
}

std::uint64_t tsc_hz_by_cpuid() noexcept {
  if (cpuid(0).eax >= 0x15) {
    const CpuidResult ratio = cpuid(0x15);
    std::uint64_t crystal = ratio.ecx;
    if (ratio.eax != 0 && ratio.ebx != 0) {
      if (crystal == 0 && cpuid(0).eax >= 0x16)
        crystal = std::uint64_t{cpuid(0x16).eax & 0xffff} * 1'000'000 * ratio.eax / ratio.ebx;
      if (crystal != 0) return crystal * ratio.ebx / ratio.eax;
    }
  }
  constexpr std::uint32_t kHypervisor = 0x40000000, kTiming = 0x40000010;
  if (!has(MachineFeature::hypervisor)) return 0;
  const std::uint32_t last = cpuid(kHypervisor).eax;
  return last >= kTiming && last < kHypervisor + 0x100 ? std::uint64_t{cpuid(kTiming).eax} * 1000 : 0;
}

bool use_hpet(const AcpiInfo& acpi, Reference& out) noexcept {
  if (acpi.hpet == 0) return false;
  auto* const base = static_cast<volatile std::uint8_t*>(map_device(acpi.hpet, 0x400));
  if (base == nullptr) return false;
  const std::uint32_t period_fs = *reinterpret_cast<volatile std::uint32_t*>(base + 4);
  if (period_fs == 0 || period_fs > 100'000'000) return false;
  auto* const configuration = reinterpret_cast<volatile std::uint32_t*>(base + 0x10);
  *configuration = *configuration | 1;  // counts
  const std::uint64_t hz = 1'000'000'000'000'000 / period_fs;
  out = {.kind = Reference::Kind::hpet,
         .hz = hz,
         .mask = 0xffff'ffff,
         .window = hz / 500,
         .registers = base,
         .name = "HPET"};
  return true;
}

bool use_acpi_timer(const AcpiInfo& acpi, Reference& out) noexcept {
  if (acpi.pm_timer_port == 0) return false;
  constexpr std::uint64_t kHz = 3'579'545;
  out = {.kind = Reference::Kind::acpi_timer,
         .hz = kHz,
         .mask = 0xff'ffff,
         .window = kHz / 500,
         .port = acpi.pm_timer_port,
         .name = "ACPI timer"};
  return true;
}

// Counter 2, gate on, speaker off, counting down from 65536.
bool use_pit(Reference& out) noexcept {
  constexpr std::uint64_t kHz = 1'193'182;
  out8(0x61, static_cast<std::uint8_t>((in8(0x61) & 0xfc) | 1));
  out8(0x43, 0xb4);
  out8(0x42, 0);
  out8(0x42, 0);
  out = {.kind = Reference::Kind::pit, .hz = kHz, .mask = 0xffff, .window = kHz / 250, .name = "PIT"};
  Reference& pit = out;
  const std::uint64_t before = read(pit);
  for (unsigned i = 0; i < 10'000; ++i)
    if (read(pit) != before) return true;
  return false;
}

std::uint64_t said_on_command_line(std::string_view line) noexcept {
  constexpr std::string_view kKey = "tsc_hz=";
  for (std::size_t at = line.find(kKey); at != line.npos; at = line.find(kKey, at + 1)) {
    if (at != 0 && line[at - 1] != ' ') continue;
    std::uint64_t hz = 0;
    const char* const digits = line.data() + at + kKey.size();
    if (std::from_chars(digits, line.data() + line.size(), hz).ec == std::errc{}) return hz;
  }
  return 0;
}

constexpr std::uint64_t kSlowest = 100'000'000, kFastest = 20'000'000'000;

bool plausible(std::uint64_t hz) noexcept { return hz >= kSlowest && hz <= kFastest; }

// A TSC of known frequency measures the APIC timer; a deadline timer needs no measuring.
void measure_timer(Frequencies& out) noexcept {
  out.start_tsc = out.end_tsc = rdtsc();
  if (has(MachineFeature::tsc_deadline)) return;
  const Reference tsc{.kind = Reference::Kind::tsc,
                      .hz = out.tsc_hz,
                      .mask = ~std::uint64_t{0},
                      .window = out.tsc_hz / 1000,
                      .name = out.source};
  if (!measure(tsc, out)) out.timer_hz = 0;
}

}  // namespace

Frequencies calibrate(const AcpiInfo& acpi, std::string_view command_line) noexcept {
  Frequencies out;
  out.tsc_hz = tsc_hz_by_cpuid();
  out.source = "CPUID";
  if (!plausible(out.tsc_hz)) {
    Reference reference;
    out = {};
    const bool done = (use_hpet(acpi, reference) && measure(reference, out)) ||
                      (use_acpi_timer(acpi, reference) && measure(reference, out)) ||
                      (use_pit(reference) && measure(reference, out));
    if (!done) out = {.tsc_hz = said_on_command_line(command_line), .source = "command line"};
  }
  if (!plausible(out.tsc_hz))
    refuse("no clock to measure the TSC by (HPET, ACPI timer, PIT); give tsc_hz=N on the command line",
           kExitPanic);
  if (out.timer_hz == 0) measure_timer(out);
  if (out.timer_hz == 0 && !has(MachineFeature::tsc_deadline))
    refuse("the local APIC timer does not count", kExitPanic);
  return out;
}

}  // namespace capos::hal::x86
