// SPDX-License-Identifier: Apache-2.0
// What bench/linux's round_trips measures in Linux, and which of capOS's rows (bench/ipc) does the like.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "capos/report/analyse.hpp"
#include "capos/report/comparison.hpp"
#include "linux_boot.hpp"

namespace capos::cli {

struct RoundTripRow {
  std::string name;
  report::Distribution distribution;  // ticks of the time stamp counter
  std::string skipped;                // why it has none
};

struct RoundTrips {
  std::string release, version;  // of the kernel, as uname says
  std::vector<RoundTripRow> rows;
};

// `text` may be anything. Errors: no JSON, another shape, a row with neither samples nor a reason.
[[nodiscard]] Outcome<RoundTrips> parse_round_trips(std::string_view text);

[[nodiscard]] LinuxProgram round_trips_program(std::uint64_t samples);

// A row of Linux beside one of capOS.
struct Counterpart {
  const char* linux_name;
  const char* linux_text;  // for people
  const char* capos_name;
  const char* capos_text;
};
[[nodiscard]] std::span<const Counterpart> counterparts();

// `sets`: Linux's boot options and its rows under them. A row that one side did not measure says so.
struct OptionSet {
  std::string options;
  RoundTrips trips;
};
[[nodiscard]] report::ComparedTable round_trips_table(const std::vector<OptionSet>& sets, const std::vector<report::BenchLine>& capos);

}  // namespace capos::cli
