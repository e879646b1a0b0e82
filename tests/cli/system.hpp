// SPDX-License-Identifier: Apache-2.0
// The whole system, from outside: the command boots the kernel and its services in QEMU's deterministic
// machine.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/process.hpp"
#include "support/temporary.hpp"

namespace capos::cli {

struct SystemRun {
  Captured process;
  nlohmann::json result;  // result.json of the run; null if there is none
  std::string console;
  std::string sound;  // audio.wav; empty: none
  [[nodiscard]] std::string text() const { return process.out + process.err + console; }
};

// Runs the built command with its results in a directory of its own. `name` is the run's directory below it.
[[nodiscard]] SystemRun run_command(std::vector<std::string> words, const std::string& name);
// ./capos demo in the deterministic machine.
[[nodiscard]] SystemRun run_demo(std::vector<std::string> words);

// The task of that name in a result.
[[nodiscard]] nlohmann::json task_of(const nlohmann::json& result, const std::string& name);

}  // namespace capos::cli
