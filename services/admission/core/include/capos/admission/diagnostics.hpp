// SPDX-License-Identifier: Apache-2.0
// What is wrong with a manifest: for each finding its place, its rule, what was found and what to write
// instead.
//
// Texts are copied into the storage, so findings outlive the message. Bound: kMaxDiagnostics findings are
// kept, the rest is counted. Storage: about 20 KiB; keep it static or on the heap of a host program.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "capos/admission/text.hpp"

namespace capos::admission {

template <std::size_t kCapacity>
class FixedText {
 public:
  [[nodiscard]] std::string_view view() const noexcept { return {data_.data(), size_}; }
  void assign(std::string_view text) noexcept {
    size_ = text.size() < kCapacity ? text.size() : kCapacity;
    for (std::size_t i = 0; i < size_; ++i) data_[i] = text[i];
  }

 private:
  std::array<char, kCapacity> data_{};
  std::size_t size_ = 0;
};

struct Diagnostic {
  // Field path from the SystemManifest: "initConfig.islands[0].tasks[1].period"; "" is the manifest itself.
  FixedText<120> path;
  std::string_view rule;  // stable identifier such as "zero-period"; static storage
  FixedText<240> message;
  FixedText<240> hint;
};

class Diagnostics {
 public:
  static constexpr std::size_t kMaxDiagnostics = 32;

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::span<const Diagnostic> all() const noexcept { return {entries_.data(), count_}; }
  // Findings that did not fit.
  [[nodiscard]] std::size_t dropped() const noexcept { return dropped_; }
  void clear() noexcept { count_ = dropped_ = 0; }
  void add(std::string_view path, std::string_view rule, std::string_view message,
           std::string_view hint) noexcept;

 private:
  std::array<Diagnostic, kMaxDiagnostics> entries_{};
  std::size_t count_ = 0;
  std::size_t dropped_ = 0;
};

}  // namespace capos::admission
