// SPDX-License-Identifier: Apache-2.0
// Manifests for tests: files of the tree, and texts of the test's own.
#pragma once

#include <string>

#include "manifest/compile.hpp"
#include "support/paths.hpp"
#include "support/temporary.hpp"

namespace capos::cli {

[[nodiscard]] Paths test_paths();

// A text as a file in a scratch directory.
class ScratchFile {
 public:
  ScratchFile(const std::string& name, const std::string& text);
  void add_beside(const std::string& name, const std::string& text) const;
  [[nodiscard]] std::string path() const { return (directory_.path() / name_).string(); }

 private:
  TemporaryDirectory directory_;
  std::string name_;
};

// What is wrong with a file, as `./capos admit` prints it; "" if nothing is.
[[nodiscard]] std::string complaints(const std::string& file);

}  // namespace capos::cli
