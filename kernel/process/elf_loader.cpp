// SPDX-License-Identifier: Apache-2.0
#include "process/elf_loader.hpp"

#include <algorithm>
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

KernelError of_mapping(KernelError error) noexcept {
  return error == KernelError::out_of_memory || error == KernelError::quota_exceeded ? error : KernelError::bad_elf;
}

}  // namespace

ResultOf<void, KernelError> ElfLoad::open() noexcept {
  if (image_.size() < sizeof(ElfHeader)) return fail(KernelError::bad_elf);
  const auto header = read_at<ElfHeader>(image_, 0);
  if (!header_valid(header, image_.size())) return fail(KernelError::bad_elf);
  entry_ = header.entry;
  headers_ = header.program_offset;
  count_ = header.program_count;
  opened_ = true;
  return {};
}

ResultOf<void, KernelError> ElfLoad::next_segment() noexcept {
  const auto segment = read_at<ProgramHeader>(image_, headers_ + next_++ * sizeof(ProgramHeader));
  if (segment.type == kDynamic || segment.type == kInterpreter) return fail(KernelError::bad_elf);
  if (segment.type != kLoad || segment.memory_size == 0) return {};
  if (!segment_valid(segment, image_.size())) return fail(KernelError::bad_elf);
  within_ = segment.address % hal::kPageSize;
  start_ = segment.address - within_;
  pages_ = (within_ + segment.memory_size + hal::kPageSize - 1) / hal::kPageSize;
  bytes_ = image_.subspan(segment.offset, segment.file_size);
  protection_ = {.write = (segment.flags & kWrite) != 0, .execute = (segment.flags & kExecute) != 0};
  copied_ = 0;
  mapping_ = false;
  memory_ = TRY(MemoryObject::begin(process_.ledger(), pages_));
  entry_found_ = entry_found_ || (protection_.execute && entry_ >= segment.address &&
                                  entry_ - segment.address < segment.memory_size);
  return {};
}

// True: the segment is whole.
ResultOf<bool, KernelError> ElfLoad::fill_segment() noexcept {
  if (memory_->pages() < pages_) {
    (void)TRY(memory_->grow(pages_));
    return false;
  }
  if (copied_ < bytes_.size()) {
    const std::size_t portion = std::min(kCopyPortion, bytes_.size() - copied_);
    memory_->copy_in(within_ + copied_, bytes_.subspan(copied_, portion));
    copied_ += portion;
    return false;
  }
  AddressMap& map = process_.memory();
  if (!mapping_) {
    const auto begun = map.begin_map(start_, memory_, 0, pages_, protection_, false);
    if (!begun.has_value()) return fail(of_mapping(begun.error()));
    mapping_ = true;
  }
  const auto mapped = map.map_portion(start_);  // on error the process ends, with what is mapped
  if (!mapped.has_value()) return fail(of_mapping(mapped.error()));
  if (*mapped) memory_ = {};
  return *mapped;
}

ResultOf<bool, KernelError> ElfLoad::step() noexcept {
  if (!opened_) TRY_VOID(open());
  if (memory_) {
    (void)TRY(fill_segment());
    return false;
  }
  if (next_ < count_) {
    TRY_VOID(next_segment());
    return false;
  }
  if (!entry_found_) return fail(KernelError::bad_elf);
  return true;
}

ResultOf<std::uint64_t, KernelError> load_elf(Process& process, std::span<const std::byte> image) noexcept {
  ElfLoad load(process, image);
  while (!TRY(load.step())) {
  }
  return load.entry();
}

}  // namespace capos::kernel
