// SPDX-License-Identifier: Apache-2.0
#include "temporary.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>

namespace capos::cli {
namespace fs = std::filesystem;

Outcome<TemporaryDirectory> TemporaryDirectory::make() {
  std::error_code error;
  fs::path base = fs::temp_directory_path(error);
  if (error) base = "/tmp";
  std::string name = (base / "capos-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    return problem("cannot make a scratch directory in " + base.string() + ": " + std::strerror(errno),
                   "set TMPDIR to a directory that is writable");
  }
  return TemporaryDirectory(name);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace capos::cli
