// SPDX-License-Identifier: Apache-2.0
// What the kernel says is admitted, copied: it stays as it is while an island is analysed beside it.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "capos/admission/limits.hpp"
#include "capos/runtime/runtime.hpp"
#include "capos/schema/certificate.hpp"
#include "capos/schema/kernel.hpp"

namespace capos::admission {

// About 70 KiB: static.
class StandingIslands {
 public:
  using Certificate = schema::IslandCertificate::Reader;

  enum class Found : std::uint8_t { all, unreadable, too_large };
  // Reads all of them anew, one call for each.
  [[nodiscard]] Found read(runtime::Capability<schema::IslandReader> reader) noexcept;
  [[nodiscard]] std::span<const Certificate> all() const noexcept { return {certificates_.data(), count_}; }
  [[nodiscard]] bool has(std::string_view name) const noexcept;

 private:
  static constexpr std::size_t kMost = 2 * kMaxIslands;

  std::array<wire::Word, 8192> words_{};
  std::array<std::optional<wire::MessageReader>, kMost> messages_{};
  std::array<Certificate, kMost> certificates_{};
  std::size_t count_ = 0;
};

}  // namespace capos::admission
