// SPDX-License-Identifier: Apache-2.0
// How far a run is, on stderr: one line that is rewritten on a terminal, a line per fifth of the run
// elsewhere.
#pragma once

#include <cstdint>

#include "capos/report/channel.hpp"

namespace capos::cli {

class ProgressLine {
 public:
  // `total_ns`: the length asked for; 0: not known.
  explicit ProgressLine(std::uint64_t total_ns);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(const report::ChannelSnapshot& snapshot);

 private:
  std::uint64_t total_ns_;
  bool terminal_;
  bool open_ = false;  // a line without its newline is on the terminal
  std::uint64_t next_step_ns_ = 0;
};

}  // namespace capos::cli
