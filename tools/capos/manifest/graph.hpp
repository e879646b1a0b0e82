// SPDX-License-Identifier: Apache-2.0
// A manifest as a picture: services with their capabilities, rings and buffers between them, islands with their tasks,
// budgets and bounds, chains. As text in Graphviz's DOT; equal manifests give equal text.
#pragma once

#include <span>
#include <string>

#include "admission.hpp"
#include "capos/schema/manifest.hpp"

namespace capos::cli {

// The manifest must be valid; `verdicts` are its islands', in their order.
[[nodiscard]] std::string render_dot(schema::SystemManifest::Reader manifest, std::span<const IslandVerdict> verdicts,
                                     const std::string& title);

}  // namespace capos::cli
