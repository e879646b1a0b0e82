// SPDX-License-Identifier: Apache-2.0
// A node that turns one block into another: gain, biquad or sink, as its configuration says.
#pragma once

#include <optional>

#include "capos/media/biquad.hpp"

namespace capos::media {

class Filter {
 public:
  // Nothing if the node is no filter, or a figure is out of the schema's range.
  [[nodiscard]] static std::optional<Filter> make(schema::NodeConfig::Reader node) noexcept;

  // In place. Bound: kSamples steps. The same samples and configuration give the same bits in every build.
  void process(Samples& samples) noexcept;

 private:
  enum class Kind : std::uint8_t { gain, biquad, sink };
  Filter(Kind kind, float figure, const BiquadCoefficients& coefficients) noexcept
      : kind_(kind), figure_(figure), biquad_(coefficients) {}

  Kind kind_;
  float figure_;  // the gain's factor, the sink's ceiling
  Biquad biquad_;
};

}  // namespace capos::media
