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
#include "capos/sched/analysis.hpp"
#include "capos/sched/certificate.hpp"
#include "capos/schema/bootpack.hpp"
#include "capos/schema/certificate.hpp"
#include "capos/schema/manifest.hpp"

namespace capos::admission {

// What the kernel of one machine adds to a task's own time.
using Overheads = sched::Overheads;

// The overheads of a machine that runs `cpus` CPUs: those it states, and with more than one CPU the
// simulation quantum as further release jitter. Values over 1 s are cut to it. The kernel computes the same.
[[nodiscard]] Overheads overheads_of(schema::MachineParams::Reader machine, std::uint16_t cpus) noexcept;

// Some of a list: [first, first + count).
struct Range {
  std::size_t first = 0, count = 0;
  [[nodiscard]] constexpr std::size_t end() const noexcept { return first + count; }
  [[nodiscard]] constexpr bool holds(std::size_t index) const noexcept { return index - first < count; }
};

// What of a model belongs to one island.
struct Member {
  std::uint16_t index = 0;  // its place in the manifest
  bool best_effort_slack = false;
  Range tasks, chains, calls, interrupts;
};

// What sched's analyser works on, with the storage for it: one island and all that share CPUs with it, directly or through
// others, since what a CPU promises depends on all of them. About 80 KiB: static, or on a host's heap.
struct IslandModel {
  std::array<Member, kMaxIslands> members{};
  std::array<sched::IslandPart, kMaxIslands> parts{};  // of each member: its name and its CPUs
  std::size_t own = 0;                                 // which of them it is about
  std::array<sched::TaskModel, kMaxTasks> tasks{};
  std::array<std::uint16_t, kMaxTasks> services{};  // of each task: its service's place in the manifest
  std::array<sched::ChainModel, kMaxChains> chains{};
  std::array<std::uint16_t, kMaxChains * kMaxChainTasks> hops{};
  std::array<sched::ServerCall, kMaxTasks * kMaxCallsPerTask> calls{};
  std::array<std::string_view, kMaxTasks * kMaxCallsPerTask> servers{};  // of each call: "service.export"
  std::array<sched::InterruptSource, kMaxInterrupts> interrupts{};
  sched::IslandModel view;  // spans over the arrays above, in the manifest's order; its name is the island's

  [[nodiscard]] const Member& self() const noexcept { return members[own]; }
  [[nodiscard]] bool is_own(const sched::TaskModel& task) const noexcept { return task.island == own; }

  IslandModel() noexcept = default;
  IslandModel(const IslandModel&) = delete;
  IslandModel& operator=(const IslandModel&) = delete;
};

// Fills `model` from island `index` of a manifest that validate() accepts, and from those that share CPUs with it, in the order of
// the manifest; deadlines default to periods, CPUs to the island's first; priorities that are not stated are left to the
// analyser, for all of them together. False if there is no such island, or if a number is out of range after all.
bool elaborate(schema::SystemManifest::Reader manifest, std::uint16_t index, const Overheads& overheads,
               IslandModel& model) noexcept;
// The same for one that is to come to the islands of `standing`, which are admitted: those that share CPUs with it, or through
// others, stand before it in the model; that of its own name, if any, is left out. Their priorities are stated, and its servers are none of
// theirs.
bool elaborate_beside(schema::SystemManifest::Reader manifest, std::uint16_t index, const Overheads& overheads,
                      std::span<const schema::IslandCertificate::Reader> standing, IslandModel& model) noexcept;

}  // namespace capos::admission
