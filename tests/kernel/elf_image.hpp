// SPDX-License-Identifier: Apache-2.0
// ELF images made by hand: programs of the simulated machine have no code, but the kernel loads them all the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "capos/abi/syscall.hpp"

namespace capos::ktest {

using Image = std::vector<std::byte>;

// The fields of the formats that matter (TIS ELF 1.2, System V ABI); laid out as in a file.
struct ElfHeader {
  unsigned char identification[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
  std::uint16_t type = 2, machine = 62;
  std::uint32_t version = 1;
  std::uint64_t entry = abi::kProgramBase, program_offset = 64, section_offset = 0;
  std::uint32_t flags = 0;
  std::uint16_t header_size = 64, program_entry_size = 56, program_count = 0, section_entry_size = 0, section_count = 0,
                names_index = 0;
};
static_assert(sizeof(ElfHeader) == 64);

inline constexpr std::uint32_t kElfExecute = 1, kElfWrite = 2, kElfRead = 4;
inline constexpr std::uint32_t kElfLoad = 1, kElfDynamic = 2, kElfInterpreter = 3;

struct ElfSegment {
  std::uint32_t type = kElfLoad, flags = kElfRead;
  std::uint64_t offset = 0, address = 0, physical = 0, file_size = 0, memory_size = 0, alignment = 4096;
};
static_assert(sizeof(ElfSegment) == 56);

// Header, segments, then `bytes` of contents, numbered so that each can be told from the next.
[[nodiscard]] Image elf_image(ElfHeader header, const std::vector<ElfSegment>& segments, std::size_t bytes);
// A page of code, two of data (the second not in the file).
[[nodiscard]] Image minimal_program();
[[nodiscard]] std::vector<ElfSegment> minimal_segments();
inline constexpr std::size_t kMinimalBytes = 512;
// The content byte at `offset` of an image made by elf_image().
[[nodiscard]] std::byte content_at(std::size_t offset);

}  // namespace capos::ktest
