// SPDX-License-Identifier: Apache-2.0
// Manifests that no compiler wrote: whatever the words, admission neither crashes nor hangs, and what it
// admits the checker has accepted. Runs under the sanitizers too.
#include <gtest/gtest.h>

#include <random>

#include "capos/admission/validate.hpp"
#include "fixtures.hpp"

namespace capos::admission {
namespace {

struct Outcome {
  unsigned invalid = 0, refused = 0, admitted = 0;
};

void judge(std::span<const wire::Word> words, IslandAdmission& admission, Diagnostics& found,
           Outcome& outcome) {
  wire::MessageReader message(words, kManifestLimits);
  const auto manifest = message.root<schema::SystemManifest>();
  if (!validate(manifest, found) || manifest.init_config().islands().empty()) {
    ++outcome.invalid;
  } else if (admission.run(manifest, 0, test::fixed_overheads())) {
    ++outcome.admitted;
  } else {
    ++outcome.refused;
    char storage[512];
    TextWriter out(storage);
    admission.write_refusal(out);
    EXPECT_FALSE(out.view().empty());
  }
}

TEST(Hostile, FlippedBitsOfAManifest) {
  auto compiled = test::Compiled::value(test::small_manifest());
  std::vector<wire::Word> words(compiled.words().begin(), compiled.words().end());
  auto admission = std::make_unique<IslandAdmission>();
  auto found = std::make_unique<Diagnostics>();
  Outcome outcome;
  for (std::size_t bit = 0; bit < words.size() * 64; bit += 3) {
    words[bit / 64] ^= wire::Word{1} << (bit % 64);
    judge(words, *admission, *found, outcome);
    words[bit / 64] ^= wire::Word{1} << (bit % 64);
  }
  EXPECT_GT(outcome.invalid, 0u);
  EXPECT_GT(outcome.refused, 0u);
  EXPECT_GT(outcome.admitted, 0u);
}

TEST(Hostile, WordsCopiedOverOthers) {
  auto compiled = test::Compiled::value(test::small_manifest());
  const std::vector<wire::Word> original(compiled.words().begin(), compiled.words().end());
  auto admission = std::make_unique<IslandAdmission>();
  auto found = std::make_unique<Diagnostics>();
  std::mt19937_64 random(7);
  Outcome outcome;
  for (int round = 0; round < 3'000; ++round) {
    std::vector<wire::Word> words = original;
    for (int change = 0; change < 3; ++change)
      words[random() % words.size()] = words[random() % words.size()];
    judge(words, *admission, *found, outcome);
  }
  EXPECT_GT(outcome.invalid, 1'000u);
}

// An island that validate() never saw: run() says so instead of going astray.
TEST(Hostile, AnInvalidManifestIsRefusedByRunItself) {
  for (const auto& [from, to] : {std::pair{"service = \"plant\"", "service = \"plan\""},
                                 {"[\"simulate\", \"control\"]", "[\"simulate\", \"contol\"]"},
                                 {"(ms = 1), budget = (us = 80)", "(ms = 0), budget = (us = 80)"},
                                 {"(us = 80)", "(us = 2000)"},
                                 {"server = \"actuator.drive\"", "server = \"actuate.drive\""}}) {
    auto compiled = test::Compiled::value(test::small_manifest({{from, to}}));
    auto admission = std::make_unique<IslandAdmission>();
    EXPECT_FALSE(admission->run(compiled.manifest(), 0, test::fixed_overheads())) << to;
    EXPECT_EQ(admission->report().refusal.kind, RefusalKind::internal) << to;
  }
}

}  // namespace
}  // namespace capos::admission
