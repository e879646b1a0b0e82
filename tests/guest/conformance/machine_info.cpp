// SPDX-License-Identifier: Apache-2.0
// EntropySource and SystemInfo.
#include "capos/schema/devices.hpp"
#include "accounting.hpp"
#include "harness.hpp"

namespace conformance {
namespace {

void entropy_words(Guest& guest) noexcept {
  auto source = guest.runtime.need<schema::EntropySource>("entropy");
  const auto kind = source->describe();
  CHECK(kind.has_value() && kind->kind != schema::EntropyKind::none);  // the deterministic machine has both instructions
  const auto first = source->read(), second = source->read();
  CHECK(first.has_value() && second.has_value());
  const std::uint64_t words[] = {first->a, first->b, first->c, first->d, second->a, second->b, second->c, second->d};
  for (unsigned i = 0; i < 8; ++i) {
    for (unsigned j = 0; j < i; ++j) CHECK(words[i] != words[j]);
  }
}

void describes_machine(Guest& guest) noexcept {
  auto info = guest.runtime.need<schema::SystemInfo>("systemInfo");
  (void)settled(guest);  // the reaper gives nothing back meanwhile
  const auto before = info->describe();
  const auto clock = guest.timer->describe();
  CHECK(before.has_value() && clock.has_value());
  CHECK(before->cpus == guest.cpus && before->features == clock->features && before->tsc_hz != 0);
  CHECK(before->ram_bytes > 200u << 20 && before->ram_bytes < 256u << 20);
  CHECK(before->version_major != 0 || before->version_minor != 0 || before->version_patch != 0);
  const Memory memory = make_memory(guest, 100);
  const auto after = info->describe();
  CHECK(after.has_value() && after->free_bytes <= before->free_bytes - 100 * kPage);
  CHECK(after->free_bytes < after->ram_bytes);
}

void describes_cpus(Guest& guest) noexcept {
  auto info = guest.runtime.need<schema::SystemInfo>("systemInfo");
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    const auto found = info->cpu(cpu);
    CHECK(found.has_value() && found->use == schema::CpuUse::housekeeping);
  }
  const auto before = info->cpu(0);
  guest.sleep(2 * kMillisecond);
  const auto after = info->cpu(0);
  CHECK(before.has_value() && after.has_value());
  CHECK(after->timers > before->timers && after->idle_ns > before->idle_ns);
  CHECK(invalid(info->cpu(static_cast<std::uint16_t>(guest.cpus)), KernelError::bad_cpu));
  CHECK(invalid(info->cpu(0xffff), KernelError::bad_cpu));
}

constexpr Case kCases[] = {
    {"entropy words differ", entropy_words},
    {"systemInfo.describe", describes_machine},
    {"systemInfo.cpu", describes_cpus},
};

}  // namespace

std::span<const Case> machine_info_cases() noexcept { return kCases; }

}  // namespace conformance
