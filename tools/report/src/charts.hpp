// SPDX-License-Identifier: Apache-2.0
// The page's drawings, each one SVG element.
#pragma once

#include <string>

#include "capos/report/result.hpp"

namespace capos::report {

// Wake-up and response latencies on logarithmic scales, with the admitted bound and the deadline drawn in.
[[nodiscard]] std::string draw_latencies(const TaskResult& task, const std::string& name);
// A task's slowest response as a part of its bound and deadline.
[[nodiscard]] std::string draw_headroom(const TaskResult& task, const std::string& name);
// Angle, position and force over time, with the pushes and the drive's state.
[[nodiscard]] std::string draw_pendulum(const PendulumResult& pendulum);
// The sound of both channels as its extremes, with a mark where there were xruns.
[[nodiscard]] std::string draw_media(const MediaResult& media);
// Notable events along the run.
[[nodiscard]] std::string draw_timeline(const Result& result);
// Interrupts of a CPU by cause.
[[nodiscard]] std::string draw_interrupts(const IsolatedCpu& cpu);

}  // namespace capos::report
