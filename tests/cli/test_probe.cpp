// SPDX-License-Identifier: Apache-2.0
// The probe guest itself: under TCG it must come out as usable, or it would judge KVM wrongly.
#include <gtest/gtest.h>

#include "machine/accelerator.hpp"

namespace capos::cli {
namespace {

TEST(Probe, GuestRunsUnderTcg) {
  const KvmProbe probe = probe_guest(CAPOS_PROBE_GUEST, Accelerator::tcg);
  EXPECT_EQ(probe.state, KvmState::usable) << probe.text();
}

TEST(Probe, OfSomethingThatIsNoGuestIsUnusable) {
  const KvmProbe probe = probe_guest("/no/such/guest", Accelerator::tcg);
  EXPECT_EQ(probe.state, KvmState::unusable);
  EXPECT_FALSE(probe.reason.empty());
}

TEST(Probe, TellsItsResultInOneLine) {
  EXPECT_EQ((KvmProbe{KvmState::absent, ""}).text(), "KVM: absent");
  EXPECT_EQ((KvmProbe{KvmState::unusable, "x"}).text(), "KVM: unusable: x");
  EXPECT_EQ((KvmProbe{KvmState::usable, "9 ms"}).text(), "KVM: usable (9 ms)");
}

}  // namespace
}  // namespace capos::cli
