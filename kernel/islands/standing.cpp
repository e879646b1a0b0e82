// SPDX-License-Identifier: Apache-2.0
#include "islands/standing.hpp"

#include "islands/island.hpp"
#include "islands/lease.hpp"

namespace capos::kernel {
namespace {

constinit List<Island, StandingTag> g_standing;
constinit std::size_t g_count = 0;
constinit std::uint64_t g_last_serial = 0;
constinit std::uint64_t g_generation = 0;

}  // namespace

Island* first_standing() noexcept { return g_standing.front(); }
Island* next_standing(const Island& island) noexcept { return g_standing.next(const_cast<Island&>(island)); }
std::size_t standing_count() noexcept { return g_count; }
std::uint64_t standing_generation() noexcept { return g_generation; }

std::uint64_t stand(Island& island) noexcept {
  g_standing.push_back(island);
  ++g_count;
  ++g_generation;
  return ++g_last_serial;
}

void leave_standing(Island& island) noexcept {
  List<Island, StandingTag>::erase(island);
  --g_count;
  ++g_generation;
  release_unused_cpus(island.cpus());
}

}  // namespace capos::kernel
