// SPDX-License-Identifier: Apache-2.0
#include "last_comparison.hpp"

#include <nlohmann/json.hpp>

namespace capos::cli {
namespace {

using Json = nlohmann::json;

// Throws Json::exception for what is missing or of another type.
LinuxWakeups row_of(const Json& json) {
  LinuxWakeups row{json.at("options").get<std::string>(), json.at("load").get<std::string>(), {}};
  auto& s = row.summary;
  s.samples = json.at("samples").get<std::uint64_t>();
  s.min = json.at("min").get<std::uint64_t>();
  s.p50 = json.at("p50").get<std::uint64_t>();
  s.p99 = json.at("p99").get<std::uint64_t>();
  s.p999 = json.at("p999").get<std::uint64_t>();
  s.max = json.at("max").get<std::uint64_t>();
  return row;
}

bool is_wakeup_of_linux(const Json& row) {
  return row.is_object() && row.value("system", Json()) == "linux" && row.value("unit", Json()) == "instructions" && !row.contains("operation");
}

}  // namespace

std::vector<LinuxWakeups> linux_wakeups(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  std::vector<LinuxWakeups> rows;
  if (!json.is_array()) return rows;
  for (const auto& row : json) {
    if (!is_wakeup_of_linux(row)) continue;
    try {
      rows.push_back(row_of(row));
    } catch (const Json::exception&) {  // not complete
    }
  }
  return rows;
}

}  // namespace capos::cli
