// SPDX-License-Identifier: Apache-2.0
#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace capos::cli {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

std::string bar(double done) {
  constexpr int kWidth = 24;
  const int full = std::clamp(static_cast<int>(done * kWidth), 0, kWidth);
  return "[" + std::string(static_cast<std::size_t>(full), '#') +
         std::string(static_cast<std::size_t>(kWidth - full), '.') + "] ";
}

}  // namespace

ProgressLine::ProgressLine(std::uint64_t total_ns)
    : total_ns_(total_ns), terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressLine::~ProgressLine() {
  if (open_) fmt::print(stderr, "\r\x1b[K");
}

void ProgressLine::show(const report::ChannelSnapshot& snapshot) {
  if (snapshot.state == report::RunState::booting || snapshot.islands_start_ns == 0) return;
  const std::uint64_t now = std::max(snapshot.now_ns, snapshot.islands_start_ns) - snapshot.islands_start_ns;
  std::string text = fmt::format("{:.1f} s", static_cast<double>(now) / kSecond);
  if (total_ns_ != 0) text += fmt::format(" of {:.3g} s", static_cast<double>(total_ns_) / kSecond);
  text += fmt::format(" of guest time, {} events", snapshot.written);
  if (snapshot.lost_in_all() != 0) text += fmt::format(", {} LOST", snapshot.lost_in_all());
  if (terminal_) {
    const double done = total_ns_ == 0 ? 0 : static_cast<double>(now) / static_cast<double>(total_ns_);
    fmt::print(stderr, "\r\x1b[K  {}{}", total_ns_ == 0 ? "" : bar(done), text);
    std::fflush(stderr);
    open_ = true;
  } else if (now >= next_step_ns_) {
    fmt::print(stderr, "  {}\n", text);
    next_step_ns_ = now + std::max(total_ns_ / 5, kSecond);
  }
}

}  // namespace capos::cli
