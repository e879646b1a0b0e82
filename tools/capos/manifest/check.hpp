// SPDX-License-Identifier: Apache-2.0
// A manifest file as commands take it: compiled, and checked against every rule that is not about timing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "capos/sched/certificate.hpp"
#include "capos/schema/bootpack.hpp"
#include "capos/schema/manifest.hpp"
#include "compile.hpp"

namespace capos::cli {

// The file's one SystemManifest, whatever its rules say.
[[nodiscard]] std::expected<CompiledFile, CompileFailure> compile_manifest(const Paths& paths,
                                                                           const std::string& file);
// What admission's rules find wrong with it, at its place in the file.
// `runs`: the KernelFeatures that it may ask for.
[[nodiscard]] std::vector<Finding> check_manifest(const CompiledFile& file, std::uint32_t runs = sched::kKernelRuns);

// configs/machines/NAME.capnp: a MachineParams. "deterministic" or "kvm".
[[nodiscard]] std::expected<CompiledFile, CompileFailure> compile_machine(const Paths& paths,
                                                                          const std::string& name);

// A failure on stderr (findings) or as the problem to report; exit status 1.
[[nodiscard]] Problem show(const CompileFailure& failure);

}  // namespace capos::cli
