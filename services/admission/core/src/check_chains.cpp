// SPDX-License-Identifier: Apache-2.0
// Rules about chains: tasks that exist, each once, and a bound to hold them to.
#include "capos/admission/units.hpp"
#include "capos/sched/certificate.hpp"
#include "check.hpp"

namespace capos::admission {
namespace {

void check_hop(Check& check, schema::Island::Reader island, schema::Chain::Reader chain,
               std::uint32_t hop) noexcept {
  const auto path = chain.path();
  const Path::Scope scope(check.path, "path", hop);
  if (index_of(island.tasks(), kMaxTasks, path[hop]) == kNotFound) {
    check.report("", "unknown-task", text("island '", island.name(), "' has no task '", path[hop], "'"),
                 suggest("task", island.tasks(), kMaxTasks, path[hop]));
    return;
  }
  for (std::uint32_t i = 0; i < hop; ++i) {
    if (path[i] != path[hop]) continue;
    check.report("", "chain-repeats",
                 text("chain '", chain.name(), "' passes through '", path[hop], "' twice"),
                 text("list each task once, in the order in which data flows"));
    return;
  }
}

void check_path(Check& check, schema::Island::Reader island, schema::Chain::Reader chain) noexcept {
  if (chain.path().size() < 2) {
    check.report("path", "chain-too-short", text("chain '", chain.name(), "' needs at least two tasks"),
                 text("for example path = [\"sense\", \"act\"]"));
  }
  const std::uint32_t count = check.bounded("path", chain.path().size(), kMaxChainTasks);
  for (std::uint32_t i = 0; i < count; ++i) check_hop(check, island, chain, i);
}

void check_bound(Check& check, schema::Chain::Reader chain) noexcept {
  const auto bound = time_ns(chain.bound());
  if (bound && *bound > 0) return;
  check.report("bound", "chain-bound", text("chain '", chain.name(), "' has no usable bound"),
               text("for example bound = (ms = 2)"));
}

void check_hop_kind(Check& check, schema::Chain::Reader chain) noexcept {
  const bool run = chain.hops() == schema::HopKind::triggered && (check.runs & sched::kRunsTriggeredHops) != 0;
  if (run || chain.hops() == schema::HopKind::sampled) return;
  check.report("hops", "hops-unsupported",
               text("chain '", chain.name(), "' asks for hops that this version's kernel does not run"),
               text("hops = sampled"));
}

}  // namespace

void check_chains(Check& check, schema::Island::Reader island) noexcept {
  const auto chains = island.chains();
  const std::uint32_t count = check.bounded("chains", chains.size(), kMaxChains);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Path::Scope scope(check.path, "chains", i);
    check.name("chain", chains[i].name());
    unique_name(check, "chain", chains, i);
    check_path(check, island, chains[i]);
    check_bound(check, chains[i]);
    check_hop_kind(check, chains[i]);
  }
  check_hops(check, island);
}

}  // namespace capos::admission
