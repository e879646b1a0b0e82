// SPDX-License-Identifier: Apache-2.0
// The shared cell with one thread, and with a writer stopped in the middle.
#include "capos/shared_buffer/cell.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace capos::test {
namespace {

struct Pair {
  std::uint64_t a;
  double b;
};

TEST(SharedCell, ReadsZeroBeforeTheFirstWriteAndThenTheNewest) {
  SharedCell<Pair> cell;
  EXPECT_EQ(cell.read()->a, 0u);
  for (std::uint64_t i = 1; i < 10; ++i) {
    cell.write({i, static_cast<double>(i)});
    EXPECT_EQ(cell.read()->a, i);
    EXPECT_EQ(cell.read()->b, static_cast<double>(i));
    EXPECT_EQ(cell.publications(), i);
  }
}

// Overwrites the word at `index` as another process would: word 0 is the sequence, then come two copies.
void poke(SharedCell<Pair>& cell, std::size_t index, std::uint64_t value) {
  std::memcpy(reinterpret_cast<std::byte*>(&cell) + index * sizeof value, &value, sizeof value);
}

TEST(SharedCell, AWriterStoppedHalfWayDoesNotHoldTheReaderUp) {
  SharedCell<Pair> cell;
  cell.write({7, 7.0});
  poke(cell, 0, 3);       // the writer has begun on copy 0 ...
  poke(cell, 1, 0xdead);  // ... and was preempted here
  const auto value = cell.read();
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->a, 7u);
  EXPECT_EQ(value->b, 7.0);
}

}  // namespace
}  // namespace capos::test
