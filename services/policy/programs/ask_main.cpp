// SPDX-License-Identifier: Apache-2.0
// policy-ask: a client of the policy service at its capability "desk". Asks once for all that the desk allows: the most of its first
// share, and each CPU that it may keep; says what came of it on its console, and ends.
#include "capos/base/strong.hpp"
#include "capos/runtime/runtime.hpp"
#include "capos/runtime/text.hpp"
#include "capos/schema/policy.hpp"

namespace {

using namespace capos;
using Desk = runtime::Capability<schema::Policy>;
using Line = runtime::Text<160>;

void ask_for_time(Desk& desk) noexcept {
  const auto limits = desk->share(0);
  if (!limits.has_value() || limits->outcome != schema::PolicyOutcome::done) return;
  const auto set = desk->set_share(0, limits->max_weight, limits->most_urgent);
  const auto now = desk->share(0);
  if (!set.has_value() || !now.has_value()) return;
  Line line;
  line.add("policy-ask: weight ").add(now->weight).add(" instead of ").add(now->declared_weight).add(": ");
  runtime::print(line.add(schema::name_of(set->outcome)).add("\n").view());
}

void ask_for_cpu(Desk& desk, std::uint16_t cpu) noexcept {
  const auto kept = desk->lease(cpu);
  if (!kept.has_value() || kept->outcome == schema::PolicyOutcome::not_allowed) return;
  Line line;
  line.add("policy-ask: CPU ").add(cpu).add(" free of best effort: ");
  runtime::print(line.add(schema::name_of(kept->outcome)).add("\n").view());
}

}  // namespace

int program_main(runtime::Runtime& runtime) {
  auto desk = runtime.need<schema::Policy>("desk");
  ask_for_time(desk);
  for (std::uint16_t cpu = 0; cpu < kMaxCpus; ++cpu) ask_for_cpu(desk, cpu);
  return 0;
}
