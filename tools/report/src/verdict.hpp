// SPDX-License-Identifier: Apache-2.0
// The verdict: what was promised, and whether it was kept.
#pragma once

#include "capos/report/result.hpp"

namespace capos::report {

// Fills result.passed, .reasons and .statements from the rest. Without an injected fault every promise must
// hold; with one, what was declared for it must hold, and every promise to the others.
void judge(Result& result);

}  // namespace capos::report
