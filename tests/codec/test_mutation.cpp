// SPDX-License-Identifier: Apache-2.0
// Damaged messages: what libcapnp reads, we read the same; what it rejects, we reject, in bounds (ASan,
// UBSan).
#include <gtest/gtest.h>

#include <array>

#include "fill.hpp"
#include "mutate.hpp"
#include "oracle.hpp"

namespace capos::test {
namespace {

constexpr int kMessages = 400;
constexpr int kMutations = 25;

std::string show(const Words& words) {
  std::string out;
  char buffer[24];
  for (const wire::Word word : words) {
    std::snprintf(buffer, sizeof buffer, "%016llx ", static_cast<unsigned long long>(word));
    out += buffer;
  }
  return out;
}

TEST(CodecMutation, BothCodecsReadTheSame) {
  std::array<int, 16> outcomes{};
  for (int seed = 1; seed <= kMessages; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const Words original = valid_message(random);
    for (int i = 0; i < kMutations; ++i) {
      Words words = original;
      mutate(random, words);
      const wire::Limits limits = random.chance(4) ? kNarrow : kWide;
      const Verdict read = read_both(words, limits);
      ASSERT_EQ(read.difference, "") << "seed " << seed << "." << i << ": " << show(words);
      const Verdict copied = copy_both(words, limits);
      ASSERT_EQ(copied.difference, "") << "seed " << seed << "." << i << ": " << show(words);
      ++outcomes[static_cast<unsigned>(read.error)];
    }
  }
  // The mutations reach every way of being wrong, and leave enough messages readable.
  for (const wire::Error error : {wire::Error::none, wire::Error::out_of_bounds, wire::Error::wrong_kind,
                                  wire::Error::depth, wire::Error::traversal, wire::Error::far_pointer,
                                  wire::Error::not_terminated, wire::Error::element_size}) {
    EXPECT_GT(outcomes[static_cast<unsigned>(error)], 3) << wire::name_of(error);
  }
}

}  // namespace
}  // namespace capos::test
