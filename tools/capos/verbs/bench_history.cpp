// SPDX-License-Identifier: Apache-2.0
#include "bench_history.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../support/files.hpp"
#include "../support/process.hpp"

namespace capos::cli {
namespace {

using Json = nlohmann::ordered_json;

// What git says of the source tree; "" where there is no git, or no repository.
std::string git(const Paths& paths, std::vector<std::string> words) {
  words.insert(words.begin(), {"git", "-C", paths.root.string()});
  const auto run = capture(words, std::chrono::seconds(20));
  if (!run || !run->state.exited(0)) return {};
  return run->out.substr(0, run->out.find_last_not_of(" \n") + 1);
}

// Lines that hold something.
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

bool is_entry(const Json& json) { return json.is_object() && json.contains("suites") && json["suites"].is_object(); }

Outcome<Json> parse_entry(const std::string& text, const std::string& name) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_array()) json = Json{{"suites", {{"bench", json}}}};
  if (!is_entry(json)) return problem(name + " holds no bench results", "give what --json of a bench wrote, or a history");
  return json;
}

Outcome<Json> entry_of_file(const std::string& name) {
  const auto text = read_text(name);
  if (!text) return std::unexpected(text.error());
  if (Json::accept(*text)) return parse_entry(*text, name);
  const auto lines = lines_of(*text);
  if (lines.empty()) return problem(name + " is empty", "give what --json of a bench wrote, or a history");
  return parse_entry(lines.back(), name);
}

// 0 for the newest, 1 for the one before; nothing if `name` is no position.
std::optional<std::size_t> steps_back(const std::string& name, std::size_t count) {
  const bool named = name.starts_with("last");
  std::string digits = named ? name.substr(4) : name;
  if (named && digits.empty()) return 0;
  if (named && (digits[0] != '~' || digits.size() < 2)) return std::nullopt;
  if (named) digits.erase(0, 1);
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (named) return number;
  return number >= 1 && number <= count ? count - number : count;
}

std::optional<double> number_of(const Json& line, const char* key) {
  if (!line.contains(key) || !line[key].is_number()) return std::nullopt;
  return line[key].get<double>();
}

template <typename Visit>
void for_each_line(const Json& entry, Visit&& visit) {
  if (!is_entry(entry)) return;
  for (const auto& [suite, lines] : entry["suites"].items()) {
    if (!lines.is_array()) continue;
    for (const auto& line : lines) {
      if (line.is_object() && line.contains("name")) visit(fmt::format("{}.{}", suite, line.value("name", "")), line);
    }
  }
}

}  // namespace

std::filesystem::path history_file(const Paths& paths) { return paths.out("bench") / "history" / "history.jsonl"; }

Json history_entry(const Paths& paths, const Json& suites) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return Json{{"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(now)))},
              {"commit", git(paths, {"rev-parse", "--short", "HEAD"})},
              {"changed", !git(paths, {"status", "--porcelain", "--untracked-files=no"}).empty()},
              {"suites", suites}};
}

Outcome<void> append_history(const Paths& paths, const Json& entry) {
  const auto file = history_file(paths);
  if (auto made = make_directory(file.parent_path()); !made) return made;
  std::ofstream out(file, std::ios::app);
  out << entry.dump() << "\n";
  out.flush();
  if (!out) return problem("cannot write " + file.string(), "make room, or set CAPOS_OUT");
  return {};
}

Outcome<Json> find_entry(const Paths& paths, const std::string& name) {
  if (std::filesystem::is_regular_file(name)) return entry_of_file(name);
  const auto file = history_file(paths);
  const auto lines = lines_of(read_text(file).value_or(""));
  const auto back = steps_back(name, lines.size());
  if (!back) return problem("'" + name + "' is neither a file nor a position in the history", "a position is 1, 2, ... or last, last~1, ...");
  if (*back >= lines.size())
    return problem(fmt::format("the history has {} entries, and no '{}'", lines.size(), name), "./capos bench adds one; it lies in " + file.string());
  return parse_entry(lines[lines.size() - 1 - *back], name);
}

std::vector<Moved> compare_entries(const Json& before, const Json& after) {
  std::vector<Moved> all;
  for_each_line(before, [&](const std::string& name, const Json& line) {
    all.push_back({name, line.value("unit", ""), number_of(line, "p50"), {}, number_of(line, "max"), {}});
  });
  for_each_line(after, [&](const std::string& name, const Json& line) {
    auto found = std::ranges::find(all, name, &Moved::name);
    if (found == all.end()) found = all.insert(all.end(), {name, line.value("unit", ""), {}, {}, {}, {}});
    found->median_after = number_of(line, "p50");
    found->max_after = number_of(line, "max");
  });
  return all;
}

}  // namespace capos::cli
