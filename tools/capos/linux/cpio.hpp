// SPDX-License-Identifier: Apache-2.0
// A cpio archive in the "newc" form that Linux unpacks as its first file system (Documentation/driver-api/early-userspace/
// buffer-format.rst in its sources). Equal entries give equal bytes: no times, root as owner, in the order of their names.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace capos::cli {

class CpioArchive {
 public:
  // `name`: "usr/bin/x", without a slash in front. Its directories come by themselves. Executable, mode 0755.
  void add(const std::string& name, std::vector<std::byte> content);
  [[nodiscard]] std::vector<std::byte> finish() const;

 private:
  struct Entry {
    bool directory = false;
    std::vector<std::byte> content;
  };
  std::map<std::string, Entry> entries_;
};

}  // namespace capos::cli
