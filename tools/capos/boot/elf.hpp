// SPDX-License-Identifier: Apache-2.0
// An ELF file of this build, as far as a profile needs it: what lies where, and which function that is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "../support/problem.hpp"

namespace capos::cli {

class ElfFile {
 public:
  // Errors: not there, no 64-bit little-endian ELF file, cut short.
  [[nodiscard]] static Outcome<ElfFile> read(const std::filesystem::path& file);

  // Whether `bytes` lie at `address`, virtual or physical, in the file's segments.
  [[nodiscard]] bool holds(std::uint64_t address, std::span<const std::byte> bytes) const;
  // The function at `address`, virtual or physical, without its parameters; "" if no symbol covers it.
  [[nodiscard]] std::string function_at(std::uint64_t address) const;
  // The physical address of its PVH entry note.
  [[nodiscard]] std::optional<std::uint64_t> pvh_entry() const { return pvh_entry_; }

 private:
  struct Segment {
    std::uint64_t address, physical, offset, size;
  };
  struct Symbol {
    std::uint64_t address, size;
    std::string name;
  };
  [[nodiscard]] bool read_segments();
  [[nodiscard]] bool read_symbols();
  void read_notes(std::uint64_t offset, std::uint64_t size);
  // The bytes [offset, offset + size) of the file; empty if it has fewer.
  [[nodiscard]] std::span<const std::byte> piece(std::uint64_t offset, std::uint64_t size) const;
  template <typename T>
  [[nodiscard]] bool load(std::uint64_t offset, T& into) const;

  std::vector<std::byte> bytes_;
  std::vector<Segment> segments_;
  std::vector<Symbol> symbols_;  // functions, in the order of their addresses
  std::optional<std::uint64_t> pvh_entry_;
};

// "capos::kernel::(anonymous namespace)::f(int) [clone .x]" as "kernel::f".
[[nodiscard]] std::string short_name(const std::string& symbol);

}  // namespace capos::cli
