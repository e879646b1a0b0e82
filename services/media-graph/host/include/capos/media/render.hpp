// SPDX-License-Identifier: Apache-2.0
// The same graph without a machine: what a driver would have played if every block had come in time.
#pragma once

#include <cstdint>
#include <vector>

#include "capos/media/filter.hpp"
#include "capos/media/source.hpp"

namespace capos::media {

class OfflineGraph {
 public:
  // filters: from the source to the driver. The WAV's bytes outlive the graph.
  OfflineGraph(const Wav& wav, bool loop, std::vector<Filter> filters)
      : source_(wav, loop), filters_(std::move(filters)) {}

  // Cycle 0, then 1, and so on: filters remember.
  [[nodiscard]] Samples next() {
    Samples samples;
    source_.fill(cycle_++, samples);
    for (Filter& filter : filters_) filter.process(samples);
    return samples;
  }

 private:
  WavSource source_;
  std::vector<Filter> filters_;
  std::uint64_t cycle_ = 0;
};

}  // namespace capos::media
