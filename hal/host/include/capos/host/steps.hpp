// SPDX-License-Identifier: Apache-2.0
// Kernel entries that stop before each access to watched memory, so that several CPUs can be in the kernel at once and a
// driver says whose access comes next: an interleaving of single accesses, that repeats.
//
// The kernel's code announces its accesses if it was compiled so (capos_kernel_stepped: -fsanitize=thread without that
// sanitizer's library; accesses.cpp has the functions that the compiler calls). What is not watched, and code that was not
// compiled so, runs on to the next stop. Each entry has a stack of its own.
//
// Bounds: memory is sequentially consistent here. A lock that an entry holds while it stands must not be wanted by another.
// One host thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "capos/base/strong.hpp"

namespace capos::host {

// `size` bytes at `at`; an atomic that does both is one access.
struct Access {
  const std::byte* at = nullptr;
  std::size_t size = 0;
  bool reads = false, writes = false;
  [[nodiscard]] bool touches(const void* place, std::size_t bytes) const noexcept {
    const auto* const begin = static_cast<const std::byte*>(place);
    return at < begin + bytes && begin < at + size;
  }
};

// Where entries stop; empty: nowhere. Holds for the accesses that follow, of all entries.
void watch_accesses(std::function<bool(const Access&)> which);

class SteppedEntry {
 public:
  struct Stack;
  // `enters` makes one of Machine's calls. It goes to before the first watched access.
  explicit SteppedEntry(std::function<void()> enters);
  // The kernel has left, or this must not go: its stack would.
  ~SteppedEntry();
  SteppedEntry(const SteppedEntry&) = delete;
  SteppedEntry& operator=(const SteppedEntry&) = delete;

  [[nodiscard]] bool has_left() const noexcept;
  // Before what it stands; nullopt: it has left the kernel.
  [[nodiscard]] std::optional<Access> next() const noexcept;
  // Makes that access and goes to before the next.
  void step();

 private:
  std::unique_ptr<Stack> stack_;
};

}  // namespace capos::host
