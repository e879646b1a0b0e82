// SPDX-License-Identifier: Apache-2.0
// One island with every default filled in, as plain numbers; and where each service runs.
//
// Names are views into the manifest message, which must outlive the model.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "capos/admission/limits.hpp"
#include "capos/base/strong.hpp"
#include "capos/base/time.hpp"
#include "capos/sched/certificate.hpp"
#include "capos/schema/bootpack.hpp"
#include "capos/schema/manifest.hpp"

namespace capos::admission {

// What the kernel of one machine adds to a task's own time.
using Overheads = sched::Overheads;

// The overheads of a machine that runs `cpus` CPUs: those it states, and with more than one CPU the simulation
// quantum as further release jitter. Values over 1 s are cut to it. The kernel computes the same.
[[nodiscard]] Overheads overheads_of(schema::MachineParams::Reader machine, std::uint16_t cpus) noexcept;

struct CallModel {
  std::string_view server;  // "service.export"
  std::uint16_t service = 0;  // index of the serving service in the manifest
  std::uint64_t wcet_ns = 0;
};

struct TaskModel {
  std::string_view name;
  std::string_view service_name;
  std::uint16_t service = 0;  // index in the manifest
  Period period;
  std::uint64_t budget_ns = 0;
  std::uint64_t deadline_ns = 0;
  std::uint64_t jitter_ns = 0;  // beyond the machine's own
  std::uint8_t priority = 0;
  bool priority_given = false;
  std::uint16_t cpu = 0;
  schema::Consequence on_miss{};
  schema::Consequence on_overrun{};
  std::array<CallModel, kMaxCallsPerTask> calls{};
  std::size_t call_count = 0;
};

struct ChainModel {
  std::string_view name;
  std::array<std::uint16_t, kMaxChainTasks> tasks{};  // indices into the island's tasks
  std::size_t task_count = 0;
  std::uint64_t bound_ns = 0;
  bool triggered = false;
};

struct IslandModel {
  std::string_view name;
  std::uint16_t index = 0;  // in the manifest
  std::array<std::uint16_t, kMaxCpus> cpus{};
  std::size_t cpu_count = 0;
  bool best_effort_slack = false;
  std::array<TaskModel, kMaxTasks> tasks{};
  std::size_t task_count = 0;
  std::array<ChainModel, kMaxChains> chains{};
  std::size_t chain_count = 0;

  [[nodiscard]] std::span<const TaskModel> all_tasks() const noexcept { return {tasks.data(), task_count}; }
  [[nodiscard]] std::span<const ChainModel> all_chains() const noexcept {
    return {chains.data(), chain_count};
  }
};

// Fills `model` from island `index` of a manifest that validate() accepts; deadlines default to periods,
// priorities to deadline monotonic order. False if there is no such island.
bool elaborate(schema::SystemManifest::Reader manifest, std::uint16_t index, IslandModel& model) noexcept;

enum class PlacementKind : std::uint8_t {
  best_effort,  // a thread with weight on `cpu`
  task,         // runs on the context of island `island`, task `task`
  passive,      // no time of its own; its thread belongs to `cpu`, where its callers run
};

struct Placement {
  PlacementKind kind = PlacementKind::best_effort;
  std::uint16_t cpu = 0;
  std::uint16_t island = 0;
  std::uint16_t task = 0;
};

// Where service `service` of a manifest that validate() accepts runs.
[[nodiscard]] Placement place(schema::SystemManifest::Reader manifest, std::uint16_t service) noexcept;

}  // namespace capos::admission
