// SPDX-License-Identifier: Apache-2.0
#include "lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

namespace capos::cli {
namespace {

constexpr const char* kLock = ".lock";

}  // namespace

Outcome<void> take_directory(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / kLock;
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

// proc(5): "1: FLOCK  ADVISORY  WRITE 7 fe:00:123 0 EOF", the device hexadecimal.
bool is_taken(const std::filesystem::path& directory) {
  struct stat status {};
  if (stat((directory / kLock).c_str(), &status) != 0) return false;
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number, kind, advisory, mode, holder, file;
    if (!(words >> number >> kind >> advisory >> mode >> holder >> file) || kind != "FLOCK" || mode != "WRITE") continue;
    unsigned device_major = 0, device_minor = 0;
    unsigned long long inode = 0;
    if (std::sscanf(file.c_str(), "%x:%x:%llu", &device_major, &device_minor, &inode) != 3) continue;
    if (inode == status.st_ino && device_major == major(status.st_dev) && device_minor == minor(status.st_dev)) return true;
  }
  return false;
}

}  // namespace capos::cli
