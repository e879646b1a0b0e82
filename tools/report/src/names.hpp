// SPDX-License-Identifier: Apache-2.0
// Who an event's source number is, by the names of the manifest.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "capos/report/inputs.hpp"

namespace capos::report {

class Names {
 public:
  explicit Names(const RunInputs& inputs);
  // "island.task", a service's name, "program 7", or "" for nobody.
  [[nodiscard]] std::string of_source(std::uint32_t source) const;
  [[nodiscard]] std::string of_program(std::uint32_t number) const;

 private:
  std::map<std::uint32_t, std::string> tasks_, programs_;
};

// Full name of a task: "island.task".
[[nodiscard]] std::string full_name(const std::string& island, const std::string& task);

}  // namespace capos::report
