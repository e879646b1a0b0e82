// SPDX-License-Identifier: Apache-2.0
#include "system.hpp"

#include <gtest/gtest.h>

#include "support/files.hpp"

namespace capos::cli {

SystemRun run_command(std::vector<std::string> words, const std::string& name) {
  const auto scratch = TemporaryDirectory::make();
  EXPECT_TRUE(scratch.has_value());
  words.insert(words.begin(), CAPOS_COMMAND);
  SpawnOptions options;
  options.directory = CAPOS_SOURCE_DIR;
  options.environment = {{"CAPOS_ROOT", CAPOS_SOURCE_DIR}, {"CAPOS_OUT", scratch->path().string()}};
  auto process = capture(words, std::chrono::minutes(20), options);
  EXPECT_TRUE(process.has_value());
  SystemRun run;
  run.process = process.value_or(Captured{});
  run.console = read_text(scratch->path() / name / "console.log").value_or("");
  run.sound = read_text(scratch->path() / name / "audio.wav").value_or("");
  const auto text = read_text(scratch->path() / name / "result.json");
  if (text) run.result = nlohmann::json::parse(*text, nullptr, false);
  return run;
}

SystemRun run_demo(std::vector<std::string> words) {
  words.insert(words.begin(), {"demo", "--accel", "tcg"});
  return run_command(std::move(words), "demo");
}

nlohmann::json task_of(const nlohmann::json& result, const std::string& name) {
  if (!result.contains("islands")) return {};
  for (const auto& island : result["islands"]) {
    for (const auto& task : island["tasks"]) {
      if (task["name"] == name) return task;
    }
  }
  return {};
}

}  // namespace capos::cli
