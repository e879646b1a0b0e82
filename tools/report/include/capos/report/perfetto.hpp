// SPDX-License-Identifier: Apache-2.0
// A recording as a timeline for Perfetto (ui.perfetto.dev, or its trace_processor): TrackEvent packets.
//
// Tracks: the machine with its milestones; each CPU with its tasks below it; each program with its events. A job is a
// slice from its first run to its end; its release and its deadline are instants; a miss, an overrun, a consequence, a
// fault and an exit are instants where they were seen. Data that a chain passes on are flows, from the job that wrote to
// the job that read. Interrupts are counters, of the whole run: the kernel records no instant of them.
// Deterministic: equal recordings give equal bytes. Cost: O(n log n) in the events.
#pragma once

#include <string>

#include "capos/report/channel.hpp"
#include "capos/report/inputs.hpp"

namespace capos::report {

[[nodiscard]] std::string render_perfetto(const Recording& recording, const RunInputs& inputs);

}  // namespace capos::report
