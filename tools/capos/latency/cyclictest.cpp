// SPDX-License-Identifier: Apache-2.0
#include "cyclictest.hpp"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

namespace capos::cli {
namespace {

using Json = nlohmann::ordered_json;

// Throws Json::exception for what is missing or of another type, std::out_of_range for a key that is no number.
void add_thread(const Json& thread, report::Distribution& into) {
  const auto cycles = thread.at("cycles").get<std::uint64_t>();
  std::uint64_t counted = 0;
  for (const auto& [key, count] : thread.at("histogram").items()) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), value);
    if (error != std::errc{} || end != key.data() + key.size()) throw std::out_of_range("'" + key + "' is no latency");
    const auto times = count.get<std::uint64_t>();
    if (times > cycles - counted) throw std::out_of_range("its histogram holds more than its cycles");
    counted += times;
    into.add(value, times);
  }
  into.add_overflow(cycles - counted, thread.at("max").get<std::uint64_t>());
}

std::unexpected<Problem> wrong(const std::string& why) {
  return problem("cyclictest's result cannot be read: " + why, "see the console.log of that run; rt-tests 2.4 is what this was made for");
}

}  // namespace

Outcome<CyclictestResult> parse_cyclictest(std::string_view text) {
  CyclictestResult result;
  try {
    const Json json = Json::parse(text);
    for (const auto& thread : json.at("thread")) add_thread(thread, result.distribution);
    if (json.contains("sysinfo")) {
      result.release = json.at("sysinfo").value("release", "");
      result.version = json.at("sysinfo").value("version", "");
    }
  } catch (const Json::exception& error) {
    return wrong(error.what());
  } catch (const std::out_of_range& error) {
    return wrong(error.what());
  }
  if (result.distribution.samples() == 0) return wrong("no sample is in it");
  return result;
}

std::string render_cyclictest(const CyclictestRun& run) {
  Json histogram = Json::object();
  for (const auto& [value, count] : run.distribution.counts()) histogram[std::to_string(value)] = count;
  const auto summary = run.distribution.summary();
  Json json{{"file_version", 1},
            {"cmdline:", run.command},  // the colon is cyclictest's
            {"return_code", 0},
            {"sysinfo", {{"sysname", run.system}, {"release", run.release}, {"machine", "x86_64"}, {"realtime", 1}}},
            {"num_threads", 1},
            {"resolution_in_ns", 1}};
  json["thread"]["0"] = {{"histogram", std::move(histogram)}, {"cycles", summary.samples}, {"min", summary.min},
                         {"max", summary.max}, {"avg", run.distribution.mean()}, {"cpu", 0}, {"node", 0}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Outcome<std::string> sent_file(std::string_view console, std::string_view file) {
  const std::string begin = fmt::format("--- begin {}\n", file), end = fmt::format("\n--- end {}\n", file);
  const auto from = console.find(begin);
  const auto to = from == std::string_view::npos ? from : console.find(end, from);
  if (to == std::string_view::npos) return problem(fmt::format("{} is not in the console's text", file), "read the console.log of that run");
  const auto start = from + begin.size();
  return std::string(to < start ? std::string_view{} : console.substr(start, to - start));
}

}  // namespace capos::cli
