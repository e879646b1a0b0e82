// SPDX-License-Identifier: Apache-2.0
#include "standing_islands.hpp"

namespace capos::admission {

StandingIslands::Found StandingIslands::read(runtime::Capability<schema::IslandReader> reader) noexcept {
  count_ = 0;
  std::size_t used = 0;
  for (std::uint64_t last = 0;;) {
    auto answer = reader->standing([&](auto params) { params.set_after(last); });
    if (!answer.has_value()) return Found::unreadable;
    last = answer->reader().serial();
    if (last == 0) return Found::all;
    if (count_ == kMost) return Found::too_large;
    const std::span<wire::Word> room(words_);
    wire::MessageBuilder copy(room.subspan(used));
    copy.set_root<schema::IslandCertificate>(answer->reader().certificate());
    if (copy.error() != wire::Error::none) return Found::too_large;
    messages_[count_].emplace(copy.words());
    certificates_[count_] = messages_[count_]->root<schema::IslandCertificate>();
    used += copy.words().size();
    ++count_;
  }
}

bool StandingIslands::has(std::string_view name) const noexcept {
  for (const Certificate& certificate : all()) {
    if (certificate.island_name() == name) return true;
  }
  return false;
}

}  // namespace capos::admission
