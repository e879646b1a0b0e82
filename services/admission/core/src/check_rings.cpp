// SPDX-License-Identifier: Apache-2.0
// Rules about rings: each has one service that writes and one that reads.
#include "capos/admission/units.hpp"
#include "check.hpp"

namespace capos::admission {
namespace {

constexpr std::uint64_t kMinRing = 1024;
constexpr std::uint64_t kMaxRing = std::uint64_t{64} << 20;

// Grants of one side of the ring, of all services.
std::uint32_t grants_of(const Check& check, std::string_view ring, schema::Grant::Which side) noexcept {
  const auto services = check.manifest.init_config().services();
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < services.size() && i < kMaxServices; ++i) {
    const auto grants = services[i].grants();
    for (std::uint32_t k = 0; k < grants.size() && k < kMaxGrantsPerService; ++k) {
      if (grants[k].which() != side) continue;
      const bool produces = side == schema::Grant::Which::produces;
      count += (produces ? grants[k].produces() : grants[k].consumes()) == ring ? 1 : 0;
    }
  }
  return count;
}

void check_ends(Check& check, std::string_view ring) noexcept {
  const std::uint32_t writers = grants_of(check, ring, schema::Grant::Which::produces);
  const std::uint32_t readers = grants_of(check, ring, schema::Grant::Which::consumes);
  if (writers == 1 && readers == 1) return;
  check.report("name", "ring-ends",
               text("ring '", ring, "' is written by ", writers, " and read by ", readers, " services"),
               text("one grant with produces = \"", ring, "\", and one with consumes = \"", ring, "\""));
}

}  // namespace

void check_rings(Check& check) noexcept {
  const auto rings = check.manifest.init_config().rings();
  const std::uint32_t count = check.bounded("rings", rings.size(), kMaxRings);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Path::Scope scope(check.path, "rings", i);
    check.name("ring", rings[i].name());
    unique_name(check, "ring", rings, i);
    const auto bytes = size_bytes(rings[i].size());
    if (!bytes || *bytes < kMinRing || *bytes > kMaxRing) {
      check.report("size", "ring-size", text("the size of ring '", rings[i].name(), "' is out of range"),
                   text("1 KiB to 64 MiB, for example size = (kib = 8)"));
    }
    check_ends(check, rings[i].name());
  }
}

}  // namespace capos::admission
