// SPDX-License-Identifier: Apache-2.0
// Where things are: the source tree, the build this tool belongs to, and what a run leaves behind.
#pragma once

#include <filesystem>
#include <string>

#include "problem.hpp"

namespace capos::cli {

struct Paths {
  std::filesystem::path root;      // source tree
  std::filesystem::path build;     // the build directory that holds this tool
  std::filesystem::path out_root;  // what runs leave behind: CAPOS_OUT, or out/ in the source tree

  [[nodiscard]] std::filesystem::path schema() const { return root / "schema"; }
  [[nodiscard]] std::filesystem::path configs() const { return root / "configs"; }
  [[nodiscard]] std::filesystem::path kernel() const { return build / "kernel" / "capos-kernel"; }
  [[nodiscard]] std::filesystem::path programs() const { return build / "programs"; }
  [[nodiscard]] std::filesystem::path out(const std::string& name) const { return out_root / name; }
};

// From CAPOS_ROOT (set by the launcher) or the tree this tool was built from, and the tool's own place.
[[nodiscard]] Outcome<Paths> find_paths();

}  // namespace capos::cli
