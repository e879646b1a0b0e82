// SPDX-License-Identifier: Apache-2.0
// Collects what was judged: statements that held, and reasons why not.
#pragma once

#include <string>
#include <utility>

#include "capos/report/result.hpp"

namespace capos::report {

class Judge {
 public:
  explicit Judge(Result& result) : result_(result) {}
  void require(bool holds, std::string statement, std::string reason) {
    (holds ? result_.statements : result_.reasons)
        .push_back(holds ? std::move(statement) : std::move(reason));
  }
  void refuse(std::string reason) { result_.reasons.push_back(std::move(reason)); }

 private:
  Result& result_;
};

// Whether the service is a node of the graph.
[[nodiscard]] inline bool has_node(const MediaResult& media, const std::string& service) {
  for (const std::string& node : media.path) {
    if (node == service) return true;
  }
  return false;
}

// The media graph's part of the verdict (verdict_media.cpp). result.media is there.
void judge_media(Judge& judge, const Result& result);

}  // namespace capos::report
