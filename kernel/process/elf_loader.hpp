// SPDX-License-Identifier: Apache-2.0
// Static ELF64 programs for x86-64 into a process (System V ABI, chapter 4 and 5; TIS ELF 1.2).
//
// The image is untrusted: every offset, size and address is checked before it is used, with sums that cannot overflow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "capos/base/result.hpp"
#include "capos/schema/kernel.hpp"
#include "memory/memory_object.hpp"

namespace capos::kernel {

class Process;

inline constexpr unsigned kMaxSegments = 16;

// Loading, in portions of kCopyPortion bytes or so much of a MemoryObject or an AddressMap as those do at a time.
class ElfLoad {
 public:
  static constexpr std::size_t kCopyPortion = 16'384;

  // `image` stays where it is, and as it is.
  ElfLoad(Process& process, std::span<const std::byte> image) noexcept : process_(process), image_(image) {}

  // True: every PT_LOAD segment is mapped; false: a portion has been done. Errors: bad_elf (malformed, wrong machine,
  // dynamic, writable and executable, overlapping, outside [abi::kProgramBase, abi::kDynamicBase), entry not in an
  // executable segment), quota_exceeded, out_of_memory. On error the process is as good as new only for being ended.
  [[nodiscard]] ResultOf<bool, schema::KernelError> step() noexcept;
  // Once all is mapped.
  [[nodiscard]] std::uint64_t entry() const noexcept { return entry_; }

 private:
  [[nodiscard]] ResultOf<void, schema::KernelError> open() noexcept;
  [[nodiscard]] ResultOf<void, schema::KernelError> next_segment() noexcept;
  [[nodiscard]] ResultOf<bool, schema::KernelError> fill_segment() noexcept;

  Process& process_;
  std::span<const std::byte> image_;
  std::uint64_t entry_ = 0, headers_ = 0;  // where the program headers lie in the image
  unsigned count_ = 0, next_ = 0;          // of them, and the one to look at
  bool opened_ = false, entry_found_ = false;
  // The segment under way, if there is one.
  Ref<MemoryObject> memory_;
  std::uint64_t start_ = 0, within_ = 0, pages_ = 0, copied_ = 0;
  std::span<const std::byte> bytes_;
  hal::Protection protection_;
  bool mapping_ = false;
};

// All of it at once.
[[nodiscard]] ResultOf<std::uint64_t, schema::KernelError> load_elf(Process& process,
                                                                    std::span<const std::byte> image) noexcept;

}  // namespace capos::kernel
