// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "demand.hpp"

namespace capos::sched {
namespace {

using analysis::full_jitter;

class Writer {
 public:
  explicit Writer(std::span<Contribution> out) noexcept : out_(out) {}
  void add(ContributionKind kind, std::uint16_t index, std::int64_t count, Duration each) noexcept {
    if (count == 0 || each == Duration{} || size_ == out_.size()) return;
    out_[size_++] = {kind, index, count, each};
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  std::span<Contribution> out_;
  std::size_t size_ = 0;
};

}  // namespace

std::size_t explain_task(const IslandModel& model, std::uint16_t index,
                         std::span<Contribution> out) noexcept {
  const TaskModel& task = model.tasks[index];
  const Duration jitter = full_jitter(model, task);
  // Without a bound there is no window to explain; the deadline's is what it had to fit into.
  const bool bounded = task.response < analysis::kUnbounded;
  const std::int64_t earlier = bounded ? task.worst_job : 0;
  const Duration before = task.period.floor() * earlier;
  const Duration window = bounded ? task.response - jitter + before : task.deadline;
  Writer writer(out);
  analysis::for_each_demand(model, task, window, earlier + 1,
                            [&](ContributionKind kind, std::uint16_t who, std::int64_t count, Duration each) {
                              writer.add(kind, who, count, each);
                            });
  if (const ServerCall* const call = analysis::worst_blocking(model, task); call != nullptr) {
    writer.add(ContributionKind::server_call, static_cast<std::uint16_t>(call - model.calls.data()), 1,
               call->wcet);
  }
  writer.add(ContributionKind::jitter, index, 1, jitter);
  writer.add(ContributionKind::earlier_releases, index, earlier, -task.period.floor());
  return writer.size();
}

std::size_t explain_demand(const IslandModel& model, CpuId cpu, Duration window,
                           std::span<Contribution> out) noexcept {
  Writer writer(out);
  analysis::for_each_edf_demand(
      model, cpu, window, true,
      [&](ContributionKind kind, std::uint16_t who, std::int64_t count, Duration each) {
        writer.add(kind, who, count, each);
      });
  const ServerCall* worst = nullptr;
  for (const TaskModel& task : model.tasks) {
    if (task.cpu != cpu || analysis::jobs_due(window, full_jitter(model, task), task) == 0) continue;
    const ServerCall* const call = analysis::worst_blocking(model, task);
    if (call != nullptr && (worst == nullptr || call->wcet > worst->wcet)) worst = call;
  }
  if (worst != nullptr) {
    writer.add(ContributionKind::server_call, static_cast<std::uint16_t>(worst - model.calls.data()), 1,
               worst->wcet);
  }
  return writer.size();
}

std::size_t explain_chain(const IslandModel& model, std::uint16_t index,
                          std::span<Contribution> out) noexcept {
  const ChainModel& chain = model.chains[index];
  Writer writer(out);
  if (chain.hops == HopKind::triggered) {
    const std::uint16_t last = chain.tasks.back();
    writer.add(ContributionKind::hop_response, last, 1, model.tasks[last].response);
    return writer.size();
  }
  const Duration first_period = model.tasks[chain.tasks.front()].period.ceil();
  const Duration last_period = model.tasks[chain.tasks.back()].period.ceil();
  const std::size_t no_wait = first_period <= last_period ? 0 : chain.tasks.size() - 1;
  for (std::size_t k = 0; k < chain.tasks.size(); ++k) {
    const TaskModel& task = model.tasks[chain.tasks[k]];
    if (k != no_wait) writer.add(ContributionKind::hop_wait, chain.tasks[k], 1, task.period.ceil());
    writer.add(ContributionKind::hop_response, chain.tasks[k], 1, task.response);
  }
  return writer.size();
}

}  // namespace capos::sched
