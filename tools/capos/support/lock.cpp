// SPDX-License-Identifier: Apache-2.0
#include "lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace capos::cli {

Outcome<void> take_directory(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / ".lock";
  const int descriptor = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    return problem("cannot write in " + directory.string() + ": " + std::strerror(errno),
                   "check its permissions");
  }
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return {};  // the descriptor stays open: so does the lock
  close(descriptor);
  return problem("another run is using " + directory.string(),
                 "wait for it, or name another place: CAPOS_OUT=DIRECTORY");
}

}  // namespace capos::cli
