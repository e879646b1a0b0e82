// SPDX-License-Identifier: Apache-2.0
// Reads the file behind the host channel: a snapshot of its header while the guest runs, and its events.
//
// The guest writes the file at the same time and may be hostile: each shared word is loaded once, and no
// count from it is used before it is bounded by the file's size. Cost: snapshot() O(CPUs), read_events()
// O(events read).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "capos/abi/trace.hpp"
#include "capos/base/result.hpp"
#include "capos/report/event.hpp"

namespace capos::report {

inline constexpr unsigned kMaxCpus = 16;

enum class ChannelError : std::uint8_t {
  none,
  cannot_open,   // no such file, or not readable: errno is in the text
  too_small,     // shorter than the header
  not_ready,     // the guest has not written the header yet: try again
  bad_magic,     // not a host channel
  bad_version,   // another version than 1
  bad_capacity,  // zero, or more events than the file holds
  bad_cpus,      // zero or more than kMaxCpus
  bad_state,     // not a HostRunState
  bad_written,   // more events written than there is room for
};
struct ChannelFailure {
  ChannelError error = ChannelError::none;
  std::string text;  // one line: what, and where
};

using RunState = abi::HostRunState;

struct CpuCounters {
  std::array<std::uint64_t, abi::kInterruptCauses> interrupts{};         // since boot
  std::array<std::uint64_t, abi::kInterruptCauses> interrupts_island{};  // while islands were active
  std::uint64_t idle_ns = 0, context_switches = 0, lost_events = 0;
};

// A validated copy of the header.
struct ChannelSnapshot {
  RunState state = RunState::booting;
  std::uint64_t capacity = 0, written = 0;  // written <= capacity
  std::uint64_t dropped = 0;                // found the channel full
  std::uint64_t now_ns = 0, islands_start_ns = 0;
  std::uint64_t features = 0, tsc_hz = 0;
  std::vector<CpuCounters> cpus;

  // Dropped in the channel or overwritten in a CPU's ring before they were drained; saturates.
  [[nodiscard]] std::uint64_t lost_in_all() const noexcept;
};

// Everything a run left behind.
struct Recording {
  ChannelSnapshot header;
  std::vector<Event> events;  // in the order they were drained: per CPU in time order, CPUs interleaved
  std::vector<Event> blocks;  // kind `block`: parts of what programs recorded (abi/recording.hpp), in their order
};

class ChannelFile {
 public:
  // Maps the file read-only. Errors: cannot_open, too_small.
  [[nodiscard]] static ResultOf<ChannelFile, ChannelFailure> open(const std::filesystem::path& path);
  ChannelFile(ChannelFile&& other) noexcept;
  ChannelFile& operator=(ChannelFile&& other) noexcept;
  ~ChannelFile();

  // The header as it is now: for progress. Errors: all but cannot_open and too_small.
  [[nodiscard]] ResultOf<ChannelSnapshot, ChannelFailure> snapshot() const;
  // Appends the events [from, written) to `out`; returns `written`: the next call's `from`.
  [[nodiscard]] ResultOf<std::uint64_t, ChannelFailure> read_events(std::uint64_t from,
                                                                    std::vector<Event>& out) const;

 private:
  ChannelFile(const std::byte* data, std::size_t size, std::string name) noexcept;
  void load_counters(ChannelSnapshot& result, std::uint32_t cpus) const;
  [[nodiscard]] std::uint64_t load(std::size_t offset) const noexcept;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::string name_;
};

// Opens, checks and reads all of it. Errors: ChannelError.
[[nodiscard]] ResultOf<Recording, ChannelFailure> read_recording(const std::filesystem::path& path);

// The bytes of a file that holds `events` events: header and events, rounded up to a power of two of at least
// 1 MiB (what an ivshmem device takes).
[[nodiscard]] std::size_t channel_bytes_for(std::uint64_t events) noexcept;

}  // namespace capos::report
