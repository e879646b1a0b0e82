// SPDX-License-Identifier: Apache-2.0
// The offline render: the same blocks as nodes that pass them over rings, bit for bit; and the demo's tune.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <vector>

#include "capos/media/link.hpp"
#include "capos/media/render.hpp"
#include "node_message.hpp"

namespace capos::media {
namespace {

struct alignas(64) Ring {
  std::byte bytes[8192];
};

std::vector<Filter> filters() {
  NodeMessage gain([](auto node) { node.init_gain().set_factor(1.5); });
  NodeMessage biquad([](auto node) { node.init_biquad().set_frequency(1200); });
  NodeMessage sink([](auto node) { node.init_sink(); });
  return {*Filter::make(gain.config()), *Filter::make(biquad.config()), *Filter::make(sink.config())};
}

std::vector<std::byte> tune() {
  std::ifstream file(CAPOS_TUNE, std::ios::binary);
  const std::vector<char> text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::byte> bytes;
  for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
  return bytes;
}

TEST(Render, EqualsNodesJoinedByRings) {
  const auto bytes = tune();
  const auto wav = parse_wav(bytes);
  ASSERT_TRUE(wav.has_value());
  OfflineGraph offline(*wav, true, filters());
  auto nodes = filters();
  const WavSource source(*wav, true);
  std::vector<Ring> memory(nodes.size() + 1);
  std::vector<BlockOutput> outputs;
  std::vector<BlockInput> inputs;
  for (Ring& ring : memory) {
    outputs.push_back(*BlockOutput::create(ring.bytes));
    inputs.emplace_back(ring.bytes);
  }
  bool loud = false;
  for (std::uint64_t cycle = 0; cycle < 2000; ++cycle) {
    AudioBlock block{.cycle = cycle, .released_ns = 1};
    source.fill(cycle, block.samples);
    ASSERT_FALSE(outputs[0].put(block).has_value());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      auto taken = inputs[i].take(cycle);
      nodes[i].process(taken.block.samples);
      ASSERT_FALSE(outputs[i + 1].put(taken.block).has_value());
    }
    const auto played = inputs.back().take(cycle);
    ASSERT_EQ(played.block.samples, offline.next()) << cycle;
    for (const float sample : played.block.samples) loud |= sample > 0.5f;
  }
  EXPECT_TRUE(loud);
}

TEST(Tune, LoopsWithoutAClickAndIsNotCut) {
  const auto bytes = tune();
  const auto wav = parse_wav(bytes);
  ASSERT_TRUE(wav.has_value());
  EXPECT_EQ(wav->frames, 2u * kRate);
  for (std::uint32_t channel = 0; channel < 2; ++channel) {
    EXPECT_NEAR(wav->sample(wav->frames - 1, channel), wav->sample(0, channel), 0.001);
    float most = 0.0f;
    for (std::uint64_t frame = 0; frame < wav->frames; ++frame) most = std::max(most, wav->sample(frame, channel));
    EXPECT_GT(most, 0.4f);
    EXPECT_LT(most, 0.9f);
  }
}

}  // namespace
}  // namespace capos::media
