// SPDX-License-Identifier: Apache-2.0
#include "elf_image.hpp"

#include <cstring>

namespace capos::ktest {

std::byte content_at(std::size_t offset) { return static_cast<std::byte>(offset * 7 + offset / 256); }

Image elf_image(ElfHeader header, const std::vector<ElfSegment>& segments, std::size_t bytes) {
  header.program_count = static_cast<std::uint16_t>(segments.size());
  const std::size_t table = sizeof header + segments.size() * sizeof(ElfSegment);
  Image image(table + bytes);
  std::memcpy(image.data(), &header, sizeof header);
  if (!segments.empty()) std::memcpy(image.data() + sizeof header, segments.data(), segments.size() * sizeof(ElfSegment));
  for (std::size_t i = table; i < image.size(); ++i) image[i] = content_at(i);
  return image;
}

std::vector<ElfSegment> minimal_segments() {
  constexpr std::uint64_t kTable = sizeof(ElfHeader) + 2 * sizeof(ElfSegment);
  const ElfSegment code{.flags = kElfRead | kElfExecute,
                        .offset = kTable,
                        .address = abi::kProgramBase,
                        .file_size = 256,
                        .memory_size = 256};
  const ElfSegment data{.flags = kElfRead | kElfWrite,
                        .offset = kTable + 256,
                        .address = abi::kProgramBase + 0x10000,
                        .file_size = 256,
                        .memory_size = 2 * 4096};
  return {code, data};
}

Image minimal_program() { return elf_image({}, minimal_segments(), kMinimalBytes); }

}  // namespace capos::ktest
