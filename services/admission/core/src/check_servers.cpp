// SPDX-License-Identifier: Apache-2.0
// Rules about who waits for whom: no circle of calls, and passive servers whose time can be accounted for.
#include <array>

#include "check.hpp"

namespace capos::admission {
namespace {

// Depth-first search over "may call", keeping the way it came: at most kMaxServices deep, without recursion.
class CycleSearch {
 public:
  explicit CycleSearch(Check& check) noexcept
      : check_(check), services_(check.manifest.init_config().services()) {
    count_ = check.graph.size();
  }

  void run() noexcept {
    for (std::uint32_t i = 0; i < count_; ++i) {
      if (state_[i] == State::unseen && visit_from(i)) return;
    }
  }

 private:
  enum class State : std::uint8_t { unseen, open, done };

  bool calls(std::uint32_t caller, std::uint32_t server) const noexcept {
    return caller != server && check_.graph.may_call(caller, server);
  }

  bool visit_from(std::uint32_t start) noexcept {
    push(start);
    while (depth_ > 0) {
      const std::uint32_t at = way_[depth_ - 1];
      std::uint32_t& next = next_[at];
      while (next < count_ && (state_[next] == State::done || !calls(at, next))) ++next;
      if (next == count_) {
        state_[at] = State::done;
        --depth_;
      } else if (state_[next] == State::open) {
        report(next);
        return true;
      } else {
        push(next);
      }
    }
    return false;
  }

  void push(std::uint32_t service) noexcept {
    state_[service] = State::open;
    way_[depth_++] = service;
  }

  void report(std::uint32_t again) noexcept {
    std::size_t from = 0;
    while (way_[from] != again) ++from;
    char storage[200];
    TextWriter way(storage);
    for (std::size_t i = from; i < depth_; ++i) way << services_[way_[i]].name() << " -> ";
    way << services_[again].name();
    const Path::Scope scope(check_.path, "services", way_[from]);
    check_.report("grants", "call-cycle", text("calls go round in a circle: ", way.view()),
                  text("two of them could wait for each other for ever; remove one of the grants"));
  }

  Check& check_;
  wire::List<schema::Service> services_;
  std::uint32_t count_ = 0;
  std::array<State, kMaxServices> state_{};
  std::array<std::uint32_t, kMaxServices> next_{};
  std::array<std::uint32_t, kMaxServices> way_{};
  std::size_t depth_ = 0;
};

// Who may call one passive server.
struct Callers {
  std::uint32_t task_service = kNotFound;  // the first that runs a task
  std::uint32_t other_cpu = kNotFound;     // the first whose task runs on another CPU than that
  std::uint32_t best_effort = kNotFound;   // the first without a context
};

std::uint16_t task_cpu(schema::SystemManifest::Reader manifest, TaskRef ref) noexcept {
  const auto island = manifest.init_config().islands()[ref.island];
  return cpu_of(island, island.tasks()[ref.task]);
}

Callers sorted_callers(const Check& check, std::uint32_t server) noexcept {
  const schema::SystemManifest::Reader manifest = check.manifest;
  Callers result;
  std::uint16_t cpu = 0;
  const auto services = manifest.init_config().services();
  const ServiceSet callers = check.graph.callers_of(server);
  for (std::uint32_t i = 0; i < services.size() && i < kMaxServices; ++i) {
    if ((callers >> i & 1u) == 0) continue;
    const TaskRef task = task_of_service(manifest, services[i].name());
    if (!task.found()) {
      if (result.best_effort == kNotFound) result.best_effort = i;
    } else if (result.task_service == kNotFound) {
      result.task_service = i;
      cpu = task_cpu(manifest, task);
    } else if (task_cpu(manifest, task) != cpu && result.other_cpu == kNotFound) {
      result.other_cpu = i;
    }
  }
  return result;
}

void check_callers(Check& check, std::uint32_t server) noexcept {
  const Callers callers = sorted_callers(check, server);
  if (callers.task_service == kNotFound) return;
  const auto services = check.manifest.init_config().services();
  const std::string_view name = services[server].name();
  if (callers.best_effort != kNotFound) {
    check.report(
        "", "mixed-callers",
        text("passive service '", name, "' serves task service '", services[callers.task_service].name(),
             "' and best-effort service '", services[callers.best_effort].name(), "'"),
        text("the task could wait without bound: give the two callers servers of their own"));
  }
  if (callers.other_cpu != kNotFound) {
    check.report(
        "", "server-two-cpus",
        text("passive service '", name, "' is called from two CPUs, by '",
             services[callers.task_service].name(), "' and '", services[callers.other_cpu].name(), "'"),
        text("a passive server runs on its callers' CPU: give each CPU a server of its own"));
  }
}

}  // namespace

void check_call_cycles(Check& check) noexcept {
  const Path::Scope scope(check.path, "initConfig");
  CycleSearch(check).run();
}

void check_passive_servers(Check& check) noexcept {
  const Path::Scope scope(check.path, "initConfig");
  const auto services = check.manifest.init_config().services();
  for (std::uint32_t i = 0; i < services.size() && i < kMaxServices; ++i) {
    if (!services[i].passive()) continue;
    const Path::Scope inner(check.path, "services", i);
    if (services[i].exports().empty()) {
      check.report("passive", "passive-without-export",
                   text("passive service '", services[i].name(), "' exports nothing, so it never runs"),
                   text("add an export, or remove passive = true"));
    }
    check_callers(check, i);
  }
}

}  // namespace capos::admission
