// SPDX-License-Identifier: Apache-2.0
// The memory of a machine that runs, read by another process of the host: QEMU has it in a memfd (MachineSpec::visible_memory), and the
// guest makes no exit for it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>

#include "../support/problem.hpp"

namespace capos::cli {

// Notes in `directory` which process the machine is.
void note_machine(const std::filesystem::path& directory, pid_t machine);
// It has ended.
void forget_machine(const std::filesystem::path& directory);

class GuestMemory {
 public:
  // That of the machine noted in `directory`. Errors: none is noted, it has ended, its memory is not visible, or is another user's.
  [[nodiscard]] static Outcome<GuestMemory> open(const std::filesystem::path& directory);
  GuestMemory(GuestMemory&& other) noexcept;
  GuestMemory& operator=(GuestMemory&& other) noexcept;
  ~GuestMemory();

  // Each stretch of whole pages that the machine has touched so far, from the first on: its bytes, and where it begins.
  void for_each_touched(const std::function<void(std::span<const std::byte>, std::uint64_t)>& visit) const;

 private:
  GuestMemory(int descriptor, const std::byte* data, std::size_t size) noexcept : descriptor_(descriptor), data_(data), size_(size) {}
  int descriptor_ = -1;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace capos::cli
