// SPDX-License-Identifier: Apache-2.0
#include "report_builder.hpp"

namespace capos::admission {
namespace {

constexpr std::uint64_t to_ns(Duration duration) noexcept {
  return duration.ns() < 0 ? 0 : static_cast<std::uint64_t>(duration.ns());
}

// budget / period in millionths, the period rounded down. At most 3.6e12 * 1e6 before the division: fits 64
// bits.
std::uint32_t utilisation_ppm(const sched::TaskModel& task) noexcept {
  const std::uint64_t period = to_ns(task.period.floor());
  return period == 0 ? 0 : static_cast<std::uint32_t>(to_ns(task.budget) * 1'000'000 / period);
}

TaskResult task_result(const sched::TaskModel& task) noexcept {
  TaskResult result;
  result.name = task.name;
  result.cpu = task.cpu.value();
  result.priority = task.priority.value();
  result.period = task.period;
  result.period_ns = to_ns(task.period.floor());
  result.deadline_ns = to_ns(task.deadline);
  result.budget_ns = to_ns(task.budget);
  result.utilisation_ppm = utilisation_ppm(task);
  result.bounded = task.response > Duration{} && task.response != Duration::max();
  if (!result.bounded) return result;
  result.response_ns = to_ns(task.response);
  result.slack_ns = (task.deadline - task.response).ns();
  result.fits = result.slack_ns >= 0;
  return result;
}

ChainResult chain_result(const sched::ChainModel& chain) noexcept {
  const bool known = chain.latency > Duration{} && chain.latency != Duration::max();
  return {chain.name, to_ns(chain.bound), known ? to_ns(chain.latency) : 0,
          known && chain.latency <= chain.bound};
}

RefusalKind refusal_kind(sched::Verdict verdict) noexcept {
  switch (verdict) {
    case sched::Verdict::admitted:
      return RefusalKind::none;
    case sched::Verdict::malformed:
      return RefusalKind::internal;
    case sched::Verdict::overloaded:
      return RefusalKind::overloaded;
    case sched::Verdict::task_late:
      return RefusalKind::response;
    case sched::Verdict::chain_late:
      return RefusalKind::chain;
    case sched::Verdict::unresolved:
      return RefusalKind::unbounded;
    case sched::Verdict::demand_late:
      return RefusalKind::demand;
  }
  return RefusalKind::internal;
}

struct Named {
  ContributorKind kind = ContributorKind::own;
  std::string_view name;
  std::string_view island;
};

// Whose it is, if not the island's that the model is about.
std::string_view island_of(const IslandModel& model, std::size_t member) noexcept {
  return member == model.own ? std::string_view{} : model.parts[member].name;
}
std::string_view island_of_task(const IslandModel& model, std::size_t task) noexcept {
  return island_of(model, model.view.tasks[task].island);
}
std::string_view island_of_chain(const IslandModel& model, std::size_t chain) noexcept {
  return island_of_task(model, model.view.chains[chain].tasks.front());
}

Named task_named(const IslandModel& model, ContributorKind kind, std::size_t task) noexcept {
  return {kind, model.view.tasks[task].name, island_of_task(model, task)};
}

Named name_of(const IslandModel& model, std::uint16_t self, const sched::Contribution& part) noexcept {
  using Kind = sched::ContributionKind;
  switch (part.kind) {
    case Kind::own_budget:
      return task_named(model, ContributorKind::own, self);
    case Kind::task:
      return task_named(model, ContributorKind::task, part.index);
    case Kind::server_call:
      return {ContributorKind::server_call, model.servers[part.index], island_of_task(model, model.view.calls[part.index].task)};
    case Kind::kernel_section:
      return {ContributorKind::kernel_section, {}, {}};
    case Kind::timer_events:
      return {ContributorKind::timer_events, {}, {}};
    case Kind::switches:
      return {ContributorKind::switches, {}, {}};
    case Kind::late_budget_ends:
      return {ContributorKind::late_budget_ends, {}, {}};
    case Kind::interrupt:
      return {ContributorKind::interrupt, model.view.interrupts[part.index].name, {}};
    case Kind::jitter:
      return {ContributorKind::jitter, {}, {}};
    case Kind::earlier_releases:
      return {ContributorKind::earlier_releases, {}, {}};
    case Kind::hop_wait:
      return task_named(model, ContributorKind::hop_wait, part.index);
    case Kind::hop_response:
      return task_named(model, ContributorKind::hop_response, part.index);
  }
  return {ContributorKind::jitter, {}, {}};
}

void explain(const IslandModel& model, const sched::Analysis& analysis, Refusal& refusal) noexcept {
  std::array<sched::Contribution, kMaxContributors> parts;
  std::size_t count = 0;
  if (refusal.kind == RefusalKind::chain) {
    count = sched::explain_chain(model.view, analysis.index, parts);
  } else if (refusal.kind == RefusalKind::demand) {
    count = sched::explain_demand(model.view, CpuId(analysis.index), analysis.limit, parts);
  } else if (refusal.kind == RefusalKind::response || refusal.kind == RefusalKind::unbounded) {
    count = sched::explain_task(model.view, analysis.index, parts);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const Named named = name_of(model, analysis.index, parts[i]);
    refusal.contributors[i] = {named.kind, named.name, named.island, static_cast<std::uint64_t>(parts[i].count),
                               to_ns(parts[i].each < Duration{} ? -parts[i].each : parts[i].each)};
  }
  refusal.contributor_count = count;
}

Fix fix_of(const IslandModel& model, const sched::Change& change) noexcept {
  const std::uint64_t ns = to_ns(change.value);
  const auto of_task = [&](FixKind kind) noexcept {
    return Fix{kind, model.view.tasks[change.index].name, island_of_task(model, change.index), ns};
  };
  switch (change.kind) {
    case sched::ChangeKind::budget:
      return of_task(FixKind::budget_at_most);
    case sched::ChangeKind::longer_period:
      return of_task(FixKind::period_at_least);
    case sched::ChangeKind::shorter_period:
      return of_task(FixKind::period_at_most);
    case sched::ChangeKind::deadline:
      return of_task(FixKind::deadline_at_least);
    case sched::ChangeKind::wcet:
      return {FixKind::call_wcet_at_most, model.servers[change.index], island_of_task(model, model.view.calls[change.index].task), ns};
    case sched::ChangeKind::bound:
      return {FixKind::chain_bound_at_least, model.view.chains[change.index].name, island_of_chain(model, change.index), ns};
  }
  return {};
}

void suggest_fixes(IslandModel& model, const sched::Analysis& analysis, Refusal& refusal) noexcept {
  std::array<sched::Change, kMaxFixes> changes;
  refusal.fix_count = sched::suggest(model.view, analysis, changes);
  for (std::size_t i = 0; i < refusal.fix_count; ++i) refusal.fixes[i] = fix_of(model, changes[i]);
}

void refuse(IslandModel& model, const sched::Analysis& analysis, Refusal& refusal) noexcept {
  refusal.kind = refusal_kind(analysis.verdict);
  refusal.response_ns = analysis.found == Duration::max() ? 0 : to_ns(analysis.found);
  refusal.limit_ns = to_ns(analysis.limit);
  if (refusal.kind == RefusalKind::demand) {
    refusal.cpu = analysis.index;
  } else if (refusal.kind == RefusalKind::overloaded) {
    refusal.cpu = analysis.index;
    refusal.load_permille = static_cast<std::uint32_t>(analysis.load_permille);
  } else if (refusal.kind == RefusalKind::internal) {
    refusal.name = analysis.rejection ? sched::describe(*analysis.rejection) : "malformed";
    return;
  } else {
    const bool of_chain = refusal.kind == RefusalKind::chain;
    refusal.name = of_chain ? model.view.chains[analysis.index].name : model.view.tasks[analysis.index].name;
    refusal.island = of_chain ? island_of_chain(model, analysis.index) : island_of_task(model, analysis.index);
  }
  if (refusal.kind == RefusalKind::response && refusal.response_ns == 0)
    refusal.kind = RefusalKind::unbounded;
  explain(model, analysis, refusal);
  suggest_fixes(model, analysis, refusal);
}

}  // namespace

void reset(IslandReport& report) noexcept {
  report.island = {};
  report.admitted = false;
  report.task_count = report.chain_count = 0;
  report.refusal.kind = RefusalKind::none;
  report.refusal.island = {};
  report.refusal.contributor_count = report.refusal.fix_count = 0;
}

void fill_report(IslandModel& model, const sched::Analysis& analysis, IslandReport& report) noexcept {
  report.island = model.view.name;
  report.admitted = analysis.admitted();
  const Range tasks = model.self().tasks, chains = model.self().chains;
  report.task_count = tasks.count;
  report.chain_count = chains.count;
  for (std::size_t i = 0; i < tasks.count; ++i) report.tasks[i] = task_result(model.view.tasks[tasks.first + i]);
  for (std::size_t i = 0; i < chains.count; ++i) report.chains[i] = chain_result(model.view.chains[chains.first + i]);
  if (!report.admitted) refuse(model, analysis, report.refusal);
}

void refuse_internal(IslandReport& report, std::string_view reason) noexcept {
  report.admitted = false;
  report.refusal.kind = RefusalKind::internal;
  report.refusal.name = reason;
}

}  // namespace capos::admission
