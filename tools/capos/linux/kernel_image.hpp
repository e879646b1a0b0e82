// SPDX-License-Identifier: Apache-2.0
// Debian's PREEMPT_RT kernel image: fetched as a package by apt-get, unpacked, never installed. It is also uncompressed, since
// in the deterministic machine Linux would spend two thirds of a boot on that; QEMU starts it by its PVH entry then, as capOS.
#pragma once

#include <filesystem>
#include <string>

#include "../support/problem.hpp"
#include "../support/process.hpp"

namespace capos::cli {

struct KernelImage {
  std::filesystem::path file;  // an ELF file; a bzImage if it is compressed in another way than xz
  std::string package;         // "linux-image-6.1.0-56-rt-amd64 6.1.192-2"
};

// The image in `directory`; where it has none, from a linux-image-*-rt-amd64_*.deb there, or fetched, saying so on
// stderr. What was fetched stays until it is removed. `environment` is apt's (APT_CONFIG). CAPOS_NO_INSTALL=1 in this
// process's environment fetches nothing. Errors: no network, no such package, no room.
using Environment = decltype(SpawnOptions::environment);
[[nodiscard]] Outcome<KernelImage> find_kernel_image(const std::filesystem::path& directory, const Environment& environment = {});

// The package that Debian's meta-package depends on, from `apt-cache show`; "" if its text has none.
[[nodiscard]] std::string image_package(const std::string& apt_text);

}  // namespace capos::cli
