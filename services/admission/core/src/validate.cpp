// SPDX-License-Identifier: Apache-2.0
#include "capos/admission/validate.hpp"

#include "check.hpp"

namespace capos::admission {
namespace {

// A manifest of another version may mean something else by every field: nothing more is said about it.
bool check_version(Check& check) noexcept {
  const std::uint32_t version = check.manifest.schema_version();
  if (version == schema::kCurrentSchemaVersion) return true;
  if (version == 0) {
    check.report("schemaVersion", "schema-version", text("the manifest does not say its schemaVersion"),
                 text("add: schemaVersion = 1"));
  } else {
    check.report("schemaVersion", "schema-version", text("schemaVersion ", version, " is not supported"),
                 text("this version of capOS reads schemaVersion = 1"));
  }
  return false;
}

void check_init(Check& check) noexcept {
  const auto binaries = check.manifest.binaries();
  const std::string_view init = check.manifest.init_config().init();
  if (index_of(binaries, kMaxBinaries, init) != kNotFound) return;
  check.report("init", "missing-init", text("init is to run '", init, "', which is not among the binaries"),
               binaries.empty() ? text("add binaries = [(name = \"", init, "\", path = \"services/init\")]")
                                : suggest("binary", binaries, kMaxBinaries, init));
}

void check_init_config(Check& check) noexcept {
  const Path::Scope scope(check.path, "initConfig");
  check_init(check);
  check_buffers(check);
  check_rings(check);
  check_services(check);
  check_islands(check);
}

}  // namespace

bool validate(schema::SystemManifest::Reader manifest, Diagnostics& diagnostics, std::uint32_t runs) noexcept {
  diagnostics.clear();
  Check check(manifest, diagnostics, runs);
  if (!check_version(check)) return false;
  check_kernel_params(check);
  check_binaries(check);
  check_init_config(check);
  check_call_cycles(check);
  check_passive_servers(check);
  return diagnostics.empty();
}

}  // namespace capos::admission
