// SPDX-License-Identifier: Apache-2.0
// Whole files in and out, with errors that name the file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "problem.hpp"

namespace capos::cli {

[[nodiscard]] Outcome<std::string> read_text(const std::filesystem::path& file);
[[nodiscard]] Outcome<std::vector<std::byte>> read_bytes(const std::filesystem::path& file);
[[nodiscard]] Outcome<void> write_text(const std::filesystem::path& file, std::string_view text);
[[nodiscard]] Outcome<void> write_bytes(const std::filesystem::path& file, std::span<const std::byte> bytes);
// Makes `directory`, and its parents; what is in it stays.
[[nodiscard]] Outcome<void> make_directory(const std::filesystem::path& directory);

}  // namespace capos::cli
