// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <fmt/core.h>

#include <cstdio>
#include <memory>

#include "capos/admission/validate.hpp"

namespace capos::cli {

std::expected<CompiledFile, CompileFailure> compile_manifest(const Paths& paths, const std::string& file) {
  return compile_constant(paths, file, "SystemManifest");
}

std::vector<Finding> check_manifest(const CompiledFile& file, std::uint32_t runs) {
  const auto found = std::make_unique<admission::Diagnostics>();
  admission::validate(file.message.root<schema::SystemManifest>(), *found, runs);
  std::vector<Finding> findings;
  for (const auto& diagnostic : found->all()) {
    findings.push_back({file.place(diagnostic.path.view()), std::string(diagnostic.rule),
                        std::string(diagnostic.message.view()), std::string(diagnostic.hint.view())});
  }
  if (found->dropped() != 0) {
    findings.push_back({file.place(""), "too-many-errors",
                        fmt::format("{} more errors are not shown", found->dropped()),
                        "mend those above first"});
  }
  return findings;
}

std::expected<CompiledFile, CompileFailure> compile_machine(const Paths& paths, const std::string& name) {
  const auto file = paths.configs() / "machines" / (name + ".capnp");
  return compile_constant(paths, file.string(), "MachineParams");
}

Problem show(const CompileFailure& failure) {
  if (const auto* const given = std::get_if<Problem>(&failure)) return *given;
  fmt::print(stderr, "{}", format(std::get<std::vector<Finding>>(failure)));
  return {.cause = "", .remedy = "", .exit_code = kExitFailed, .shown = true};
}

}  // namespace capos::cli
