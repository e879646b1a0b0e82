// SPDX-License-Identifier: Apache-2.0
#include "harness.hpp"
namespace conformance {
std::span<const Case> certificate_cases() noexcept { return {}; }
}
