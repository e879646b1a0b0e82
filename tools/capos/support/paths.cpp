// SPDX-License-Identifier: Apache-2.0
#include "paths.hpp"

#include <cstdlib>
#include <system_error>

namespace capos::cli {
namespace fs = std::filesystem;

Outcome<Paths> find_paths() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error) return problem("cannot find this tool's own place: " + error.message(), "mount /proc");
  const char* const given = std::getenv("CAPOS_ROOT");
  Paths paths;
  paths.root = given != nullptr ? fs::path(given) : fs::path(CAPOS_SOURCE_DIR);
  const char* const out = std::getenv("CAPOS_OUT");
  paths.out_root = out != nullptr ? fs::path(out) : paths.root / "out";
  paths.build = self.parent_path().parent_path().parent_path();  // <build>/tools/capos/capos
  if (!fs::exists(paths.schema() / "capos" / "manifest.capnp", error)) {
    return problem("there is no capOS source tree at " + paths.root.string(),
                   "run ./capos from a clone of capOS");
  }
  return paths;
}

}  // namespace capos::cli
