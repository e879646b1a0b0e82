// SPDX-License-Identifier: Apache-2.0
// A scratch directory that is gone when its owner is.
#pragma once

#include <filesystem>
#include <utility>

#include "problem.hpp"

namespace capos::cli {

class TemporaryDirectory {
 public:
  [[nodiscard]] static Outcome<TemporaryDirectory> make();
  TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryDirectory& operator=(TemporaryDirectory&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  ~TemporaryDirectory();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace capos::cli
