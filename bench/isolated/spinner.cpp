// SPDX-License-Identifier: Apache-2.0
// spinner: one job that never ends, so that whatever interrupts its CPU comes from elsewhere.
#include "capos/runtime/runtime.hpp"

int program_main(capos::runtime::Runtime& runtime) {
  using namespace capos;
  const auto released = runtime.need<schema::SchedulingContext>("self.context")->wait_next_release();
  if (!released.has_value()) return 1;
  for (;;) asm volatile("pause");
}
