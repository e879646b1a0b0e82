// SPDX-License-Identifier: Apache-2.0
#include "capos/media/filter.hpp"

namespace capos::media {
namespace {

bool within(double value, double least, double most) noexcept { return value >= least && value <= most; }  // false for NaN

void amplify(Samples& samples, float factor) noexcept {
  for (float& sample : samples) sample *= factor;
}

// A converter takes numbers from -ceiling to ceiling.
void limit(Samples& samples, float ceiling) noexcept {
  for (float& sample : samples) {
    const float low = sample < -ceiling ? -ceiling : sample;
    const float both = low > ceiling ? ceiling : low;
    sample = both == both ? both : 0.0f;
  }
}

}  // namespace

std::optional<Filter> Filter::make(schema::NodeConfig::Reader node) noexcept {
  using Which = schema::NodeConfig::Which;
  if (node.which() == Which::gain) {
    const double factor = node.gain().factor();
    if (!within(factor, 0.0, schema::kGreatestGain)) return std::nullopt;
    return Filter(Kind::gain, static_cast<float>(factor), {});
  }
  if (node.which() == Which::biquad) {
    const auto config = node.biquad();
    if (config.kind() > schema::BiquadKind::high_pass || !within(config.q(), schema::kLeastQ, schema::kGreatestQ) ||
        !within(config.frequency(), schema::kLowestCorner, schema::kHighestCorner))
      return std::nullopt;
    return Filter(Kind::biquad, 0.0f, design_biquad(config.kind(), config.frequency(), config.q()));
  }
  if (node.which() == Which::sink) {
    const double ceiling = node.sink().ceiling();
    if (!(ceiling > 0.0 && ceiling <= 1.0)) return std::nullopt;
    return Filter(Kind::sink, static_cast<float>(ceiling), {});
  }
  return std::nullopt;
}

void Filter::process(Samples& samples) noexcept {
  switch (kind_) {
    case Kind::gain: return amplify(samples, figure_);
    case Kind::biquad: return biquad_.process(samples);
    case Kind::sink: return limit(samples, figure_);
  }
}

}  // namespace capos::media
