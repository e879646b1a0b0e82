// SPDX-License-Identifier: Apache-2.0
// What runs, on whose time, and what interrupts it: events that are there only where the recording asked for them.
#pragma once

#include "capos/report/channel.hpp"
#include "names.hpp"
#include "perfetto_timeline.hpp"

namespace capos::report::perfetto {

// Adds nothing to a recording without such events. O(n log n) in them.
void add_switches(Timeline& timeline, const Recording& recording, const Names& names);

}  // namespace capos::report::perfetto
