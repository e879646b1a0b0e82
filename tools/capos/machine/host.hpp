// SPDX-License-Identifier: Apache-2.0
// The host a run was made on, in one line: distribution, processor, CPUs.
#pragma once

#include <string>

namespace capos::cli {

[[nodiscard]] std::string describe_host();

}  // namespace capos::cli
