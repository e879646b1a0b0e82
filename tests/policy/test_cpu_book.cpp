// SPDX-License-Identifier: Apache-2.0
// The policy service's core: who keeps which CPU, and what a desk allows.
#include <gtest/gtest.h>

#include "capos/policy/cpu_book.hpp"
#include "capos/policy/share_limits.hpp"

namespace capos::policy {
namespace {

using schema::LatencyClass;
using schema::PolicyOutcome;

TEST(CpuBook, KeepsACpuForOneDesk) {
  CpuBook book;
  EXPECT_EQ(book.placement(), ~0u);
  EXPECT_EQ(book.keep(3, 1), PolicyOutcome::done);
  EXPECT_EQ(book.keep(3, 1), PolicyOutcome::done);
  EXPECT_EQ(book.keep(3, 2), PolicyOutcome::taken);
  EXPECT_EQ(book.keeper(3), 1);
  EXPECT_EQ(book.placement(), ~8u);
  EXPECT_EQ(book.give_back(3, 2), PolicyOutcome::taken);
  EXPECT_EQ(book.give_back(3, 1), PolicyOutcome::done);
  EXPECT_EQ(book.give_back(3, 2), PolicyOutcome::done) << "nobody keeps it";
  EXPECT_EQ(book.keeper(3), kNoDesk);
  EXPECT_EQ(book.placement(), ~0u);
}

TEST(CpuBook, NeverGivesCpu0Away) {
  CpuBook book;
  EXPECT_EQ(book.keep(0, 0), PolicyOutcome::not_allowed);
  EXPECT_EQ(book.keep(kMaxCpus, 0), PolicyOutcome::not_allowed);
  EXPECT_EQ(book.give_back(kMaxCpus, 0), PolicyOutcome::not_allowed);
  EXPECT_EQ(book.want(~1u), PolicyOutcome::out_of_range);
  EXPECT_EQ(book.wanted(), ~0u);
}

TEST(CpuBook, PlacesWhereItIsWantedAndNotKept) {
  CpuBook book;
  EXPECT_EQ(book.want(0b0111), PolicyOutcome::done);
  EXPECT_EQ(book.keep(2, 0), PolicyOutcome::done);
  EXPECT_EQ(book.placement(), 0b0011u);
  EXPECT_EQ(book.want(0b1101), PolicyOutcome::done);
  EXPECT_EQ(book.placement(), 0b1001u) << "a CPU that is kept stays so";
  EXPECT_EQ(book.give_back(2, 0), PolicyOutcome::done);
  EXPECT_EQ(book.placement(), 0b1101u);
}

TEST(ShareLimits, AllowWhatLiesWithin) {
  constexpr ShareLimits kLimits{10, 20, LatencyClass::normal};
  EXPECT_TRUE(kLimits.allow(10, LatencyClass::normal));
  EXPECT_TRUE(kLimits.allow(20, LatencyClass::batch));
  EXPECT_FALSE(kLimits.allow(9, LatencyClass::normal));
  EXPECT_FALSE(kLimits.allow(21, LatencyClass::normal));
  EXPECT_FALSE(kLimits.allow(15, LatencyClass::interactive));
  EXPECT_FALSE(kLimits.allow(15, static_cast<LatencyClass>(3)));
}

}  // namespace
}  // namespace capos::policy
