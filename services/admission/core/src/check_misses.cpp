// SPDX-License-Identifier: Apache-2.0
// Rules about what follows when a task misses its deadline or spends its budget: once, and again and again.
#include "capos/sched/miss_policy.hpp"
#include "check.hpp"

namespace capos::admission {
namespace {

void check_enumerants(Check& check, schema::Task::Reader task) noexcept {
  const auto known = [](schema::Consequence value) { return value <= schema::Consequence::stop_island; };
  if (known(task.on_miss()) && known(task.on_overrun())) return;
  const std::string_view field =
      known(task.on_miss()) ? std::string_view("onOverrun") : std::string_view("onMiss");
  check.report(field, "unknown-consequence",
               text("task '", task.name(), "' asks for a consequence that this version does not know"),
               text("runLate, skip, hold, stopTask or stopIsland"));
}

bool has_rule(schema::Task::Reader task) noexcept {
  const auto rule = task.on_repeated();
  return rule.misses() != 0 || rule.of() != 0 || rule.then() != schema::RepeatedConsequence::nothing || rule.recover() != 0 ||
         !rule.fallback().empty();
}

bool check_counts(Check& check, schema::Task::Reader task) noexcept {
  const auto rule = task.on_repeated();
  if (rule.misses() >= 1 && rule.misses() <= rule.of() && rule.of() <= sched::kLongestHistory) return true;
  check.report("misses", "repeated-range",
               text("task '", task.name(), "' has a consequence for ", rule.misses(), " misses in ", rule.of(), " jobs"),
               text("misses = 1 to of, of = 1 to ", sched::kLongestHistory, ", for example misses = 3, of = 10"));
  return false;
}

bool check_then(Check& check, schema::Task::Reader task) noexcept {
  const auto rule = task.on_repeated();
  const auto then = rule.then();
  if (then == schema::RepeatedConsequence::nothing || then > schema::RepeatedConsequence::stop_island) {
    check.report("then", "repeated-consequence",
                 text("task '", task.name(), "' does not say what follows when misses repeat"),
                 text("then = demote, fallBack, stopTask or stopIsland"));
    return false;
  }
  const bool has_way_back = then == schema::RepeatedConsequence::demote || then == schema::RepeatedConsequence::fall_back;
  if (rule.recover() != 0 && !has_way_back) {
    check.report("recover", "repeated-recovery",
                 text("task '", task.name(), "' is to recover from being stopped, and nothing runs then"),
                 text("leave recover out, or choose demote or fallBack"));
  }
  return true;
}

// The first task of the island that falls back to the one of that name.
std::uint32_t falls_back_to(schema::Island::Reader island, std::string_view name) noexcept {
  for (std::uint32_t i = 0; i < island.tasks().size() && i < kMaxTasks; ++i) {
    const auto rule = island.tasks()[i].on_repeated();
    if (rule.then() == schema::RepeatedConsequence::fall_back && rule.fallback() == name) return i;
  }
  return kNotFound;
}

void check_stand_in(Check& check, schema::Island::Reader island, std::uint32_t index, std::uint32_t fallback) noexcept {
  const auto task = island.tasks()[index];
  const auto other = island.tasks()[fallback];
  if (fallback == index) {
    check.report("fallback", "fallback-itself", text("task '", task.name(), "' is its own fallback"),
                 text("name another task of the island, with a service of its own"));
  } else if (has_rule(other)) {
    check.report("fallback", "fallback-chain",
                 text("task '", other.name(), "' stands in for '", task.name(), "' and has an onRepeated itself"),
                 text("remove that: if the fallback's misses repeat, both are stopped"));
  } else if (cpu_of(island, other) != cpu_of(island, task)) {
    check.report("fallback", "fallback-elsewhere",
                 text("task '", task.name(), "' is on CPU ", cpu_of(island, task), ", its fallback '", other.name(), "' on CPU ",
                      cpu_of(island, other)),
                 text("both must be on one CPU: give the fallback cpu = ", cpu_of(island, task)));
  } else if (const std::uint32_t first = falls_back_to(island, other.name()); first != index) {
    check.report("fallback", "fallback-shared",
                 text("task '", other.name(), "' stands in for '", island.tasks()[first].name(), "' and for '", task.name(), "'"),
                 text("give each its own fallback"));
  }
}

void check_fallback(Check& check, schema::Island::Reader island, std::uint32_t index) noexcept {
  const auto task = island.tasks()[index];
  const auto rule = task.on_repeated();
  const std::string_view name = rule.fallback();
  if (rule.then() != schema::RepeatedConsequence::fall_back) {
    if (name.empty()) return;
    check.report("fallback", "fallback-unused", text("task '", task.name(), "' has a fallback and never falls back"),
                 text("then = fallBack, or remove the fallback"));
    return;
  }
  const std::uint32_t fallback = index_of(island.tasks(), kMaxTasks, name);
  if (name.empty() || fallback == kNotFound) {
    check.report("fallback", "unknown-fallback",
                 text("task '", task.name(), "' falls back to '", name, "', which is no task of island '", island.name(), "'"),
                 suggest("task", island.tasks(), kMaxTasks, name));
    return;
  }
  check_stand_in(check, island, index, fallback);
}

}  // namespace

void check_misses(Check& check, schema::Island::Reader island, std::uint32_t index) noexcept {
  const auto task = island.tasks()[index];
  check_enumerants(check, task);
  if (!has_rule(task)) return;
  const Path::Scope scope(check.path, "onRepeated");
  if (check_counts(check, task) && check_then(check, task)) check_fallback(check, island, index);
}

}  // namespace capos::admission
