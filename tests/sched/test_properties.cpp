// SPDX-License-Identifier: Apache-2.0
#include "random_machine.hpp"

namespace capos::sched {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(CAPOS_FEWER_STEPS)
constexpr int kMachines = 200;
#else
constexpr int kMachines = 2000;
#endif
constexpr int kSteps = 5000;  // 10^7 in all

class Properties : public ::testing::TestWithParam<int> {};

TEST_P(Properties, HoldAtEveryStep) {
  constexpr int kBatches = 10;
  for (int i = 0; i < kMachines / kBatches; ++i) {
    const auto seed = static_cast<std::uint64_t>(GetParam() * kMachines / kBatches + i);
    test::RandomMachine machine(seed);
    for (int step = 0; step < kSteps; ++step) {
      machine.step();
      if (HasFatalFailure()) FAIL() << "seed " << seed << " step " << step;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(TenMillionSteps, Properties, ::testing::Range(0, 10));

}  // namespace
}  // namespace capos::sched
