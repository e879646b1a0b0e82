// SPDX-License-Identifier: Apache-2.0
// Recordings made up for the tests, with statistics known beforehand.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "capos/report/analyse.hpp"
#include "capos/report/channel.hpp"
#include "capos/report/inputs.hpp"

namespace capos::report::synthetic {

inline constexpr std::uint64_t kStart = 40'000'000;  // islands' start in the guest's clock
inline constexpr std::uint64_t kMs = 1'000'000;
inline constexpr std::uint32_t kPlantProgram = 2, kControllerProgram = 3;

// Island "balance" on CPU 1 of two: simulate (source 0) and control (source 1), 1 kHz; a chain; a pendulum.
[[nodiscard]] RunInputs demo_inputs();

enum class Story {
  good,   // every promise kept
  hang,   // control overruns in every job from 400 ms on
  crash,  // the controller's process faults at 400 ms
};

// `periods` milliseconds of that system. Job k of simulate responds after 40 000 + 10 * (k % 100) ns, of
// control after 100 000 + 20 * (k % 100) ns; both wake up 1 000 + (k % 1 000) ns after their release
// (control: after simulate).
[[nodiscard]] Recording demo_recording(std::uint64_t periods, Story story = Story::good);

// A job that was in time; to be changed by the test.
[[nodiscard]] Job job_of(std::uint32_t task, std::uint64_t index);

// Writes the recording as a channel file; returns its path, unique to the running test.
[[nodiscard]] std::filesystem::path write_channel(const Recording& recording, const std::string& name);

}  // namespace capos::report::synthetic
