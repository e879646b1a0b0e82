// SPDX-License-Identifier: Apache-2.0
// What a report needs to know beside the recording: the machine, the admitted promises, and what was asked
// for.
//
// Plain data, filled by the caller from the manifest and the admission's result. Times in ns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "capos/media/filter.hpp"

namespace capos::report {

struct MachineInfo {
  std::string description;       // "QEMU q35, deterministic (instruction counting)"
  std::string accel;             // "tcg" or "kvm"
  std::string accel_reason;      // "KVM: unusable: ..."; host-dependent
  std::uint64_t quantum_ns = 0;  // simulation quantum; 0: none
  std::uint64_t budget_tolerance_ns =
      0;  // how late a budget's end may be seen: admitted jitter and kernel sections
  std::uint32_t cpus = 1;
  std::uint64_t memory_bytes = 0;
  std::string kernel_version;            // "capOS 0.1.0"
  std::vector<std::string> mitigations;  // beside the features the kernel reports itself in the channel
  std::string qemu_version;              // host-dependent
  std::string host;                      // "Debian 12, AMD EPYC ..., 2 CPUs"; host-dependent
  std::string command_line;              // the exact one; host-dependent
};

struct TaskInput {
  std::string name, service;
  std::uint32_t source = 0;  // task_source(island, task)
  std::uint16_t cpu = 0;
  std::int32_t priority = -1;
  std::uint32_t period_numerator = 0, period_denominator = 1;  // seconds, exact
  std::uint64_t deadline_ns = 0, budget_ns = 0;
  std::uint64_t response_bound_ns = 0;  // admitted: from the scheduled release to the finish
  std::string on_miss, on_overrun;      // Consequence, as in manifest.capnp
  std::string stands_in_for;            // the task whose fallback it is; empty: none's. It may have no jobs then
  [[nodiscard]] std::uint64_t period_ns() const noexcept {  // rounded down
    return period_denominator == 0 ? 0
                                   : std::uint64_t{period_numerator} * 1'000'000'000u / period_denominator;
  }
};

struct ChainInput {
  std::string name;
  std::vector<std::string> path;  // task names
  std::uint64_t bound_ns = 0;     // what the manifest asks for
  std::uint64_t admitted_ns = 0;  // what the analysis promises
  bool triggered = false;
};

struct IslandInput {
  std::string name;
  std::uint32_t index = 0;
  std::vector<std::uint16_t> cpus;  // leased
  std::vector<TaskInput> tasks;
  std::vector<ChainInput> chains;
};

struct ServiceInput {
  std::string name;
  std::uint32_t number = 0;  // what its events carry: 2^31 + number
};

struct PushInput {
  std::uint64_t at_ns = 0;  // after the islands' start
  std::uint64_t duration_ns = 0;
  double force = 0;  // N
};

struct PendulumInput {
  std::string service = "plant";        // whose `user` events of code 1 are read; empty: anyone's
  double max_effort = 0;                // N
  std::uint64_t command_expiry_ns = 0;  // longest validity of a command
  std::uint64_t hold_ns = 0;
  std::vector<PushInput> pushes;
};

// A node of the media graph: a service and its task.
struct MediaNodeInput {
  std::string service;
  std::uint32_t number = 0;  // as in ServiceInput
  std::string task;          // "island.task"
  std::uint32_t source = 0;  // task_source(island, task)
};

struct MediaInput {
  std::vector<MediaNodeInput> nodes;  // from the source to the driver: at least these two
  std::vector<std::byte> wav;         // the file that the source plays
  bool loop = true;
  std::vector<media::Filter> filters;  // of the nodes between, in order
  std::string chain;                   // "island.chain" from the source's task to the driver's; empty: none was admitted
  std::uint64_t chain_admitted_ns = 0, chain_bound_ns = 0;
};

// A fault the run was told to have: the verdict then judges how it was contained.
struct FaultInput {
  std::string kind;  // "controller-hang", "controller-crash" or "slow-node"
  std::string service = "controller";
  std::uint64_t at_ns = 0;  // after the islands' start
};

// How the machine ended, as the launcher saw it.
struct EndInput {
  bool timed_out = false;
  bool interrupted = false;      // Ctrl-C
  std::optional<int> exit_code;  // the guest's own code; absent: QEMU died otherwise
  std::string note;              // one line, for example the panic's first
};

struct RunInputs {
  std::string title = "demo";
  std::string manifest;           // file name as given
  std::string load;               // none, cpu, memory, ipc, all
  std::uint64_t duration_ns = 0;  // asked for, from the islands' start; 0: not stated
  MachineInfo machine;
  std::vector<ServiceInput> services;
  std::vector<IslandInput> islands;
  std::optional<PendulumInput> pendulum;
  std::optional<MediaInput> media;
  std::optional<FaultInput> fault;
  EndInput end;
};

}  // namespace capos::report
