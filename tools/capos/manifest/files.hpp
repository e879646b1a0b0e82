// SPDX-License-Identifier: Apache-2.0
// The files that a manifest puts into buffers: there, small enough, and what their reader can play.
#pragma once

#include <vector>

#include "../support/paths.hpp"
#include "compile.hpp"

namespace capos::cli {

// What is wrong with the files of a manifest whose other rules hold, at its place in the manifest: "buffer-file" (not there, or
// larger than the buffer), "wav-file" (a media source would refuse it).
[[nodiscard]] std::vector<Finding> check_files(const Paths& paths, const CompiledFile& file);

}  // namespace capos::cli
