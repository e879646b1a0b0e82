// SPDX-License-Identifier: Apache-2.0
// What the report needs to know of a run's media graph.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "capos/report/inputs.hpp"
#include "capos/schema/manifest.hpp"

namespace capos::cli {

// The graph of the manifest's driver, back to its source; the file that it plays is the boot pack's. Nothing if there is no
// driver, or no way from a source to it, or the pack cannot be read. Valid manifest; `islands` are its own.
[[nodiscard]] std::optional<report::MediaInput> media_input(schema::SystemManifest::Reader manifest,
                                                            const std::vector<report::IslandInput>& islands,
                                                            const std::filesystem::path& pack);

}  // namespace capos::cli
