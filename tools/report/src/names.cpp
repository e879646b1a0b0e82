// SPDX-License-Identifier: Apache-2.0
#include "names.hpp"

#include <fmt/format.h>

#include "capos/report/event.hpp"

namespace capos::report {

std::string full_name(const std::string& island, const std::string& task) { return island + "." + task; }

Names::Names(const RunInputs& inputs) {
  for (const IslandInput& island : inputs.islands) {
    for (const TaskInput& task : island.tasks) tasks_[task.source] = full_name(island.name, task.name);
  }
  for (const ServiceInput& service : inputs.services) programs_[service.number] = service.name;
}

std::string Names::of_source(std::uint32_t source) const {
  if (source == kNobody) return {};
  if ((source & kProgramBit) != 0) return of_program(source & 0xffff);
  const auto task = tasks_.find(source);
  return task != tasks_.end() ? task->second : fmt::format("task {}.{}", source >> 16, source & 0xffff);
}

std::string Names::of_program(std::uint32_t number) const {
  const auto program = programs_.find(number);
  return program != programs_.end() ? program->second : fmt::format("program {}", number);
}

}  // namespace capos::report
