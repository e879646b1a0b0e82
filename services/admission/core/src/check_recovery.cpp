// SPDX-License-Identifier: Apache-2.0
// Rules about a server's time to finish what a caller's budget did not last for.
#include "capos/admission/units.hpp"
#include "capos/sched/context.hpp"
#include "check.hpp"

namespace capos::admission {
namespace {

constexpr std::uint64_t kLeastBudget = 5'000;

void check_times(Check& check, schema::Service::Reader service) noexcept {
  const Path::Scope scope(check.path, "recovery");
  const auto recovery = service.recovery();
  const auto budget = time_ns(recovery.budget());
  const auto period = period_of(recovery.period());
  const bool in_range = period && period->floor() >= sched::kMinPeriod && period->ceil() <= sched::kMaxPeriod;
  if (!in_range) {
    check.report("period", "recovery-period", text("the recovery of '", service.name(), "' does not say how often it may be"),
                 text("10 us to 1 hour, for example period = (ms = 10)"));
  }
  if (!budget || *budget < kLeastBudget || (in_range && *budget > static_cast<std::uint64_t>(period->floor().ns()))) {
    check.report("budget", "recovery-budget", text("the recovery of '", service.name(), "' has no usable budget"),
                 text("5 us to its period: what one call takes at most"));
  }
}

}  // namespace

bool recovers(schema::Service::Reader service) noexcept {
  const auto recovery = service.recovery();
  return recovery.budget().which() != schema::Time::Which::unset || recovery.period().which() != schema::Period::Which::unset;
}

TaskRef first_caller(schema::SystemManifest::Reader manifest, std::uint32_t service) noexcept {
  const auto islands = manifest.init_config().islands();
  for (std::uint32_t i = 0; i < islands.size() && i < kMaxIslands; ++i) {
    const auto tasks = islands[i].tasks();
    for (std::uint32_t t = 0; t < tasks.size() && t < kMaxTasks; ++t) {
      const auto calls = tasks[t].calls();
      for (std::uint32_t c = 0; c < calls.size() && c < kMaxCallsPerTask; ++c) {
        if (resolve(manifest, calls[c].server()).service == service) return {i, t};
      }
    }
  }
  return {};
}

void check_recovery(Check& check, std::uint32_t index) noexcept {
  const auto service = check.manifest.init_config().services()[index];
  if (!recovers(service)) return;
  check_times(check, service);
  const TaskRef caller = first_caller(check.manifest, index);
  if (!service.passive() || !caller.found()) {
    check.report("recovery", "recovery-without-calls",
                 text("service '", service.name(), "' has a recovery, but is no passive server that a task calls"),
                 text("a recovery ends calls of tasks whose budget is spent: remove it"));
    return;
  }
  const auto island = check.manifest.init_config().islands()[caller.island];
  if (index_of(island.tasks(), kMaxTasks, service.name()) != kNotFound) {
    check.report("name", "recovery-name",
                 text("service '", service.name(), "' has a recovery, and a task of island '", island.name(), "' has its name"),
                 text("a recovery stands among the tasks by its service's name: rename one"));
  }
}

}  // namespace capos::admission
