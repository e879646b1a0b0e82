// SPDX-License-Identifier: Apache-2.0
#include "host.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <string_view>

namespace capos::cli {
namespace {

// What follows `key` on the first line of `file` that starts with it, quotes taken off.
std::string value_in(const char* file, std::string_view key, std::string_view separator) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const auto at = line.find(separator);
    if (at == std::string::npos) continue;
    std::string value = line.substr(at + separator.size());
    if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
    return value;
  }
  return "unknown";
}

}  // namespace

std::string describe_host() {
  return fmt::format("{}, {}, {} CPUs", value_in("/etc/os-release", "PRETTY_NAME", "="),
                     value_in("/proc/cpuinfo", "model name", ": "), sysconf(_SC_NPROCESSORS_ONLN));
}

}  // namespace capos::cli
