// SPDX-License-Identifier: Apache-2.0
// One run at a time in a directory: two would overwrite each other's recording.
#pragma once

#include <filesystem>

#include "problem.hpp"

namespace capos::cli {

// Takes `directory` for this process, until it ends (however it does). Errors: another process has it.
[[nodiscard]] Outcome<void> take_directory(const std::filesystem::path& directory);

// Whether a process has it now, by what the kernel lists (/proc/locks): asking takes nothing.
[[nodiscard]] bool is_taken(const std::filesystem::path& directory);

}  // namespace capos::cli
