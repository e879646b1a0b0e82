// SPDX-License-Identifier: Apache-2.0
#include "sampler.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>

namespace linux_bench {
namespace {

std::uint64_t measure_empty_pair() {
  std::uint64_t least = ~std::uint64_t{0};
  for (int i = 0; i < 64; ++i) {
    const std::uint64_t start = stamp();
    least = std::min(least, stamp() - start);
  }
  return least;
}

void write_row(std::FILE* file, const Row& row) {
  std::fprintf(file, "{\"name\": \"%s\", ", row.name.c_str());
  if (!row.skipped.empty()) {
    std::fprintf(file, "\"skipped\": \"%s\"}", row.skipped.c_str());
    return;
  }
  std::fputs("\"histogram\": {", file);
  const char* between = "";
  for (const auto& [value, count] : row.counts) {
    std::fprintf(file, "%s\"%llu\": %llu", between, static_cast<unsigned long long>(value), static_cast<unsigned long long>(count));
    between = ", ";
  }
  std::fputs("}}", file);
}

}  // namespace

Sampler::Sampler(std::uint64_t samples) : samples_(samples), empty_pair_(measure_empty_pair()) {}

bool Sampler::write(const char* name) const {
  std::FILE* const file = std::fopen(name, "w");
  if (file == nullptr) return false;
  utsname system{};
  uname(&system);
  std::fprintf(file, "{\"sysinfo\": {\"release\": \"%s\", \"version\": \"%s\"}, \"stamp_ticks\": %llu, \"rows\": [\n", system.release,
               system.version, static_cast<unsigned long long>(empty_pair_));
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (i != 0) std::fputs(",\n", file);
    write_row(file, rows_[i]);
  }
  std::fputs("\n]}\n", file);
  return std::fclose(file) == 0;
}

}  // namespace linux_bench
