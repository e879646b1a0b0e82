// SPDX-License-Identifier: Apache-2.0
// Reads the constants of a Cap'n Proto text. Never fails: what it cannot read becomes a value of kind
// `other`.
#pragma once

#include <span>
#include <vector>

#include "source_map.hpp"

namespace capos::cli {

// The views in the result point into what the tokens point into.
[[nodiscard]] std::vector<ConstantDeclaration> parse_constants(std::span<const Token> tokens);

}  // namespace capos::cli
