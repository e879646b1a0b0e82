// SPDX-License-Identifier: Apache-2.0
// The run: islands started together, time passed, an orderly end.
#include "capos/abi/bench_marker.hpp"
#include "capos/abi/exit_code.hpp"
#include "capos/runtime/text.hpp"
#include "system.hpp"

namespace capos::init {
namespace {

constexpr std::uint64_t kForever = std::uint64_t{1} << 62;

// An offset, which the manifest's rules keep below a second.
std::uint64_t ns_of(schema::Time::Reader time) noexcept {
  switch (time.which()) {
    case schema::Time::Which::ns: return time.ns();
    case schema::Time::Which::us: return time.us() * 1'000;
    case schema::Time::Which::ms: return time.ms() * 1'000'000;
    case schema::Time::Which::s: return time.s() * 1'000'000'000;
    case schema::Time::Which::unset: break;
  }
  return 0;
}

std::uint64_t now_of(const System& system) noexcept {
  const auto now = system.runtime.need<schema::Timer>("timer")->now();
  return now.has_value() ? now->ns : 0;
}

void sleep_until(const System& system, std::uint64_t time) noexcept {
  auto timer = system.runtime.need<schema::Timer>("timer");
  (void)timer->sleep_until(time);
}

// Meanwhile services that end are started again, within the time of one look.
void sleep_and_restart(System& system, std::uint64_t time) noexcept {
  constexpr std::uint64_t kLook = 10'000'000;  // ns
  while (restart_services(system)) {
    const std::uint64_t next = now_of(system) + kLook;
    if (next >= time) break;
    sleep_until(system, next);
  }
  sleep_until(system, time);
}

void start_islands(System& system, std::uint64_t start) noexcept {
  std::uint32_t index = 0;
  for (const auto island : system.config().islands()) {
    runtime::Capability<schema::RealtimeIsland> capability(system.islands[index++]);
    const auto started = capability->activate(start + ns_of(island.offset()));
    if (!started.has_value()) {
      give_up(system, static_cast<std::uint8_t>(abi::RunOutcome::start_failed), island.name(), started.error().text());
    }
  }
  abi::bench_mark<abi::BenchMark::islands_started>();
}

void retire_islands(System& system) noexcept {
  for (std::uint32_t index = 0; index < system.config().islands().size(); ++index) {
    runtime::Capability<schema::RealtimeIsland> capability(system.islands[index]);
    (void)capability->retire();
  }
}

// The service with the host channel writes out what is left; without one there is nobody to wait for.
void flush(const System& system) noexcept {
  for (const auto service : system.config().services()) {
    for (const auto grant : service.grants()) {
      if (grant.which() != schema::Grant::Which::kernel || grant.kernel() != schema::KernelService::host_channel) continue;
      runtime::Capability<schema::Notification> ask(system.flush), answer(system.flushed);
      (void)ask->signal(1);
      (void)answer->wait();
      return;
    }
  }
}

}  // namespace

void run(System& system) noexcept {
  constexpr std::uint64_t kSettle = 2'000'000;  // ns, for the last jobs' records
  const auto wanted = system.pack.run();
  const std::uint64_t start = now_of(system) + wanted.warmup_ns();
  start_islands(system, start);
  sleep_and_restart(system, wanted.duration_ns() == 0 ? kForever : start + wanted.duration_ns());
  retire_islands(system);
  sleep_until(system, now_of(system) + kSettle);
  flush(system);
  auto control = system.runtime.need<schema::SystemControl>("control");
  (void)control->shutdown(static_cast<std::uint8_t>(abi::RunOutcome::finished));
  runtime::exit_process(0);
}

}  // namespace capos::init
