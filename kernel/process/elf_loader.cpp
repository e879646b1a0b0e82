// SPDX-License-Identifier: Apache-2.0
#include "process/elf_loader.hpp"

#include <cstring>

#include "process/process.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

struct ElfHeader {
  unsigned char identification[16];
  std::uint16_t type, machine;
  std::uint32_t version;
  std::uint64_t entry, program_offset, section_offset;
  std::uint32_t flags;
  std::uint16_t header_size, program_entry_size, program_count, section_entry_size, section_count, names_index;
};
static_assert(sizeof(ElfHeader) == 64);

struct ProgramHeader {
  std::uint32_t type, flags;
  std::uint64_t offset, address, physical, file_size, memory_size, alignment;
};
static_assert(sizeof(ProgramHeader) == 56);

constexpr std::uint32_t kLoad = 1, kDynamic = 2, kInterpreter = 3;
constexpr std::uint32_t kExecute = 1, kWrite = 2, kRead = 4;
constexpr std::uint16_t kExecutable = 2, kX86_64 = 62;

template <typename T>
T read_at(std::span<const std::byte> image, std::uint64_t offset) noexcept {
  T value;
  std::memcpy(&value, image.data() + offset, sizeof value);
  return value;
}

bool fits(std::uint64_t offset, std::uint64_t size, std::uint64_t total) noexcept {
  return offset <= total && size <= total - offset;
}

bool header_valid(const ElfHeader& header, std::size_t image_size) noexcept {
  constexpr unsigned char kExpected[] = {0x7f, 'E', 'L', 'F', 2 /* 64-bit */, 1 /* little endian */, 1 /* version */};
  return std::memcmp(header.identification, kExpected, sizeof kExpected) == 0 && header.type == kExecutable &&
         header.machine == kX86_64 && header.version == 1 && header.program_entry_size == sizeof(ProgramHeader) &&
         header.program_count > 0 && header.program_count <= kMaxSegments &&
         fits(header.program_offset, std::uint64_t{header.program_count} * sizeof(ProgramHeader), image_size);
}

bool segment_valid(const ProgramHeader& segment, std::size_t image_size) noexcept {
  if (!fits(segment.offset, segment.file_size, image_size) || segment.file_size > segment.memory_size) return false;
  if (segment.address < abi::kProgramBase || !fits(segment.address, segment.memory_size, abi::kDynamicBase)) return false;
  if ((segment.flags & kRead) == 0 || segment.flags > (kRead | kWrite | kExecute)) return false;
  return (segment.flags & (kWrite | kExecute)) != (kWrite | kExecute);
}

ResultOf<void, KernelError> load_segment(Process& process, const ProgramHeader& segment,
                                         std::span<const std::byte> image) noexcept {
  const std::uint64_t within = segment.address % hal::kPageSize;
  const std::uint64_t start = segment.address - within;
  const std::uint64_t pages = (within + segment.memory_size + hal::kPageSize - 1) / hal::kPageSize;
  Ref<MemoryObject> memory = TRY(MemoryObject::create(process, pages));
  memory->copy_in(within, image.subspan(segment.offset, segment.file_size));
  const hal::Protection protection{.write = (segment.flags & kWrite) != 0, .execute = (segment.flags & kExecute) != 0};
  const auto mapped = process.memory().map(start, std::move(memory), 0, pages, protection);
  if (mapped.has_value()) return {};
  const bool short_of_memory =
      mapped.error() == KernelError::out_of_memory || mapped.error() == KernelError::quota_exceeded;
  return fail(short_of_memory ? mapped.error() : KernelError::bad_elf);
}

}  // namespace

ResultOf<std::uint64_t, KernelError> load_elf(Process& process, std::span<const std::byte> image) noexcept {
  if (image.size() < sizeof(ElfHeader)) return fail(KernelError::bad_elf);
  const auto header = read_at<ElfHeader>(image, 0);
  if (!header_valid(header, image.size())) return fail(KernelError::bad_elf);
  bool entry_found = false;
  for (unsigned i = 0; i < header.program_count; ++i) {
    const auto segment = read_at<ProgramHeader>(image, header.program_offset + i * sizeof(ProgramHeader));
    if (segment.type == kDynamic || segment.type == kInterpreter) return fail(KernelError::bad_elf);
    if (segment.type != kLoad || segment.memory_size == 0) continue;
    if (!segment_valid(segment, image.size())) return fail(KernelError::bad_elf);
    TRY_VOID(load_segment(process, segment, image));
    entry_found = entry_found || ((segment.flags & kExecute) != 0 && header.entry >= segment.address &&
                                  header.entry - segment.address < segment.memory_size);
  }
  if (!entry_found) return fail(KernelError::bad_elf);
  return header.entry;
}

}  // namespace capos::kernel
