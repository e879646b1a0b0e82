// SPDX-License-Identifier: Apache-2.0
// Gathers one task's jobs, misses and overruns from its events.
//
// A miss is counted once per job, whether the kernel said so at the deadline, at the job's end, or at both;
// the job's own record wins, for it knows how late it was.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "capos/report/result.hpp"
#include "names.hpp"

namespace capos::report {

class TaskCollector {
 public:
  TaskCollector(const TaskInput& input, const Names& names);
  void on_job(const Event& event);
  void on_miss(const Event& event);
  void on_overrun(const Event& event);
  void on_consequence(const Event& event);
  void on_program_end() noexcept { result_.stopped = true; }

  // Statistics and counts; `start_ns` to `end_ns` is when the island was active.
  [[nodiscard]] TaskResult finish(std::uint64_t start_ns, std::uint64_t end_ns) const;
  // In order of their finish; those the program ended itself.
  [[nodiscard]] const std::vector<Job>& finished_jobs() const noexcept { return finished_; }
  [[nodiscard]] const TaskInput& input() const noexcept { return result_.input; }

 private:
  void note_miss(const Job& job);

  const Names& names_;
  TaskResult result_;
  std::vector<Job> finished_;
  std::vector<std::uint64_t> responses_, wakeups_;
  std::set<std::uint32_t> indices_, overruns_;
  std::map<std::uint32_t, Miss> misses_;
};

}  // namespace capos::report
