// SPDX-License-Identifier: Apache-2.0
// The file system of the Linux that capOS is measured beside: our first process and round trips, and Debian's cyclictest
// and hackbench with the libraries they need, as they lie on this host.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "../support/paths.hpp"
#include "../support/problem.hpp"

namespace capos::cli {

// Writes it to `file`; equal programs give equal bytes. Errors: rt-tests is not installed, bench/linux is not built (its round
// trips need liburing-dev).
[[nodiscard]] Outcome<void> write_initrd(const Paths& paths, const std::filesystem::path& file);

// The libraries that `ldd` names, in its order, the loader included.
[[nodiscard]] std::vector<std::string> libraries_in(const std::string& ldd_text);

}  // namespace capos::cli
