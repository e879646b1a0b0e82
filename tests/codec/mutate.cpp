// SPDX-License-Identifier: Apache-2.0
#include "mutate.hpp"

namespace capos::test {

namespace {

// A pointer of any kind with sizes at the edges.
wire::Word random_pointer(Random& random, std::uint32_t message_words) {
  static constexpr std::uint32_t kSizes[] = {0, 1, 2, 3, 8, 0xff, 0x7fff, 0xffff, 0x1fff'ffff};
  const std::uint32_t reach = random.chance(4) ? 0x2000'0000u : 2 * message_words + 2;
  const auto offset = static_cast<std::int64_t>(random.below(reach)) - static_cast<std::int64_t>(reach / 2);
  const auto kind = static_cast<wire::PointerKind>(random.chance(16) ? random.below(4) : random.below(2));
  const std::uint32_t size = kSizes[random.below(9)];
  const std::uint32_t upper = kind == wire::PointerKind::list
                                  ? wire::upper_of(static_cast<wire::ElementSize>(random.below(8)), size)
                                  : (random.below(5) << 16 | (size & 0xffff));
  return wire::encode(kind, offset, upper);
}

void damage(Random& random, Words& words) {
  const auto size = static_cast<std::uint32_t>(words.size());
  wire::Word& word = words[random.below(size)];
  switch (random.below(8)) {
    case 0:
      word ^= wire::Word{1} << random.below(64);
      return;
    case 1:
      word = random_pointer(random, size);
      return;
    case 2:
      word = words[random.below(size)];
      return;
    case 3:
      word = random.next();
      return;
    case 4:
      word += wire::Word{4} << (random.chance(2) ? 32 : 0);
      return;  // offset or size, a little
    case 5:
      word -= wire::Word{8} << (random.chance(2) ? 32 : 0);
      return;
    case 6:
      word = (word & ~(wire::Word{7} << 32)) | (wire::Word{random.below(8)} << 32);
      return;  // element size
    default:
      if (random.chance(3)) words.resize(random.below(size));
  }
}

}  // namespace

void mutate(Random& random, Words& words) {
  for (std::uint32_t i = 1 + random.below(6); i > 0 && !words.empty(); --i) damage(random, words);
}

}  // namespace capos::test
