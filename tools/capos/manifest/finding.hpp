// SPDX-License-Identifier: Apache-2.0
// One thing wrong with a file, at its place, in the form every compiler uses.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace capos::cli {

struct Finding {
  std::string place;  // "FILE:LINE:COLUMN"
  std::string rule;   // "" for what the schema compiler itself says
  std::string message;
  std::string hint;  // may be empty
};

// "PLACE: error: [RULE] MESSAGE", and on a second line "  hint: HINT". Ends with a newline.
[[nodiscard]] std::string format(const Finding& finding);
[[nodiscard]] std::string format(const std::vector<Finding>& findings);
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<Finding>& findings);

}  // namespace capos::cli
