// SPDX-License-Identifier: Apache-2.0
// Rules about tasks: whose they are, their times, and the calls they may make.
#include "capos/admission/units.hpp"
#include "capos/sched/certificate.hpp"
#include "capos/sched/context.hpp"
#include "check.hpp"

namespace capos::admission {
namespace {

constexpr std::uint64_t to_ns(Duration duration) noexcept {
  return static_cast<std::uint64_t>(duration.ns());
}
constexpr std::uint64_t kMinPeriodNs = to_ns(sched::kMinPeriod);
constexpr std::uint64_t kMaxPeriodNs = to_ns(sched::kMaxPeriod);
constexpr std::uint64_t kMinBudgetNs = to_ns(sched::kMinBudget);

// A task's times as far as they are known; 0 is "not known, or refused already".
struct TaskTimes {
  std::uint64_t period_ns = 0;
  std::uint64_t budget_ns = 0;
  std::uint64_t deadline_ns = 0;
};

void check_service(Check& check, schema::Island::Reader island, schema::Task::Reader task) noexcept {
  const auto services = check.manifest.init_config().services();
  const std::uint32_t index = index_of(services, kMaxServices, task.service());
  if (index == kNotFound) {
    check.report("service", "unknown-service",
                 text("task '", task.name(), "' is of service '", task.service(), "', which does not exist"),
                 suggest("service", services, kMaxServices, task.service()));
    return;
  }
  if (services[index].passive()) {
    check.report(
        "service", "passive-task",
        text("service '", task.service(), "' is passive, so it cannot have task '", task.name(), "'"),
        text("remove passive = true from the service, or the task"));
  }
  const TaskRef first = task_of_service(check.manifest, task.service());
  const auto owner = check.manifest.init_config().islands()[first.island];
  const auto other = owner.tasks()[first.task];
  if (owner.name() == island.name() && other.name() == task.name()) return;
  check.report(
      "service", "service-has-task",
      text("service '", task.service(), "' already runs task '", owner.name(), ".", other.name(), "'"),
      text("a service runs one task: add a second service with the same binary"));
}

void check_period(Check& check, schema::Task::Reader task, TaskTimes& times) noexcept {
  const auto period = period_of(task.period());
  if (!period && period.error() == UnitError::unset) {
    check.report("period", "missing-period", text("task '", task.name(), "' has no period"),
                 text("for example period = (ms = 1)"));
  } else if (!period && period.error() == UnitError::zero) {
    check.report("period", "zero-period", text("the period of task '", task.name(), "' is zero"),
                 text("for example period = (ms = 1)"));
  } else if (!period) {
    check.report("period", "period-range",
                 text("the period of task '", task.name(), "' cannot be kept exactly"),
                 text("10 us to 1 hour, as a fraction of a second whose terms are below 2^32"));
  } else if (to_ns(period->floor()) < kMinPeriodNs || to_ns(period->ceil()) > kMaxPeriodNs) {
    check.report("period", "period-range", text("the period of task '", task.name(), "' is out of range"),
                 text("10 us to 1 hour"));
  } else {
    times.period_ns = to_ns(period->floor());
  }
}

void check_long_deadline(Check& check, schema::Task::Reader task, std::uint64_t deadline, TaskTimes& times) noexcept {
  if (deadline > kMaxPeriodNs) {
    check.report("deadline", "deadline-range",
                 text("the deadline of task '", task.name(), "' is out of range"), text("at most 1 hour"));
  } else if (task.on_miss() != schema::Consequence::run_late) {
    check.report("deadline", "long-deadline-skips",
                 text("the deadline of task '", task.name(), "' is after its next release, ", Us{times.period_ns},
                      ", and its onMiss would skip that"),
                 text("onMiss = runLate, or a deadline of at most the period"));
  } else {
    times.deadline_ns = deadline;
  }
}

void check_deadline(Check& check, schema::Task::Reader task, TaskTimes& times) noexcept {
  const auto deadline = time_ns_or(task.deadline(), times.period_ns);
  if (!deadline) {
    check.report("deadline", "deadline-range",
                 text("the deadline of task '", task.name(), "' is out of range"),
                 text("at most the period"));
  } else if (task.deadline().which() != schema::Time::Which::unset && *deadline == 0) {
    check.report("deadline", "zero-deadline", text("the deadline of task '", task.name(), "' is zero"),
                 text("a time after the release, at most the period; leave it out for the period"));
  } else if (times.period_ns != 0 && *deadline > times.period_ns && (check.runs & sched::kRunsLongDeadlines) != 0) {
    check_long_deadline(check, task, *deadline, times);
  } else if (times.period_ns != 0 && *deadline > times.period_ns) {
    check.report("deadline", "deadline-over-period",
                 text("the deadline of task '", task.name(), "', ", Us{*deadline},
                      ", is after its next release, ", Us{times.period_ns}),
                 text("deadlines over the period are not supported: use at most ", Us{times.period_ns}));
  } else {
    times.deadline_ns = *deadline;
  }
}

void check_budget_against(Check& check, schema::Task::Reader task, const TaskTimes& times) noexcept {
  if (times.period_ns != 0 && times.budget_ns > times.period_ns) {
    check.report("budget", "budget-over-period",
                 text("the budget of task '", task.name(), "', ", Us{times.budget_ns},
                      ", is more than its period, ", Us{times.period_ns}),
                 text("a task gets at most the whole CPU: shorten the budget or lengthen the period"));
  } else if (times.deadline_ns != 0 && times.budget_ns > times.deadline_ns) {
    check.report("budget", "budget-over-deadline",
                 text("the budget of task '", task.name(), "', ", Us{times.budget_ns},
                      ", is more than its deadline, ", Us{times.deadline_ns}),
                 text("it could never finish in time: shorten the budget or move the deadline"));
  }
}

void check_budget(Check& check, schema::Task::Reader task, TaskTimes& times) noexcept {
  const auto budget = time_ns(task.budget());
  if (!budget && budget.error() == UnitError::unset) {
    check.report("budget", "missing-budget", text("task '", task.name(), "' has no budget"),
                 text("the most time one job takes, calls included, for example budget = (us = 100)"));
  } else if (!budget) {
    check.report("budget", "budget-range", text("the budget of task '", task.name(), "' is out of range"),
                 text("5 us to the deadline"));
  } else if (*budget < kMinBudgetNs) {
    check.report("budget", "budget-too-small",
                 text("the budget of task '", task.name(), "', ", Us{*budget},
                      ", is below the least that makes progress"),
                 text("at least ", Us{kMinBudgetNs}));
  } else {
    times.budget_ns = *budget;
    check_budget_against(check, task, times);
  }
}

void check_jitter(Check& check, schema::Task::Reader task, const TaskTimes& times) noexcept {
  const auto jitter = time_ns_or(task.jitter(), 0);
  if (jitter && (times.deadline_ns == 0 || *jitter < times.deadline_ns)) return;
  check.report("jitter", "jitter-range",
               text("the jitter of task '", task.name(), "' leaves nothing of its deadline"),
               text("less than the deadline"));
}

void check_place(Check& check, schema::Island::Reader island, schema::Task::Reader task) noexcept {
  if (task.priority() < -1 || task.priority() > 255) {
    check.report("priority", "priority-range",
                 text("priority ", task.priority(), " of task '", task.name(), "' is out of range"),
                 text("0 to 255, 255 most urgent; -1 derives it from the deadlines"));
  }
  if (island.policy() == schema::IslandPolicy::edf && task.priority() != -1) {
    check.report("priority", "priority-with-edf",
                 text("task '", task.name(), "' states a priority in an EDF island"),
                 text("leave it out: the earliest deadline comes first"));
  }
  if (task.cpu() == -1) return;
  const std::uint16_t cpus = check.manifest.kernel_params().cpus();
  if (task.cpu() < -1 || task.cpu() >= cpus) {
    check.report("cpu", "cpu-range",
                 text("task '", task.name(), "' wants CPU ", task.cpu(), ", but the machine has ", cpus),
                 text("one of the CPUs that the island leases"));
  } else if (!leases(island, static_cast<std::uint16_t>(task.cpu()))) {
    check.report("cpu", "cpu-not-leased",
                 text("task '", task.name(), "' wants CPU ", task.cpu(), ", which island '", island.name(),
                      "' does not lease"),
                 text("add the CPU to the island's cpus, or choose one of them"));
  }
}

bool has_grant(schema::Service::Reader service, std::string_view server) noexcept {
  const auto grants = service.grants();
  for (std::uint32_t i = 0; i < grants.size() && i < kMaxGrantsPerService; ++i) {
    if (grants[i].which() == schema::Grant::Which::from && grants[i].from() == server) return true;
  }
  return false;
}

void check_authority(Check& check, schema::Task::Reader task, std::string_view server) noexcept {
  const auto services = check.manifest.init_config().services();
  const std::uint32_t caller = index_of(services, kMaxServices, task.service());
  if (caller == kNotFound || has_grant(services[caller], server)) return;
  check.report("server", "call-not-granted",
               text("task '", task.name(), "' calls '", server, "', but service '", task.service(),
                    "' is not granted it"),
               text("add to the service's grants: (name = \"...\", from = \"", server, "\")"));
}

// The call's time, 0 if it is not known.
std::uint64_t check_wcet(Check& check, schema::ServerCall::Reader call) noexcept {
  const auto wcet = time_ns(call.wcet());
  if (wcet && *wcet > 0) return *wcet;
  check.report("wcet", "call-wcet",
               text("the call of '", call.server(), "' does not say how long it takes at most"),
               text("for example wcet = (us = 15)"));
  return 0;
}

std::uint64_t check_call(Check& check, schema::Task::Reader task, std::uint32_t index) noexcept {
  const auto call = task.calls()[index];
  const Path::Scope scope(check.path, "calls", index);
  const ExportRef ref = resolve_or_report(check, "server", call.server());
  if (ref.found()) {
    check_authority(check, task, call.server());
    const auto server = check.manifest.init_config().services()[ref.service];
    if (!server.passive()) {
      check.report(
          "server", "call-not-passive",
          text("task '", task.name(), "' calls '", server.name(), "', which is not passive"),
          text("the wait for a server with time of its own has no bound: say passive = true in the server"));
    }
  }
  for (std::uint32_t i = 0; i < index; ++i) {
    if (task.calls()[i].server() != call.server()) continue;
    check.report("server", "duplicate-call",
                 text("task '", task.name(), "' lists its calls of '", call.server(), "' twice"),
                 text("state the longest once"));
    break;
  }
  return check_wcet(check, call);
}

// A granted passive server that the task may call at any time must be declared: others wait for it.
void check_undeclared(Check& check, schema::Task::Reader task) noexcept {
  const auto services = check.manifest.init_config().services();
  const std::uint32_t caller = index_of(services, kMaxServices, task.service());
  if (caller == kNotFound) return;
  const auto grants = services[caller].grants();
  for (std::uint32_t g = 0; g < grants.size() && g < kMaxGrantsPerService; ++g) {
    if (grants[g].which() != schema::Grant::Which::from) continue;
    const ExportRef ref = resolve(check.manifest, grants[g].from());
    if (!ref.found() || !services[ref.service].passive()) continue;
    bool declared = false;
    for (std::uint32_t c = 0; c < task.calls().size() && c < kMaxCallsPerTask; ++c) {
      declared = declared || task.calls()[c].server() == grants[g].from();
    }
    if (declared) continue;
    check.report(
        "calls", "undeclared-call",
        text("service '", task.service(), "' is granted '", grants[g].from(), "', but task '", task.name(),
             "' does not declare the call"),
        text("add calls = [(server = \"", grants[g].from(), "\", wcet = (us = ...))], or remove the grant"));
  }
}

void check_calls(Check& check, schema::Task::Reader task, const TaskTimes& times) noexcept {
  const std::uint32_t count = check.bounded("calls", task.calls().size(), kMaxCallsPerTask);
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (__builtin_add_overflow(sum, check_call(check, task, i), &sum)) sum = ~std::uint64_t{0};
  }
  if (times.budget_ns != 0 && sum > times.budget_ns) {
    check.report("calls", "calls-over-budget",
                 text("the calls of task '", task.name(), "' take up to ", Us{sum},
                      ", more than its budget of ", Us{times.budget_ns}),
                 text("calls run on the caller's budget: raise it, or make the calls shorter"));
  }
  check_undeclared(check, task);
}

}  // namespace

void check_task(Check& check, schema::Island::Reader island, std::uint32_t index) noexcept {
  const auto task = island.tasks()[index];
  TaskTimes times;
  check.name("task", task.name());
  unique_name(check, "task", island.tasks(), index);
  check_service(check, island, task);
  check_period(check, task, times);
  check_deadline(check, task, times);
  check_budget(check, task, times);
  check_place(check, island, task);
  check_calls(check, task, times);
  check_jitter(check, task, times);
  check_misses(check, island, index);
}

}  // namespace capos::admission
