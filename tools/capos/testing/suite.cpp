// SPDX-License-Identifier: Apache-2.0
#include "suite.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "../support/process.hpp"

namespace capos::cli {
namespace {

using Json = nlohmann::json;

bool is_case_argument(const std::string& word) {
  return word.starts_with("--gtest_filter=") || word == "--gtest_also_run_disabled_tests";
}

std::string program_name(const std::vector<std::string>& command) {
  return std::filesystem::path(command.front()).filename().string();
}

std::vector<std::string> strings_of(const Json& value) {
  return value.is_array() ? value.get<std::vector<std::string>>() : std::vector<std::string>{};
}

void apply_property(Suite& suite, const std::string& name, const Json& value) {
  if (name == "TIMEOUT" && value.is_number()) {
    suite.limit = std::chrono::seconds(static_cast<long>(value.get<double>()));
  } else if (name == "WORKING_DIRECTORY" && value.is_string()) {
    suite.directory = value.get<std::string>();
  } else if (name == "LABELS" && value.is_array()) {
    suite.slow = std::ranges::find(value, Json("slow")) != value.end() ||
                 std::ranges::find(value, Json("guest")) != value.end();
  } else if (name == "PASS_REGULAR_EXPRESSION") {
    suite.expectation.pass_if = strings_of(value);
  } else if (name == "FAIL_REGULAR_EXPRESSION") {
    suite.expectation.fail_if = strings_of(value);
  } else if (name == "WILL_FAIL") {
    suite.expectation.will_fail = value.is_boolean() && value.get<bool>();
  } else if (name == "ENVIRONMENT" && value.is_array()) {
    for (const auto& entry : value) {
      const auto text = entry.get<std::string>();
      const auto equals = text.find('=');
      if (equals != std::string::npos)
        suite.environment.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
  }
}

Suite read_suite(const Json& test) {
  Suite suite;
  suite.name = test.at("name").get<std::string>();
  bool one_case = false;
  for (const auto& word : test.at("command")) {
    if (is_case_argument(word.get<std::string>())) {
      one_case = true;
    } else {
      suite.command.push_back(word.get<std::string>());
    }
  }
  if (one_case) suite.name = program_name(suite.command);
  for (const auto& property : test.value("properties", Json::array())) {
    apply_property(suite, property.at("name").get<std::string>(), property.at("value"));
  }
  return suite;
}

}  // namespace

Outcome<std::vector<Suite>> parse_suites(const std::string& text) {
  const Json listing = Json::parse(text, nullptr, false);
  if (listing.is_discarded() || !listing.contains("tests")) {
    return problem("ctest gave no list of tests", "check `ctest --version`: 3.25 or later");
  }
  std::vector<Suite> suites;
  std::set<std::vector<std::string>> seen;
  for (const auto& test : listing["tests"]) {
    if (!test.contains("command")) {  // registered, but its program is not built
      return problem("the test " + test.value("name", "?") + " has no program",
                     "build everything first: ./capos test does");
    }
    Suite suite = read_suite(test);
    if (seen.insert(suite.command).second) suites.push_back(std::move(suite));
  }
  std::ranges::stable_partition(suites, [](const Suite& suite) { return !suite.slow; });
  return suites;
}

Outcome<std::vector<Suite>> find_suites(const std::filesystem::path& build) {
  const auto run =
      capture({"ctest", "--test-dir", build.string(), "--show-only=json-v1"}, std::chrono::seconds(120));
  if (!run) return std::unexpected(run.error());
  return parse_suites(run->out);
}

}  // namespace capos::cli
