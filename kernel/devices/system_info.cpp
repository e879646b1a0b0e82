// SPDX-License-Identifier: Apache-2.0
#include "capos/schema/devices.hpp"
#include "core/cpu.hpp"
#include "devices/services.hpp"
#include "ipc/call_context.hpp"
#include "memory/frame_allocator.hpp"

namespace capos::kernel {
namespace {

using schema::InterruptCause;
using schema::KernelError;

struct Machine {
  std::uint64_t ram_bytes = 0, tsc_hz = 0, features = 0;
};
constinit Machine g_machine;

struct Version {
  std::uint16_t major = 0, minor = 0, patch = 0;
};
constexpr Version parse(const char* text) noexcept {
  std::uint16_t parts[3] = {};
  for (unsigned part = 0; *text != 0 && part < 3; ++text) {
    if (*text == '.') {
      ++part;
    } else {
      parts[part] = static_cast<std::uint16_t>(parts[part] * 10 + (*text - '0'));
    }
  }
  return {parts[0], parts[1], parts[2]};
}
constexpr Version kVersion = parse(CAPOS_VERSION);

schema::CpuUse use_of(const Cpu& cpu) noexcept {
  switch (cpu.use.load(std::memory_order_relaxed)) {
    case CpuUse::off: return schema::CpuUse::off;
    case CpuUse::housekeeping: return schema::CpuUse::housekeeping;
    case CpuUse::leased: return schema::CpuUse::leased;
    case CpuUse::leased_slack: return schema::CpuUse::leased_slack;
  }
  return schema::CpuUse::off;
}

class SystemInfoService final : public SingletonObject<SystemInfoService, schema::SystemInfo> {
 public:
  using Interface = schema::SystemInfo;
  Outcome describe(CallContext&, const Interface::Describe::Params::Value&,
                   Interface::Describe::Results::Value& results) noexcept {
    results.cpus = static_cast<std::uint16_t>(Cpu::count());
    results.features = g_machine.features;
    results.tsc_hz = g_machine.tsc_hz;
    results.ram_bytes = g_machine.ram_bytes;
    results.free_bytes = frames().lock()->free_frames() * hal::kPageSize;
    results.version_major = kVersion.major;
    results.version_minor = kVersion.minor;
    results.version_patch = kVersion.patch;
    return Outcome::done();
  }
  Outcome cpu(CallContext&, const Interface::Cpu::Params::Value& params,
              Interface::Cpu::Results::Value& results) noexcept {
    const kernel::Cpu* const cpu = kernel::Cpu::find(CpuId(params.cpu));
    if (cpu == nullptr) return Outcome::invalid(KernelError::bad_cpu);
    results.use = use_of(*cpu);
    results.idle_ns = cpu->trace.idle_ns();
    results.switches = cpu->trace.switches();
    for (const InterruptCause cause : {InterruptCause::timer_release, InterruptCause::timer_budget,
                                       InterruptCause::timer_slice, InterruptCause::timer_quantum,
                                       InterruptCause::timer_sleep, InterruptCause::timer_early}) {
      results.timers += cpu->trace.interrupts(cause);
    }
    results.mails = cpu->trace.interrupts(InterruptCause::mailbox);
    results.devices = cpu->trace.interrupts(InterruptCause::device);
    results.spurious = cpu->trace.interrupts(InterruptCause::spurious);
    return Outcome::done();
  }
};

constinit SystemInfoService g_system_info;

}  // namespace

Object& system_info_service() noexcept { return g_system_info; }

void set_system_info(std::uint64_t ram_bytes, std::uint64_t tsc_hz, std::uint64_t features) noexcept {
  g_machine = {ram_bytes, tsc_hz, features};
}

}  // namespace capos::kernel
