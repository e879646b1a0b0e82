// SPDX-License-Identifier: Apache-2.0
// The filters against the formulas that they come from, in long double and in direct form.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

#include "capos/media/filter.hpp"
#include "capos/media/sine.hpp"
#include "node_message.hpp"

namespace capos::media {
namespace {

Samples noise(std::mt19937& random) {
  std::uniform_real_distribution<float> level(-1.0f, 1.0f);
  Samples samples;
  for (float& sample : samples) sample = level(random);
  return samples;
}

TEST(SineCosine, AgreesWithTheHosts) {
  for (int i = 0; i <= 100'000; ++i) {
    const double angle = std::numbers::pi * i / 100'000;
    const SineCosine found = sine_cosine(angle);
    ASSERT_NEAR(found.sine, static_cast<double>(sinl(static_cast<long double>(angle))), 5e-16) << angle;
    ASSERT_NEAR(found.cosine, static_cast<double>(cosl(static_cast<long double>(angle))), 5e-16) << angle;
  }
  EXPECT_EQ(sine_cosine(-1.0).cosine, 1.0);
  EXPECT_EQ(sine_cosine(7.0).cosine, -1.0);
  EXPECT_EQ(sine_cosine(std::nan("")).sine, 0.0);
}

// Direct form I in long double, with the host's own functions: another way to the same filter.
class Reference {
 public:
  Reference(schema::BiquadKind kind, long double frequency, long double q) {
    const long double w = 2 * std::numbers::pi_v<long double> * frequency / kRate;
    const long double alpha = sinl(w) / (2 * q);
    const bool low = kind == schema::BiquadKind::low_pass;
    b1_ = low ? 1 - cosl(w) : -(1 + cosl(w));
    b0_ = fabsl(b1_) / 2;
    a0_ = 1 + alpha;
    a1_ = -2 * cosl(w);
    a2_ = 1 - alpha;
  }
  long double next(long double x) {
    const long double y = (b0_ * x + b1_ * x1_ + b0_ * x2_ - a1_ * y1_ - a2_ * y2_) / a0_;
    x2_ = x1_, x1_ = x, y2_ = y1_, y1_ = y;
    return y;
  }

 private:
  long double b0_, b1_, a0_, a1_, a2_, x1_ = 0, x2_ = 0, y1_ = 0, y2_ = 0;
};

struct Setting {
  schema::BiquadKind kind;
  double frequency, q;
};
class BiquadSettings : public testing::TestWithParam<Setting> {};

TEST_P(BiquadSettings, FollowsTheReference) {
  const Setting& setting = GetParam();
  Biquad filter(design_biquad(setting.kind, setting.frequency, setting.q));
  Reference references[2] = {{setting.kind, setting.frequency, setting.q}, {setting.kind, setting.frequency, setting.q}};
  std::mt19937 random(3);
  for (int block = 0; block < 200; ++block) {
    Samples samples = noise(random);
    const Samples in = samples;
    filter.process(samples);
    for (std::uint32_t i = 0; i < kSamples; ++i) {
      const auto expected = static_cast<double>(references[i % 2].next(in[i]));
      ASSERT_NEAR(samples[i], expected, 2e-6 * (1 + std::abs(expected))) << block << " " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, BiquadSettings,
                         testing::Values(Setting{schema::BiquadKind::low_pass, 1000, 0.7071}, Setting{schema::BiquadKind::low_pass, 10, 0.1},
                                         Setting{schema::BiquadKind::low_pass, 20000, 20},
                                         Setting{schema::BiquadKind::high_pass, 300, 0.7071},
                                         Setting{schema::BiquadKind::high_pass, 20000, 0.1},
                                         Setting{schema::BiquadKind::high_pass, 10, 20}));

TEST(Biquad, ComesToRestAndForgetsWhatIsNoNumber) {
  Biquad filter(design_biquad(schema::BiquadKind::low_pass, 200, 0.7));
  Samples samples{};
  samples[0] = 1.0f;
  filter.process(samples);
  for (int block = 0; block < 400; ++block) {
    samples = {};
    filter.process(samples);
    for (const float sample : samples) ASSERT_NE(std::fpclassify(sample), FP_SUBNORMAL) << block;
  }
  EXPECT_EQ(samples, Samples{});
  samples[4] = std::numeric_limits<float>::quiet_NaN();
  samples[9] = std::numeric_limits<float>::infinity();
  filter.process(samples);
  samples = {};
  filter.process(samples);
  EXPECT_EQ(samples, Samples{});
}

std::optional<Filter> gain(double factor) {
  NodeMessage message([&](auto node) { node.init_gain().set_factor(factor); });
  return Filter::make(message.config());
}
std::optional<Filter> sink(double ceiling) {
  NodeMessage message([&](auto node) { node.init_sink().set_ceiling(ceiling); });
  return Filter::make(message.config());
}
std::optional<Filter> biquad(double frequency, double q, schema::BiquadKind kind = schema::BiquadKind::low_pass) {
  NodeMessage message([&](auto node) {
    const auto filter = node.init_biquad();
    filter.set_kind(kind);
    filter.set_frequency(frequency);
    filter.set_q(q);
  });
  return Filter::make(message.config());
}

TEST(Filter, TakesItsFiguresFromTheConfiguration) {
  Samples samples{};
  samples[5] = 0.5f;
  gain(3.0)->process(samples);
  EXPECT_EQ(samples[5], 1.5f);
  sink(0.75)->process(samples);
  EXPECT_EQ(samples[5], 0.75f);
  samples[0] = -9.0f;
  samples[1] = std::numeric_limits<float>::quiet_NaN();
  samples[2] = std::numeric_limits<float>::infinity();
  sink(1.0)->process(samples);
  EXPECT_EQ(samples[0], -1.0f);
  EXPECT_EQ(samples[1], 0.0f);
  EXPECT_EQ(samples[2], 1.0f);
  Samples one{}, other{};
  one[0] = other[0] = 1.0f;
  biquad(440, 2)->process(one);
  Biquad(design_biquad(schema::BiquadKind::low_pass, 440, 2)).process(other);
  EXPECT_EQ(one, other);
}

TEST(Filter, RefusesFiguresOutOfRange) {
  const double nan = std::nan("");
  for (const double factor : {-0.1, 16.1, nan}) EXPECT_FALSE(gain(factor)) << factor;
  for (const double ceiling : {0.0, -1.0, 1.1, nan}) EXPECT_FALSE(sink(ceiling)) << ceiling;
  for (const double frequency : {9.0, 20'001.0, nan}) EXPECT_FALSE(biquad(frequency, 1)) << frequency;
  for (const double q : {0.0, 21.0, nan}) EXPECT_FALSE(biquad(1000, q)) << q;
  EXPECT_FALSE(biquad(1000, 1, static_cast<schema::BiquadKind>(7)));
  NodeMessage source([](auto node) { node.init_source(); }), driver([](auto node) { node.set_driver(); });
  EXPECT_FALSE(Filter::make(source.config()));
  EXPECT_FALSE(Filter::make(driver.config()));
}

}  // namespace
}  // namespace capos::media
