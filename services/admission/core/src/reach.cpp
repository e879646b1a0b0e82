// SPDX-License-Identifier: Apache-2.0
// Who reaches whom through calls. Passive services pass a caller's time on; others end the way.
#include <bit>

#include "check.hpp"

namespace capos::admission {
namespace {

std::uint32_t count_of(schema::SystemManifest::Reader manifest) noexcept {
  const std::uint32_t size = manifest.init_config().services().size();
  return size < kMaxServices ? size : std::uint32_t{kMaxServices};
}

constexpr ServiceSet one(std::uint32_t service) noexcept { return ServiceSet{1} << service; }

// Everything that `step` leads to from `start` on; only passive services lead further.
template <typename Step>
ServiceSet closure(schema::SystemManifest::Reader manifest, std::uint32_t start, Step&& step) noexcept {
  const auto services = manifest.init_config().services();
  ServiceSet seen = one(start);
  ServiceSet pending = seen;
  while (pending != 0) {
    const auto at = static_cast<std::uint32_t>(std::countr_zero(pending));
    pending &= pending - 1;
    if (!services[at].passive()) continue;
    for (std::uint32_t i = 0; i < count_of(manifest); ++i) {
      if ((seen & one(i)) != 0 || !step(at, i)) continue;
      seen |= one(i);
      pending |= one(i);
    }
  }
  return seen;
}

}  // namespace

ServiceSet reached_servers(schema::SystemManifest::Reader manifest, std::uint32_t server) noexcept {
  const auto services = manifest.init_config().services();
  return closure(manifest, server, [&](std::uint32_t at, std::uint32_t next) {
    return services[next].passive() && may_call(manifest, services[at], next);
  });
}

ServiceSet callers_of(schema::SystemManifest::Reader manifest, std::uint32_t server) noexcept {
  const auto services = manifest.init_config().services();
  const ServiceSet all = closure(manifest, server, [&](std::uint32_t at, std::uint32_t next) {
    return may_call(manifest, services[next], at);
  });
  ServiceSet callers = 0;
  for (std::uint32_t i = 0; i < count_of(manifest); ++i) {
    if ((all & one(i)) != 0 && !services[i].passive()) callers |= one(i);
  }
  return callers;
}

}  // namespace capos::admission
