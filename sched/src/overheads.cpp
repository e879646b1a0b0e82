// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/certificate.hpp"

namespace capos::sched {

std::uint64_t overheads_version(const Overheads& overheads) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const Duration d :
       {overheads.release, overheads.context_switch, overheads.blocking, overheads.jitter}) {
    auto value = static_cast<std::uint64_t>(d.ns());
    for (int byte = 0; byte < 8; ++byte, value >>= 8) hash = (hash ^ (value & 0xff)) * 0x100000001b3u;
  }
  return hash;
}

}  // namespace capos::sched
