// SPDX-License-Identifier: Apache-2.0
#include "finding.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace capos::cli {

std::string format(const Finding& finding) {
  const std::string rule = finding.rule.empty() ? "" : "[" + finding.rule + "] ";
  const std::string hint = finding.hint.empty() ? "" : "  hint: " + finding.hint + "\n";
  return fmt::format("{}: error: {}{}\n{}", finding.place, rule, finding.message, hint);
}

std::string format(const std::vector<Finding>& findings) {
  std::string text;
  for (const auto& finding : findings) text += format(finding);
  return text;
}

nlohmann::ordered_json to_json(const std::vector<Finding>& findings) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& finding : findings) {
    list.push_back({{"place", finding.place},
                    {"rule", finding.rule.empty() ? "syntax" : finding.rule},
                    {"message", finding.message},
                    {"hint", finding.hint}});
  }
  return list;
}

}  // namespace capos::cli
