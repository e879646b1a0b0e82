// SPDX-License-Identifier: Apache-2.0
// Each rule: the small manifest with one thing wrong gives exactly that finding, at exactly that place.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "capos/admission/validate.hpp"
#include "manifest_text.hpp"

namespace capos::admission {
namespace {

using test::Compiled;
using test::Edit;
using test::small_manifest;

struct Finding {
  std::string path;
  std::string rule;
  bool operator==(const Finding&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Finding& finding) {
  return out << finding.rule << " at " << finding.path;
}

std::vector<Finding> findings(const std::string& text, std::uint32_t runs = sched::kKernelRuns) {
  auto message = Compiled::value(text);
  auto found = std::make_unique<Diagnostics>();
  const bool good = validate(message.manifest(), *found, runs);
  std::vector<Finding> result;
  for (const Diagnostic& one : found->all()) {
    result.push_back({std::string(one.path.view()), std::string(one.rule)});
    EXPECT_FALSE(one.message.view().empty());
    EXPECT_FALSE(one.hint.view().empty()) << one.rule;
    EXPECT_LT(one.message.view().size(), 240u) << "cut: " << one.message.view();
  }
  EXPECT_EQ(good, result.empty());
  return result;
}

struct Case {
  std::string label;
  std::vector<Edit> edits;
  Finding expected;
  std::uint32_t runs = sched::kKernelRuns;
};

std::string edited(const std::vector<Edit>& edits) {
  std::string text = small_manifest();
  for (const Edit& edit : edits) {
    const std::size_t at = text.find(edit.from);
    if (at == std::string::npos) throw std::runtime_error("nothing to replace: " + std::string(edit.from));
    text.replace(at, edit.from.size(), edit.to);
  }
  return text;
}

class Rule : public testing::TestWithParam<Case> {};

TEST_P(Rule, IsFoundAloneAtItsPlace) {
  EXPECT_EQ(findings(edited(GetParam().edits), GetParam().runs), std::vector{GetParam().expected});
}

const std::string kConfig = "initConfig";
const std::string kIsland = "initConfig.islands[0]";
const std::string kSimulate = kIsland + ".tasks[0]";
const std::string kControl = kIsland + ".tasks[1]";

// The service 'noise' as a policy service; `what` is its one desk, `more` what else is said of it.
std::vector<Edit> with_policy(const std::string& what, const std::string& more = "", const std::string& grants = ", (name = \"placement\", kernel = placement)") {
  static std::deque<std::string> texts;
  texts.push_back("binary = \"load\", " + more + "exports = [(name = \"desk\", interface = 0xd92c40b1f7e6385a)], config = (policy = (desks = [(" + what +
                  ")])), grants = [(name = \"clock\", kernel = timer)" + grants + "]");
  return {{"binary = \"load\", grants = [(name = \"clock\", kernel = timer)]", texts.back()}};
}
const std::string kDesk = "initConfig.services[3].config.policy.desks[0]";

// The passive server 'actuator' with a recovery.
std::vector<Edit> with_recovery(const std::string& recovery) {
  static std::deque<std::string> texts;
  texts.push_back("passive = true, recovery = (" + recovery + ")");
  return {{"passive = true", texts.back()}};
}
const std::string kRecovery = "initConfig.services[2].recovery";

const Case kCases[] = {
    {"policy_desk_of_no_export", with_policy("export = \"dask\""), {kDesk + ".export", "policy-desk"}},
    {"policy_share_unknown", with_policy("export = \"desk\", shares = [(service = \"plan\")]"), {kDesk + ".shares[0].service", "unknown-service"}},
    {"policy_share_of_itself", with_policy("export = \"desk\", shares = [(service = \"noise\")]"), {kDesk + ".shares[0].service", "policy-share"}},
    {"policy_share_twice", with_policy("export = \"desk\", shares = [(service = \"plant\"), (service = \"plant\")]"), {kDesk + ".shares[1].service", "policy-share"}},
    {"policy_weights_crossed", with_policy("export = \"desk\", shares = [(service = \"plant\", minWeight = 200)]"), {kDesk + ".shares[0]", "policy-limits"}},
    {"policy_weight_zero", with_policy("export = \"desk\", shares = [(service = \"plant\", minWeight = 0)]"), {kDesk + ".shares[0]", "policy-limits"}},
    {"policy_weight_large", with_policy("export = \"desk\", shares = [(service = \"plant\", maxWeight = 1001)]"), {kDesk + ".shares[0]", "policy-limits"}},
    {"policy_leases_cpu0", with_policy("export = \"desk\", leases = [0]"), {kDesk + ".leases", "policy-lease"}},
    {"policy_leases_no_cpu", with_policy("export = \"desk\", leases = [1, 2]"), {kDesk + ".leases", "policy-lease"}},
    {"policy_without_placement", with_policy("export = \"desk\", placement = true", "", ""), {"initConfig.services[3].config.policy.desks", "policy-placement"}},
    {"policy_passive", with_policy("export = \"desk\"", "passive = true, "), {"initConfig.services[3].config.policy", "policy-place"}},
    {"restarts_of_a_task", {{"name = \"plant\", binary = \"plant\"", "name = \"plant\", binary = \"plant\", restarts = 1"}}, {"initConfig.services[0].restarts", "restarts-not-best-effort"}},
    {"restarts_of_a_server", {{"passive = true", "passive = true, restarts = 1"}}, {"initConfig.services[2].restarts", "restarts-not-best-effort"}},
    {"recovery_without_period", with_recovery("budget = (us = 20)"), {kRecovery + ".period", "recovery-period"}},
    {"recovery_without_budget", with_recovery("period = (ms = 1)"), {kRecovery + ".budget", "recovery-budget"}},
    {"recovery_too_small", with_recovery("budget = (us = 4), period = (ms = 1)"), {kRecovery + ".budget", "recovery-budget"}},
    {"recovery_over_its_period", with_recovery("budget = (us = 1001), period = (ms = 1)"), {kRecovery + ".budget", "recovery-budget"}},
    {"recovery_of_best_effort", {{"name = \"noise\"", "name = \"noise\", recovery = (budget = (us = 20), period = (ms = 1))"}}, {"initConfig.services[3].recovery", "recovery-without-calls"}},
    {"recovery_named_as_a_task", {{"passive = true", "passive = true, recovery = (budget = (us = 20), period = (ms = 1))"}, {"name = \"simulate\"", "name = \"actuator\""}, {"path = [\"simulate\"", "path = [\"actuator\""}}, {"initConfig.services[2].name", "recovery-name"}},
    {"version_missing", {{"schemaVersion = 1,", ""}}, {"schemaVersion", "schema-version"}},
    {"version_unsupported",
     {{"schemaVersion = 1", "schemaVersion = 2"}},
     {"schemaVersion", "schema-version"}},
    {"cpus_many", {{"cpus = 2", "cpus = 17"}}, {"kernelParams.cpus", "cpus-range"}},
    {"memory_small",
     {{"cpus = 2", "cpus = 2, memory = (mib = 63)"}},
     {"kernelParams.memory", "memory-range"}},
    {"memory_large", {{"cpus = 2", "cpus = 2, memory = (gib = 9)"}}, {"kernelParams.memory", "memory-range"}},
    {"trace_not_power",
     {{"cpus = 2", "cpus = 2, traceEvents = 1000"}},
     {"kernelParams.traceEvents", "trace-events"}},
    {"trace_small",
     {{"cpus = 2", "cpus = 2, traceEvents = 128"}},
     {"kernelParams.traceEvents", "trace-events"}},
    {"slice_short",
     {{"cpus = 2", "cpus = 2, bestEffortSlice = (us = 99)"}},
     {"kernelParams.bestEffortSlice", "slice-range"}},
    {"binary_twice",
     {{"\"load\", path", "\"plant\", path"}, {"binary = \"load\"", "binary = \"plant\""}},
     {"binaries[4].name", "duplicate-name"}},
    {"binary_name",
     {{"(name = \"load\"", "(name = \"lo ad\""}, {"binary = \"load\"", "binary = \"plant\""}},
     {"binaries[4].name", "bad-name"}},
    {"binary_path", {{"path = \"services/load\"", "path = \"\""}}, {"binaries[4].path", "binary-path"}},
    {"init_unknown", {{"init = \"init\"", "init = \"int\""}}, {"initConfig.init", "missing-init"}},
    {"buffer_twice",
     {{"buffers = [", "buffers = [(name = \"sensor\"), "}},
     {"initConfig.buffers[1].name", "duplicate-name"}},
    {"buffer_empty", {{"(kib = 16)", "(kib = 0)"}}, {"initConfig.buffers[0].size", "buffer-size"}},
    {"service_twice",
     {{"name = \"noise\"", "name = \"actuator\""}},
     {"initConfig.services[3].name", "duplicate-name"}},
    {"service_name",
     {{"name = \"noise\"", "name = \"9noise\""}},
     {"initConfig.services[3].name", "bad-name"}},
    {"service_nameless", {{"name = \"noise\", ", ""}}, {"initConfig.services[3].name", "bad-name"}},
    {"service_name_long",
     {{"\"noise\"", "\"noise-noise-noise-noise-noise-32\""}},
     {"initConfig.services[3].name", "bad-name"}},
    {"binary_unknown",
     {{"binary = \"load\"", "binary = \"lode\""}},
     {"initConfig.services[3].binary", "unknown-binary"}},
    {"weight_zero",
     {{"\"noise\"", "\"noise\", weight = 0"}},
     {"initConfig.services[3].weight", "weight-range"}},
    {"weight_large",
     {{"\"noise\"", "\"noise\", weight = 1001"}},
     {"initConfig.services[3].weight", "weight-range"}},
    {"service_cpu", {{"\"noise\"", "\"noise\", cpu = 2"}}, {"initConfig.services[3].cpu", "cpu-range"}},
    {"service_on_leased_cpu",
     {{"\"noise\"", "\"noise\", cpu = 1"}},
     {"initConfig.services[3].cpu", "leased-cpu"}},
    {"service_memory",
     {{"\"noise\"", "\"noise\", memory = (kib = 63)"}},
     {"initConfig.services[3].memory", "service-memory"}},
    {"memory_sum", {{"\"noise\"", "\"noise\", memory = (mib = 250)"}}, {"initConfig.services", "memory-sum"}},
    {"memory_sum_overflow",
     {{"\"noise\"", "\"noise\", memory = (gib = 8589934591)"},
      {"\"plant\", grants", "\"plant\", memory = (gib = 8589934591), grants"}},
     {"initConfig.services", "memory-sum"}},
    {"export_twice",
     {{"exports = [", "exports = [(name = \"drive\", interface = 9), "}},
     {"initConfig.services[2].exports[1].name", "duplicate-name"}},
    {"export_interface",
     {{", interface = 7", ""}},
     {"initConfig.services[2].exports[0].interface", "export-interface"}},
    {"grant_twice",
     {{"kernel = timer)", "kernel = timer), (name = \"clock\", kernel = console)"}},
     {"initConfig.services[3].grants[1].name", "duplicate-name"}},
    {"grant_reserved",
     {{"name = \"clock\"", "name = \"config\""}},
     {"initConfig.services[3].grants[0].name", "reserved-name"}},
    {"grant_of_nothing", {{", kernel = timer", ""}}, {"initConfig.services[3].grants[0]", "grant-source"}},
    {"grant_service",
     {{"kernel = timer", "from = \"actuato.drive\""}},
     {"initConfig.services[3].grants[0].from", "unknown-service"}},
    {"grant_export",
     {{"kernel = timer", "from = \"actuator.force\""}},
     {"initConfig.services[3].grants[0].from", "unknown-export"}},
    {"grant_without_dot",
     {{"kernel = timer", "from = \"actuator\""}},
     {"initConfig.services[3].grants[0].from", "unknown-export"}},
    {"grant_buffer",
     {{"kernel = timer", "buffer = \"sensors\""}},
     {"initConfig.services[3].grants[0].buffer", "unknown-buffer"}},
    {"grant_of_itself",
     {{"\"load\", grants", "\"load\", exports = [(name = \"echo\", interface = 8)], grants"},
      {"kernel = timer", "from = \"noise.echo\""}},
     {"initConfig.services[3].grants[0].from", "call-cycle"}},
    {"call_cycle",
     {{"\"load\", grants = [",
       "\"load\", exports = [(name = \"a\", interface = 8)], grants = [(name = \"b\", from = \"other.b\"), "},
      {"(name = \"noise\"",
       "(name = \"other\", binary = \"load\", exports = [(name = \"b\", interface = 8)], grants = [(name = "
       "\"a\", from = "
       "\"noise.a\")]), (name = \"noise\""}},
     {"initConfig.services[3].grants", "call-cycle"}},
    {"passive_without_export",
     {{"(name = \"noise\"", "(name = \"idle\", binary = \"load\", passive = true), (name = \"noise\""}},
     {"initConfig.services[3].passive", "passive-without-export"}},
    {"mixed_callers",
     {{"kernel = timer", "from = \"actuator.drive\""}},
     {"initConfig.services[2]", "mixed-callers"}},
    {"no_cpus", {{"cpus = [1]", "cpus = []"}}, {kIsland + ".cpus", "no-cpus"}},
    {"island_cpu", {{"cpus = [1]", "cpus = [1, 2]"}}, {kIsland + ".cpus[1]", "cpu-range"}},
    {"island_cpu_twice", {{"cpus = [1]", "cpus = [1, 1]"}}, {kIsland + ".cpus[1]", "cpu-twice"}},
    {"boot_cpu", {{"cpus = [1]", "cpus = [0], slack = bestEffort"}}, {kIsland + ".cpus", "boot-cpu-leased"}},
    {"island_name", {{"\"balance\"", "\"bal.ance\""}}, {kIsland + ".name", "bad-name"}},
    {"task_name",
     {{"\"simulate\", service", "\"simu_late\", service"}, {"[\"simulate\"", "[\"simu_late\""}},
     {kSimulate + ".name", "bad-name"}},
    {"task_service",
     {{"service = \"plant\"", "service = \"plan\""}},
     {kSimulate + ".service", "unknown-service"}},
    {"passive_task",
     {{"\"plant\", binary = \"plant\"",
       "\"plant\", binary = \"plant\", passive = true, exports = [(name = \"x\", interface = 1)]"}},
     {kSimulate + ".service", "passive-task"}},
    {"period_missing",
     {{"period = (ms = 1), budget = (us = 80)", "budget = (us = 80)"}},
     {kSimulate + ".period", "missing-period"}},
    {"period_zero", {{"(ms = 1)", "(ms = 0)"}}, {kSimulate + ".period", "zero-period"}},
    {"period_short",
     {{"(ms = 1), budget = (us = 80)", "(ns = 9999), budget = (us = 9)"}},
     {kSimulate + ".period", "period-range"}},
    {"period_long", {{"(ms = 1)", "(ms = 3600001)"}}, {kSimulate + ".period", "period-range"}},
    {"period_inexact", {{"(ms = 1)", "(ns = 5000000001)"}}, {kSimulate + ".period", "period-range"}},
    {"budget_missing", {{", budget = (us = 80)", ""}}, {kSimulate + ".budget", "missing-budget"}},
    {"budget_zero", {{"(us = 80)", "(us = 0)"}}, {kSimulate + ".budget", "budget-too-small"}},
    {"budget_small", {{"(us = 80)", "(ns = 4999)"}}, {kSimulate + ".budget", "budget-too-small"}},
    {"budget_huge", {{"(us = 80)", "(s = 18446744073709551615)"}}, {kSimulate + ".budget", "budget-range"}},
    {"budget_over_period", {{"(us = 80)", "(us = 1001)"}}, {kSimulate + ".budget", "budget-over-period"}},
    {"budget_over_deadline",
     {{"(us = 80)", "(us = 80), deadline = (us = 79)"}},
     {kSimulate + ".budget", "budget-over-deadline"}},
    {"deadline_over_period",
     {{"(us = 80)", "(us = 80), deadline = (us = 1001)"}},
     {kSimulate + ".deadline", "deadline-over-period"},
     sched::kRunsAll & ~sched::kRunsLongDeadlines},
    {"deadline_long_and_skipped",
     {{"(us = 80)", "(us = 80), deadline = (us = 1001), onMiss = skip"}},
     {kSimulate + ".deadline", "long-deadline-skips"}},
    {"any_cpu_with_exports",
     {{"(name = \"actuator\", binary = \"actuator\", passive = true, exports = [(name = \"drive\", interface = 7)]),",
       "(name = \"actuator\", binary = \"actuator\", passive = true, exports = [(name = \"drive\", interface = 7)]),\n"
       "      (name = \"other\", binary = \"load\", cpu = 65535, exports = [(name = \"drive\", interface = 7)]),"}},
     {kConfig + ".services[3].cpu", "any-cpu-with-calls"}},
    {"policy_not_run",
     {{"cpus = [1]", "cpus = [1], policy = edf"}},
     {kIsland + ".policy", "policy-not-run"},
     sched::kRunsAll & ~sched::kRunsEdf},
    {"deadline_zero",
     {{"(us = 80)", "(us = 80), deadline = (us = 0)"}},
     {kSimulate + ".deadline", "zero-deadline"}},
    {"jitter_large",
     {{"(us = 80)", "(us = 80), jitter = (ms = 1)"}},
     {kSimulate + ".jitter", "jitter-range"}},
    {"priority_low",
     {{"(us = 80)", "(us = 80), priority = -2"}},
     {kSimulate + ".priority", "priority-range"}},
    {"priority_high",
     {{"(us = 80)", "(us = 80), priority = 256"}},
     {kSimulate + ".priority", "priority-range"}},
    {"task_cpu_range", {{"(us = 80)", "(us = 80), cpu = 2"}}, {kSimulate + ".cpu", "cpu-range"}},
    {"task_cpu_negative", {{"(us = 80)", "(us = 80), cpu = -2"}}, {kSimulate + ".cpu", "cpu-range"}},
    {"task_cpu_not_leased", {{"(us = 80)", "(us = 80), cpu = 0"}}, {kSimulate + ".cpu", "cpu-not-leased"}},
    {"repeated_misses", {{"(us = 80)", "(us = 80), onRepeated = (misses = 4, of = 3, then = demote)"}}, {kSimulate + ".onRepeated.misses", "repeated-range"}},
    {"repeated_no_misses", {{"(us = 80)", "(us = 80), onRepeated = (of = 3, then = demote)"}}, {kSimulate + ".onRepeated.misses", "repeated-range"}},
    {"repeated_of", {{"(us = 80)", "(us = 80), onRepeated = (misses = 3, of = 65, then = demote)"}}, {kSimulate + ".onRepeated.misses", "repeated-range"}},
    {"repeated_then", {{"(us = 80)", "(us = 80), onRepeated = (misses = 3, of = 10)"}}, {kSimulate + ".onRepeated.then", "repeated-consequence"}},
    {"repeated_recover", {{"(us = 80)", "(us = 80), onRepeated = (misses = 3, of = 10, then = stopTask, recover = 5)"}}, {kSimulate + ".onRepeated.recover", "repeated-recovery"}},
    {"fallback_missing", {{"(us = 80)", "(us = 80), onRepeated = (misses = 3, of = 10, then = fallBack)"}}, {kSimulate + ".onRepeated.fallback", "unknown-fallback"}},
    {"fallback_unknown", {{"(us = 80)", "(us = 80), onRepeated = (misses = 3, of = 10, then = fallBack, fallback = \"contol\")"}}, {kSimulate + ".onRepeated.fallback", "unknown-fallback"}},
    {"fallback_unused", {{"(us = 80)", "(us = 80), onRepeated = (misses = 3, of = 10, then = demote, fallback = \"control\")"}}, {kSimulate + ".onRepeated.fallback", "fallback-unused"}},
    {"fallback_itself", {{"(us = 80)", "(us = 80), onRepeated = (misses = 3, of = 10, then = fallBack, fallback = \"simulate\")"}}, {kSimulate + ".onRepeated.fallback", "fallback-itself"}},
    {"fallback_chain", {{"(us = 80)", "(us = 80), onRepeated = (misses = 3, of = 10, then = fallBack, fallback = \"control\")"}, {"(us = 120)", "(us = 120), onRepeated = (misses = 1, of = 1, then = stopTask)"}}, {kSimulate + ".onRepeated.fallback", "fallback-chain"}},
    {"fallback_elsewhere", {{"(us = 80)", "(us = 80), onRepeated = (misses = 3, of = 10, then = fallBack, fallback = \"control\")"}, {"cpus = 2", "cpus = 3"}, {"cpus = [1]", "cpus = [1, 2]"}, {"(us = 120)", "(us = 120), cpu = 2"}}, {kSimulate + ".onRepeated.fallback", "fallback-elsewhere"}},
    {"call_without_grant",
     {{", (name = \"actuator\", from = \"actuator.drive\")", ""}},
     {kControl + ".calls[0].server", "call-not-granted"}},
    {"call_not_passive", {{"passive = true, ", ""}}, {kControl + ".calls[0].server", "call-not-passive"}},
    {"call_wcet", {{", wcet = (us = 15)", ""}}, {kControl + ".calls[0].wcet", "call-wcet"}},
    {"call_wcet_zero", {{"(us = 15)", "(us = 0)"}}, {kControl + ".calls[0].wcet", "call-wcet"}},
    {"call_twice",
     {{"calls = [", "calls = [(server = \"actuator.drive\", wcet = (us = 1)), "}},
     {kControl + ".calls[1].server", "duplicate-call"}},
    {"calls_over_budget", {{"(us = 15)", "(us = 121)"}}, {kControl + ".calls", "calls-over-budget"}},
    {"call_undeclared",
     {{"[(server = \"actuator.drive\", wcet = (us = 15))]", "[]"}},
     {kControl + ".calls", "undeclared-call"}},
    {"chain_short",
     {{"[\"simulate\", \"control\"]", "[\"control\"]"}},
     {kIsland + ".chains[0].path", "chain-too-short"}},
    {"chain_task",
     {{"\"control\"], bound", "\"contol\"], bound"}},
     {kIsland + ".chains[0].path[1]", "unknown-task"}},
    {"chain_repeats",
     {{"\"control\"], bound", "\"control\", \"simulate\"], bound"}},
     {kIsland + ".chains[0].path[2]", "chain-repeats"}},
    {"chain_bound", {{", bound = (us = 1500)", ""}}, {kIsland + ".chains[0].bound", "chain-bound"}},
    {"chain_hops",
     {{"bound = (us = 1500)", "bound = (us = 1500), hops = triggered"}},
     {kIsland + ".chains[0].hops", "hops-unsupported"},
     sched::kRunsAll & ~sched::kRunsTriggeredHops},
    {"hop_period",
     {{"bound = (us = 1500)", "bound = (us = 1500), hops = triggered"}, {"period = (ms = 1)", "period = (ms = 2)"}},
     {kIsland + ".chains[0].path[1]", "hop-period"}},
    {"hop_deadline",
     {{"bound = (us = 1500)", "bound = (us = 1500), hops = triggered"}, {"(us = 120)", "(us = 120), deadline = (us = 1001)"}},
     {kIsland + ".chains[0].path[1]", "hop-deadline"}},
    {"hop_fallback",
     {{"bound = (us = 1500)", "bound = (us = 1500), hops = triggered"},
      {"(us = 80)", "(us = 80), onRepeated = (misses = 1, of = 1, then = fallBack, fallback = \"control\")"}},
     {kIsland + ".chains[0].path[1]", "hop-fallback"}},
    {"hop_circle",
     {{"bound = (us = 1500))",
       "bound = (us = 1500), hops = triggered), (name = \"back\", path = [\"control\", \"simulate\"], bound = (us = 1500), "
       "hops = triggered)"}},
     {kIsland + ".chains[1].path[1]", "hop-circle"}},
};

INSTANTIATE_TEST_SUITE_P(Each, Rule, testing::ValuesIn(kCases),
                         [](const auto& one) { return one.param.label; });

TEST(Rules, TheSmallManifestIsGood) { EXPECT_TRUE(findings(small_manifest()).empty()); }

TEST(Rules, AnEmptyManifestSaysOnlyThatItsVersionIsMissing) {
  EXPECT_EQ(findings("()"), (std::vector<Finding>{{"schemaVersion", "schema-version"}}));
}

TEST(Rules, AManifestWithNothingButAVersionLacksInit) {
  EXPECT_EQ(findings("(schemaVersion = 1)"), (std::vector<Finding>{{"initConfig.init", "missing-init"}}));
}

TEST(Rules, AFallbackStandsInForOneTaskOnly) {
  const auto falls_back = [](const std::string& budget) {
    return budget + ", onRepeated = (misses = 1, of = 2, then = fallBack, fallback = \"rest\", recover = 9)";
  };
  const std::string first = falls_back("(us = 80)"), second = falls_back("(us = 120)");
  const std::vector<Edit> one = {{"(us = 80)", first},
                                 {"tasks = [", "tasks = [(name = \"rest\", service = \"noise\", period = (ms = 1), budget = (us = 9)), "}};
  EXPECT_TRUE(findings(edited(one)).empty());
  std::vector<Edit> both = one;
  both.push_back({"(us = 120)", second});
  EXPECT_EQ(findings(edited(both)), (std::vector<Finding>{{kIsland + ".tasks[2].onRepeated.fallback", "fallback-shared"}}));
}

TEST(Rules, AServiceRunsOneTask) {
  const auto found = findings(edited({{"service = \"controller\"", "service = \"plant\""}}));
  EXPECT_NE(std::find(found.begin(), found.end(), Finding{kControl + ".service", "service-has-task"}),
            found.end());
}

TEST(Rules, TasksOfOneNameAreFound) {
  const auto found = findings(edited({{"name = \"control\", ", "name = \"simulate\", "}}));
  EXPECT_NE(std::find(found.begin(), found.end(), Finding{kControl + ".name", "duplicate-name"}),
            found.end());
}

// Another island before that of the small manifest, with its fields.
std::vector<Finding> beside(const std::string& fields, std::initializer_list<Edit> more = {}) {
  const std::string first = "islands = [(name = \"first\", tasks = [(name = \"t\", service = \"noise\", period = (ms = 1), "
                            "budget = (us = 9))], " + fields + "), (";
  std::vector<Edit> edits = {{"islands = [(", first}};
  edits.insert(edits.end(), more);
  return findings(edited(edits));
}

TEST(Rules, IslandsMayShareACpu) { EXPECT_EQ(beside("cpus = [1]"), std::vector<Finding>{}); }

TEST(Rules, IslandsThatShareACpuAgreeOnWhatRunsBelow) {
  EXPECT_EQ(beside("cpus = [1], slack = bestEffort"), (std::vector<Finding>{{"initConfig.islands[1].slack", "slack-mixed"}}));
}

TEST(Rules, IslandsThatShareCpusFitTheAnalysisTogether) {
  std::string sources;
  for (int i = 0; i < 16; ++i) sources += "(name = \"i" + std::to_string(i) + "\", minInterarrival = (ms = 9)), ";
  const std::string one = "interrupts = [(name = \"nic\", minInterarrival = (ms = 1))], chains = [";
  EXPECT_EQ(beside("cpus = [1], interrupts = [" + sources + "]"), std::vector<Finding>{});
  EXPECT_EQ(beside("cpus = [1], interrupts = [" + sources + "]", {{"chains = [", one}}),
            (std::vector<Finding>{{"initConfig.islands[1].cpus", "group-too-large"}}));
}

TEST(Rules, TheOnlyCpuIsLeasedOnlyWithItsSlackForTheRest) {
  const std::vector<Edit> one_cpu = {{"cpus = 2", "cpus = 1"}, {"cpus = [1]", "cpus = [0]"}};
  const auto found = findings(edited(one_cpu));
  EXPECT_NE(std::find(found.begin(), found.end(), Finding{kIsland + ".cpus", "boot-cpu-leased"}),
            found.end());
  std::vector<Edit> shared = one_cpu;
  shared.push_back({"cpus = [0]", "cpus = [0], slack = bestEffort"});
  EXPECT_TRUE(findings(edited(shared)).empty());
}

TEST(Rules, APassiveServerBelongsToOneCpu) {
  const auto found = findings(edited({
      {"cpus = 2", "cpus = 3"},
      {"cpus = [1]", "cpus = [1, 2]"},
      {"grants = [(name = \"sensor\", buffer = \"sensor\")]",
       "grants = [(name = \"a\", from = \"actuator.drive\")]"},
      {"(us = 80)", "(us = 80), cpu = 2, calls = [(server = \"actuator.drive\", wcet = (us = 15))]"},
  }));
  EXPECT_EQ(found, (std::vector<Finding>{{"initConfig.services[2]", "server-two-cpus"}}));
}

TEST(Rules, MixedCallersAreFoundThroughOtherPassiveServers) {
  const auto found = findings(edited({
      {"(name = \"noise\"",
       "(name = \"filter\", binary = \"load\", passive = true, exports = [(name = \"f\", interface = 8)], "
       "grants = [(name "
       "= \"d\", from = \"actuator.drive\")]), (name = \"noise\""},
      {"kernel = timer", "from = \"filter.f\""},
  }));
  EXPECT_EQ(found, (std::vector<Finding>{{"initConfig.services[2]", "mixed-callers"}}));
}

TEST(Rules, BoundariesAreAccepted) {
  EXPECT_TRUE(findings(edited({{"(us = 80)", "(us = 5)"}})).empty());
  EXPECT_TRUE(findings(edited({{"binary = \"load\",", "binary = \"load\", cpu = 65535,"}})).empty());
  EXPECT_TRUE(findings(edited({{"(us = 80)", "(us = 1000)"}})).empty());
  EXPECT_TRUE(findings(edited({{"(ms = 1), budget = (us = 80)", "(us = 10), budget = (us = 10)"}})).empty());
  EXPECT_TRUE(findings(edited({{"(ms = 1)", "(ms = 3600000)"}})).empty());
  EXPECT_TRUE(
      findings(edited({{"(us = 80)", "(us = 80), deadline = (us = 80), priority = 255, cpu = 1"}})).empty());
}

TEST(Rules, PoliciesAndRecoveriesWithinTheirLimitsAreGood) {
  EXPECT_TRUE(findings(edited(with_policy("export = \"desk\", shares = [(service = \"plant\", minWeight = 1, maxWeight = 1000, latency = "
                                          "interactive)], leases = [1], placement = true", "restarts = 3, "))).empty());
  EXPECT_TRUE(findings(edited(with_recovery("budget = (us = 5), period = (us = 10)"))).empty());
  EXPECT_TRUE(findings(edited(with_recovery("budget = (ms = 1), period = (ms = 1)"))).empty());
  std::vector<Edit> by_deadline = with_recovery("budget = (us = 20), period = (ms = 1)");
  by_deadline.push_back({"cpus = [1],", "cpus = [1], policy = edf,"});
  EXPECT_TRUE(findings(edited(by_deadline)).empty());
}

TEST(Rules, TooManyOfSomethingIsSaidOnce) {
  std::string many;
  for (int i = 0; i < 65; ++i) many += "(name = \"b" + std::to_string(i) + "\", path = \"x\"), ";
  const auto found = findings(edited({{"(name = \"init\", path", many + "(name = \"init\", path"}}));
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front(), (Finding{"binaries", "too-many"}));
  EXPECT_EQ(std::count_if(found.begin(), found.end(), [](const Finding& f) { return f.rule == "too-many"; }),
            1);
}

// As large as the limits allow, every service granted to by many: still read in full, and in reasonable time.
TEST(Rules, TheLargestManifestIsReadInFull) {
  std::string services;
  for (int i = 0; i < 64; ++i) {
    const std::string n = std::to_string(i);
    services += "(name = \"s" + n +
                "\", binary = \"init\", memory = (kib = 64), passive = true, exports = [(name = \"x\", "
                "interface = 1)], grants = [";
    for (int g = i + 1; g < 64 && g < i + 33; ++g) {
      services += "(name = \"g" + std::to_string(g) + "\", from = \"s" + std::to_string(g) + ".x\"), ";
    }
    services += "]), ";
  }
  auto message = Compiled::value(
      "(schemaVersion = 1, binaries = [(name = \"init\", path = \"init\")], initConfig = (services = [" +
      services + "]))");
  wire::MessageReader reader(message.words(), kManifestLimits);
  auto found = std::make_unique<Diagnostics>();
  EXPECT_TRUE(validate(reader.root<schema::SystemManifest>(), *found)) << found->all()[0].message.view();
  EXPECT_EQ(reader.error(), wire::Error::none);
}

TEST(Rules, AHintGuessesTheNameThatWasMeant) {
  auto message = Compiled::value(edited({{"binary = \"load\"", "binary = \"laod\""}}));
  auto found = std::make_unique<Diagnostics>();
  EXPECT_FALSE(validate(message.manifest(), *found));
  ASSERT_EQ(found->all().size(), 1u);
  EXPECT_EQ(found->all()[0].message.view(), "service 'noise' runs 'laod', which is not among the binaries");
  EXPECT_EQ(found->all()[0].hint.view(), "did you mean 'load'?");
}

TEST(Rules, SeveralFindingsComeInTheOrderOfTheManifest) {
  const auto found = findings(edited({{"cpus = 2", "cpus = 2, traceEvents = 5"},
                                      {"binary = \"load\"", "binary = \"laod\""},
                                      {"(us = 80)", "(us = 1)"}}));
  EXPECT_EQ(found, (std::vector<Finding>{{"kernelParams.traceEvents", "trace-events"},
                                         {"initConfig.services[3].binary", "unknown-binary"},
                                         {kSimulate + ".budget", "budget-too-small"}}));
}

TEST(Rules, TheShippedManifestsAreGood) {
  for (const auto& [path, name] : {std::pair{"configs/demo.capnp", "demo"},
                                   {"configs/wakeup.capnp", "wakeup"},
                                   {"configs/examples/minimal.capnp", "minimal"},
                                   {"configs/examples/two-rate.capnp", "twoRate"},
                                   {"configs/examples/edf.capnp", "edf"},
                                   {"configs/examples/triggered.capnp", "triggered"},
                                  {"configs/examples/policy.capnp", "policy"},
                                   {"configs/examples/too-much.capnp", "tooMuch"}}) {
    auto message = Compiled::file(path, name);
    auto found = std::make_unique<Diagnostics>();
    EXPECT_TRUE(validate(message.manifest(), *found)) << path << ": " << found->all()[0].message.view();
  }
}

}  // namespace
}  // namespace capos::admission
