// SPDX-License-Identifier: Apache-2.0
// Runs a machine to its end: watches its progress through the shared memory, its time, and Ctrl-C.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "capos/report/channel.hpp"
#include "machine.hpp"

namespace capos::cli {

struct MachineEnd {
  enum class Kind { guest, reset, died, timed_out, stalled, interrupted };
  Kind kind = Kind::died;
  int guest_code = 0;  // kind guest: what it wrote, an abi::RunOutcome
  int status = 0;      // QEMU's own
  double wall_seconds = 0;
  std::string note;  // one line about any end but a guest's code 0; empty for that
  [[nodiscard]] bool fine() const { return kind == Kind::guest && guest_code == 0; }
};

struct RunLimits {
  std::chrono::seconds wall{600};
  std::chrono::seconds stall{120};  // without the guest's clock moving, as the channel shows it
};

// Called about ten times a second with the channel's header, once there is one.
using Progress = std::function<void(const report::ChannelSnapshot&)>;

// Makes the channel's file, writes `log_directory`/command.txt and qemu.log, runs, and reads the end.
[[nodiscard]] Outcome<MachineEnd> run_machine(const MachineSpec& spec,
                                              const std::filesystem::path& log_directory,
                                              const RunLimits& limits, const Progress& progress);

// A file of `bytes` bytes in place of whatever was there: `head`, then zeroes.
[[nodiscard]] Outcome<void> make_channel_file(const std::filesystem::path& file, std::uint64_t bytes,
                                              std::string_view head = {});

// The text of the last kernel panic, or the console's last lines if there is none.
[[nodiscard]] std::string console_end(const std::filesystem::path& console, std::size_t lines = 40);

}  // namespace capos::cli
