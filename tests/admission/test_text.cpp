// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "capos/admission/diagnostics.hpp"
#include "capos/admission/text.hpp"

namespace capos::admission {
namespace {

template <typename Write>
std::string written(Write&& write) {
  char storage[128];
  TextWriter out(storage);
  write(out);
  return std::string(out.view());
}

std::string us(std::uint64_t ns) {
  return written([ns](TextWriter& out) { write_us_unit(out, ns); });
}
std::string natural(std::uint64_t ns) {
  return written([ns](TextWriter& out) { write_time(out, ns); });
}

TEST(Text, MicrosecondsAreGroupedAndKeepTheirThousandths) {
  EXPECT_EQ(us(0), "0 us");
  EXPECT_EQ(us(999'000), "999 us");
  EXPECT_EQ(us(1'240'000), "1 240 us");
  EXPECT_EQ(us(1'234'567'000), "1 234 567 us");
  EXPECT_EQ(us(1'500), "1.5 us");
  EXPECT_EQ(us(1'050), "1.05 us");
  EXPECT_EQ(us(1'001), "1.001 us");
  EXPECT_EQ(us(7), "0.007 us");
}

TEST(Text, TimesTakeTheLargestWholeUnit) {
  EXPECT_EQ(natural(2'000'000), "2 ms");
  EXPECT_EQ(natural(96'000), "96 us");
  EXPECT_EQ(natural(1'000'000'000), "1 s");
  EXPECT_EQ(natural(1'500'000), "1 500 us");
  EXPECT_EQ(natural(750), "750 ns");
  EXPECT_EQ(natural(1'001), "1 001 ns");
  EXPECT_EQ(natural(0), "0 ns");
}

TEST(Text, NumbersOfEverySize) {
  EXPECT_EQ(written([](TextWriter& out) { out << ~std::uint64_t{0}; }), "18446744073709551615");
  EXPECT_EQ(written([](TextWriter& out) { out.hex(0xd3a8f06c51e97b24); }), "0xd3a8f06c51e97b24");
}

TEST(Text, WhatDoesNotFitIsCutAndSaid) {
  char storage[4];
  TextWriter out(storage);
  out << "abcd";
  EXPECT_FALSE(out.truncated());
  out << 'e';
  EXPECT_TRUE(out.truncated());
  EXPECT_EQ(out.view(), "abcd");
}

TEST(Diagnostics, FindingsBeyondTheLimitAreCounted) {
  Diagnostics found;
  for (int i = 0; i < 40; ++i) found.add("a", "rule", "message", "hint");
  EXPECT_EQ(found.all().size(), Diagnostics::kMaxDiagnostics);
  EXPECT_EQ(found.dropped(), 40 - Diagnostics::kMaxDiagnostics);
}

TEST(Diagnostics, TextsAreCopiedAndCut) {
  Diagnostics found;
  {
    const std::string gone(500, 'x');
    found.add(gone, "rule", gone, "");
  }
  EXPECT_EQ(found.all()[0].message.view(), std::string(240, 'x'));
  EXPECT_EQ(found.all()[0].path.view(), std::string(120, 'x'));
}

}  // namespace
}  // namespace capos::admission
