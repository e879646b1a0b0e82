// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "capos/admission/units.hpp"
#include "manifest_text.hpp"

namespace capos::admission {
namespace {

using test::Compiled;

ResultOf<std::uint64_t, UnitError> time_of(const std::string& text) {
  auto message = Compiled::value(text, "U.Time");
  return time_ns(message.root<schema::Time>());
}
ResultOf<Period, UnitError> period(const std::string& text) {
  auto message = Compiled::value(text, "U.Period");
  return period_of(message.root<schema::Period>());
}
ResultOf<std::uint64_t, UnitError> size(const std::string& text) {
  auto message = Compiled::value(text, "U.Size");
  return size_bytes(message.root<schema::Size>());
}

TEST(Units, TimesScale) {
  EXPECT_EQ(time_of("(ns = 7)").value(), 7u);
  EXPECT_EQ(time_of("(us = 7)").value(), 7'000u);
  EXPECT_EQ(time_of("(ms = 7)").value(), 7'000'000u);
  EXPECT_EQ(time_of("(s = 7)").value(), 7'000'000'000u);
}

TEST(Units, TimesAreRefusedAtTheEdge) {
  EXPECT_EQ(time_of("(ns = 9223372036854775807)").value(), 9223372036854775807u);
  EXPECT_EQ(time_of("(ns = 9223372036854775808)").error(), UnitError::overflow);
  EXPECT_EQ(time_of("(us = 9223372036854775)").value(), 9223372036854775000u);
  EXPECT_EQ(time_of("(us = 9223372036854776)").error(), UnitError::overflow);
  EXPECT_EQ(time_of("(s = 18446744073709551615)").error(), UnitError::overflow);
  EXPECT_EQ(time_of("()").error(), UnitError::unset);
}

TEST(Units, AnUnsetTimeHasItsOtherwise) {
  auto unset = Compiled::value("()", "U.Time");
  EXPECT_EQ(time_ns_or(unset.root<schema::Time>(), 12).value(), 12u);
  auto given = Compiled::value("(ns = 0)", "U.Time");
  EXPECT_EQ(time_ns_or(given.root<schema::Time>(), 12).value(), 0u);
}

TEST(Units, PeriodsAreExactInLowestTerms) {
  EXPECT_EQ(period("(ms = 1)").value(), (Period{1, 1000}));
  EXPECT_EQ(period("(us = 1500)").value(), (Period{3, 2000}));
  EXPECT_EQ(period("(ns = 333333)").value(), (Period{333333, 1'000'000'000}));
  EXPECT_EQ(period("(hz = 44100)").value(), (Period{1, 44100}));
  EXPECT_EQ(period("(frames = (count = 64, rate = 48000))").value(), (Period{1, 750}));
  EXPECT_EQ(period("(frames = (count = 128, rate = 44100))").value(), (Period{32, 11025}));
}

TEST(Units, PeriodsOfNothingAreRefused) {
  EXPECT_EQ(period("(ms = 0)").error(), UnitError::zero);
  EXPECT_EQ(period("(hz = 0)").error(), UnitError::zero);
  EXPECT_EQ(period("(frames = (count = 0, rate = 48000))").error(), UnitError::zero);
  EXPECT_EQ(period("(frames = (count = 64))").error(), UnitError::zero);
  EXPECT_EQ(period("()").error(), UnitError::unset);
}

TEST(Units, PeriodsThatDoNotFitAreRefused) {
  EXPECT_EQ(period("(ns = 5000000001)").error(), UnitError::overflow);
  EXPECT_EQ(period("(ms = 18446744073709551615)").error(), UnitError::overflow);
}

TEST(Units, SizesScale) {
  EXPECT_EQ(size("(kib = 3)").value(), 3u * 1024);
  EXPECT_EQ(size("(mib = 3)").value(), 3u * 1024 * 1024);
  EXPECT_EQ(size("(gib = 3)").value(), std::uint64_t{3} << 30);
  EXPECT_EQ(size("(gib = 8589934592)").error(), UnitError::overflow);
  EXPECT_EQ(size("()").error(), UnitError::unset);
}

}  // namespace
}  // namespace capos::admission
