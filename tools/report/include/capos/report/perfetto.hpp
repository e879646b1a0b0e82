// SPDX-License-Identifier: Apache-2.0
// A recording as a timeline for Perfetto (ui.perfetto.dev, or its trace_processor): TrackEvent packets.
//
// Tracks: the machine with its milestones; each CPU with its tasks below it; each program with its events. A job is a
// slice from its first run to its end; its release and its deadline are instants; a miss, an overrun, a consequence, a
// fault and an exit are instants where they were seen. Data that a chain passes on are flows, from the job that wrote to
// the job that read. Interrupts are counters, of the whole run.
// Of a recording with switches (RunParams.traceSwitches), too: who runs, as slices of each CPU; interrupts and releases as
// instants of a track below it; calls that lend their caller's time, as slices of the server's thread, with flows from the
// caller's call to the slice and from its end back to the caller. Xruns, if they are given, are instants at their node.
// Deterministic: equal recordings give equal bytes. Cost: O(n log n) in the events.
#pragma once

#include <span>
#include <string>

#include "capos/report/channel.hpp"
#include "capos/report/inputs.hpp"
#include "capos/report/result.hpp"

namespace capos::report {

[[nodiscard]] std::string render_perfetto(const Recording& recording, const RunInputs& inputs, std::span<const XrunItem> xruns = {});

}  // namespace capos::report
