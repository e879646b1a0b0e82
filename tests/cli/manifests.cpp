// SPDX-License-Identifier: Apache-2.0
#include "manifests.hpp"

#include <gtest/gtest.h>

#include "manifest/check.hpp"
#include "manifest/files.hpp"
#include "support/files.hpp"

namespace capos::cli {

Paths test_paths() {
  Paths paths;
  paths.root = CAPOS_SOURCE_DIR;
  paths.build = "/nonexistent";
  return paths;
}

ScratchFile::ScratchFile(const std::string& name, const std::string& text)
    : directory_(std::move(TemporaryDirectory::make().value())), name_(name) {
  EXPECT_TRUE(write_text(path(), text).has_value());
}

void ScratchFile::add_beside(const std::string& name, const std::string& text) const {
  EXPECT_TRUE(write_text(directory_.path() / name, text).has_value());
}

std::string complaints(const std::string& file) {
  const auto compiled = compile_manifest(test_paths(), file);
  if (compiled) {
    const auto findings = check_manifest(*compiled);
    return format(findings.empty() ? check_files(test_paths(), *compiled) : findings);
  }
  if (const auto* const findings = std::get_if<std::vector<Finding>>(&compiled.error()))
    return format(*findings);
  return "PROBLEM: " + std::get<Problem>(compiled.error()).cause + "\n";
}

}  // namespace capos::cli
