// SPDX-License-Identifier: Apache-2.0
#include "model_writer.hpp"

namespace capos::admission {
namespace {

// The next place of an array, and one more in the member's range of it.
template <typename T, std::size_t kSize>
ResultOf<T*, UnitError> next(std::array<T, kSize>& places, Range& range) noexcept {
  if (range.end() == kSize) return fail(UnitError::overflow);
  T& place = places[range.first + range.count++];
  place = {};
  return &place;
}

}  // namespace

ModelWriter::ModelWriter(IslandModel& model, const Overheads& overheads) noexcept : model_(model) {
  model_.view = {};
  model_.view.overheads = overheads;
  model_.own = 0;
}

ResultOf<Member*, UnitError> ModelWriter::begin(std::string_view name, std::uint32_t cpus) noexcept {
  const std::size_t count = model_.view.islands.size();
  if (count == kMaxIslands) return fail(UnitError::overflow);
  Member& made = model_.members[count];
  made = {};
  if (count != 0) {
    const Member& last = model_.members[count - 1];
    made.tasks.first = last.tasks.end();
    made.chains.first = last.chains.end();
    made.calls.first = last.calls.end();
    made.interrupts.first = last.interrupts.end();
  }
  model_.parts[count] = {name, cpus};
  model_.view.cpus |= cpus;
  model_.view.islands = {model_.parts.data(), count + 1};
  return &made;
}

void ModelWriter::about_this(sched::Policy policy) noexcept {
  model_.own = model_.view.islands.size() - 1;
  model_.view.name = model_.parts[model_.own].name;
  model_.view.policy = policy;
}

ResultOf<sched::TaskModel*, UnitError> ModelWriter::task() noexcept {
  sched::TaskModel* const made = TRY(next(model_.tasks, member().tasks));
  made->island = static_cast<std::uint16_t>(model_.view.islands.size() - 1);
  model_.view.tasks = {model_.tasks.data(), member().tasks.end()};
  return made;
}

ResultOf<sched::ChainModel*, UnitError> ModelWriter::chain() noexcept {
  sched::ChainModel* const made = TRY(next(model_.chains, member().chains));
  model_.view.chains = {model_.chains.data(), member().chains.end()};
  return made;
}

ResultOf<std::span<std::uint16_t>, UnitError> ModelWriter::hops(std::size_t count) noexcept {
  if (count > kMaxChainTasks || count > model_.hops.size() - hops_) return fail(UnitError::overflow);
  hops_ += count;
  return std::span(model_.hops).subspan(hops_ - count, count);
}

ResultOf<sched::ServerCall*, UnitError> ModelWriter::call(std::string_view server) noexcept {
  sched::ServerCall* const made = TRY(next(model_.calls, member().calls));
  model_.servers[member().calls.end() - 1] = server;
  model_.view.calls = {model_.calls.data(), member().calls.end()};
  return made;
}

ResultOf<sched::InterruptSource*, UnitError> ModelWriter::interrupt() noexcept {
  sched::InterruptSource* const made = TRY(next(model_.interrupts, member().interrupts));
  model_.view.interrupts = {model_.interrupts.data(), member().interrupts.end()};
  return made;
}

}  // namespace capos::admission
