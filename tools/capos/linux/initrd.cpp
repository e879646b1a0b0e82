// SPDX-License-Identifier: Apache-2.0
#include "initrd.hpp"

#include <fmt/format.h>

#include <sstream>

#include "../support/files.hpp"
#include "../support/process.hpp"
#include "cpio.hpp"

namespace capos::cli {
namespace fs = std::filesystem;
namespace {

constexpr const char* kPrograms[] = {"/usr/bin/cyclictest", "/usr/bin/hackbench"};

Outcome<void> add_file(CpioArchive& archive, const std::string& place, const fs::path& file) {
  auto content = read_bytes(file);
  if (!content) return std::unexpected(content.error());
  archive.add(place.substr(place.starts_with('/') ? 1 : 0), std::move(*content));
  return {};
}

Outcome<void> add_program(CpioArchive& archive, const std::string& program) {
  std::error_code ignored;
  if (!fs::exists(program, ignored))
    return problem(program + " is not installed", "apt-get install --no-install-recommends rt-tests; ./capos bench linux does that");
  if (auto done = add_file(archive, program, program); !done) return done;
  const auto ldd = capture({"ldd", program});
  if (!ldd) return std::unexpected(ldd.error());
  for (const auto& library : libraries_in(ldd->out)) {
    if (auto done = add_file(archive, library, library); !done) return done;
  }
  return {};
}

}  // namespace

std::vector<std::string> libraries_in(const std::string& ldd_text) {
  std::vector<std::string> libraries;
  std::istringstream words(ldd_text);
  for (std::string word; words >> word;) {
    if (word.starts_with('/') && word.find(".so") != std::string::npos) libraries.push_back(word);
  }
  return libraries;
}

Outcome<void> write_initrd(const Paths& paths, const fs::path& file) {
  const fs::path init = paths.build / "bench" / "linux" / "linux_init";
  std::error_code ignored;
  if (!fs::exists(init, ignored)) return problem("there is no " + init.string(), "build it: ninja -C " + paths.build.string() + " linux_init");
  const fs::path round_trips = init.parent_path() / "linux_round_trips";
  if (!fs::exists(round_trips, ignored)) {
    return problem("there is no " + round_trips.string(), "apt-get install --no-install-recommends liburing-dev, then ./capos bench linux builds it");
  }
  CpioArchive archive;
  if (auto done = add_file(archive, "init", init); !done) return done;
  if (auto done = add_file(archive, "usr/bin/round_trips", round_trips); !done) return done;
  if (auto done = add_file(archive, "usr/bin/interrupts", init.parent_path() / "linux_interrupts"); !done) return done;
  for (const char* const program : kPrograms) {
    if (auto done = add_program(archive, program); !done) return done;
  }
  return write_bytes(file, archive.finish());
}

}  // namespace capos::cli
