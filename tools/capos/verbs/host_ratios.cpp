// SPDX-License-Identifier: Apache-2.0
#include "host_ratios.hpp"

#include <map>
#include <nlohmann/json.hpp>

namespace capos::cli {
namespace {

using Json = nlohmann::ordered_json;
constexpr const char* kOurs = "capos";

double nanoseconds(const Json& run) {
  const std::string unit = run.value("time_unit", "ns");
  const double scale = unit == "us" ? 1e3 : unit == "ms" ? 1e6 : unit == "s" ? 1e9 : 1;
  return run.value("real_time", 0.0) * scale;
}

// A run by itself, or the median of several; no other aggregate.
bool counts(const Json& run) {
  return run.value("run_type", "") != "aggregate" || run.value("aggregate_name", "") == "median";
}

std::string name_of(const Json& run) {
  std::string name = run.value("run_name", run.value("name", ""));
  // What a benchmark's own settings add to its name.
  for (const char* suffix : {"/manual_time", "/real_time", "/process_time"}) {
    if (const auto at = name.find(suffix); at != std::string::npos) name.erase(at, std::string(suffix).size());
  }
  for (const char* setting : {"/min_time:", "/repeats:", "/iterations:", "/threads:"}) {
    if (const auto at = name.find(setting); at != std::string::npos) {
      const auto end = name.find('/', at + 1);
      name.erase(at, end == std::string::npos ? end : end - at);
    }
  }
  return name;
}

struct Side {
  double ns = 0;
  std::string error;
};

}  // namespace

Outcome<std::vector<HostRatio>> host_ratios(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.contains("benchmarks")) return problem("no output of Google Benchmark", "run the program by hand");
  std::vector<HostRatio> ratios;
  std::map<std::string, std::map<std::string, Side>> pairs;
  std::vector<std::string> order;
  for (const auto& run : json["benchmarks"]) {
    if (!run.is_object() || !counts(run)) continue;
    const std::string name = name_of(run);
    const std::string error = run.value("error_occurred", false) ? run.value("error_message", "failed") : "";
    for (const auto& [key, value] : run.items()) {
      const auto slash = key.find('/');
      if (slash == std::string::npos || !value.is_number()) continue;
      ratios.push_back({name, key.substr(0, slash), value.get<double>(), nanoseconds(run)});
    }
    const auto slash = name.rfind('/');
    if (slash == std::string::npos) continue;
    const std::string group = name.substr(0, slash);
    if (!pairs.contains(group)) order.push_back(group);
    auto& side = pairs[group][name.substr(slash + 1)];
    if (side.ns == 0 || run.value("run_type", "") == "aggregate") side = {nanoseconds(run), error};
  }
  for (const auto& group : order) {
    const auto& sides = pairs[group];
    const auto ours = sides.find(kOurs);
    if (ours == sides.end()) continue;
    for (const auto& [peer, side] : sides) {
      if (peer == kOurs) continue;
      const std::string why = ours->second.error.empty() ? side.error : ours->second.error;
      const bool measured = why.empty() && ours->second.ns > 0 && side.ns > 0;
      ratios.push_back({group, peer, measured ? side.ns / ours->second.ns : 0, ours->second.ns,
                        measured ? "" : (why.empty() ? "not measured" : why)});
    }
  }
  return ratios;
}

}  // namespace capos::cli
