// SPDX-License-Identifier: Apache-2.0
// Who may call whom, by the grants of a manifest. Passive services pass a caller's time on; others end the
// way.
#pragma once

#include <array>
#include <cstdint>

#include "capos/admission/limits.hpp"
#include "capos/schema/manifest.hpp"

namespace capos::admission {

// Sets of services, bit i for service i.
using ServiceSet = std::uint64_t;
static_assert(kMaxServices <= 64);

class CallGraph {
 public:
  // Resolves every grant once: at most kMaxServices * kMaxGrantsPerService names, each compared with all.
  explicit CallGraph(schema::SystemManifest::Reader manifest) noexcept;

  // Services that are looked at: all, up to kMaxServices.
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  // Is `caller` granted any export of `server`?
  [[nodiscard]] bool may_call(std::uint32_t caller, std::uint32_t server) const noexcept {
    return (calls_[caller] >> server & 1u) != 0;
  }
  // Passive services that a call of `server` may reach, itself included.
  [[nodiscard]] ServiceSet reached_servers(std::uint32_t server) const noexcept;
  // Services with time of their own (a task's or best-effort) whose calls may reach passive service `server`.
  [[nodiscard]] ServiceSet callers_of(std::uint32_t server) const noexcept;

 private:
  std::array<ServiceSet, kMaxServices> calls_{};
  ServiceSet passive_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace capos::admission
