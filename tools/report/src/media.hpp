// SPDX-License-Identifier: Apache-2.0
// The media graph as its driver played it: every block there, in time, and the same bits as without a machine?
#pragma once

#include <optional>
#include <vector>

#include "capos/report/channel.hpp"
#include "capos/report/result.hpp"
#include "names.hpp"

namespace capos::report {

// `events` in time order; result.islands are those of the run. Absent if the inputs describe no graph.
// Cost: O(n log n) in the events, and one offline render of what was played.
[[nodiscard]] std::optional<MediaResult> follow_media(const Recording& recording, const std::vector<Event>& events,
                                                      const Names& names, const Result& result);

// The xruns that the nodes told, each with the job that is to blame (xruns.cpp).
[[nodiscard]] std::vector<XrunItem> explain_xruns(const std::vector<Event>& events, const MediaInput& input, const Names& names,
                                                  std::uint64_t start_ns);

}  // namespace capos::report
