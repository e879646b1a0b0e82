// SPDX-License-Identifier: Apache-2.0
// A process's page tables. The kernel half is shared by all and never changes after boot.
//
// Invariants: no page is writable and executable; user pages lie below abi::kUserEnd; page-table frames come from
// the FrameSource given and go back to it. Not thread-safe: one CPU works on one address space at a time.
#pragma once

#include <cstdint>

#include "capos/base/result.hpp"
#include "capos/hal/machine.hpp"

namespace capos::hal {

// Where page tables get their frames. allocate() gives a zeroed frame or base 0 when there is none.
class FrameSource {
 public:
  virtual PhysicalAddress allocate() noexcept = 0;
  virtual void release(PhysicalAddress frame) noexcept = 0;

 protected:
  ~FrameSource() = default;
};

struct Protection {
  bool write = false;
  bool execute = false;
  bool device = false;  // registers, not memory: never cached
};

enum class MapError : std::uint8_t { out_of_memory = 1, already_mapped, not_mapped, bad_address, write_and_execute };

struct Mapping {
  PhysicalAddress frame;
  Protection protection;
};

class AddressSpace {
 public:
  // False when there is no frame for the top-level table.
  [[nodiscard]] bool create(FrameSource& source) noexcept;
  // One page. Cost: four table levels at most. On error nothing has changed (empty tables may stay until destroy).
  [[nodiscard]] ResultOf<void, MapError> map(UserAddress page, PhysicalAddress frame, Protection protection) noexcept;
  [[nodiscard]] ResultOf<PhysicalAddress, MapError> unmap(UserAddress page) noexcept;
  [[nodiscard]] ResultOf<void, MapError> protect(UserAddress page, Protection protection) noexcept;
  [[nodiscard]] ResultOf<Mapping, MapError> lookup(UserAddress page) const noexcept;
  // First mapped page at or after `from`, below abi::kUserEnd; false if none. For teardown in steps.
  [[nodiscard]] bool next_mapped(UserAddress& from) const noexcept;
  // Frees at most `limit` table frames, and looks at no more than 256 entries besides; true when all are gone. Mapped frames
  // are the caller's.
  [[nodiscard]] bool destroy_step(FrameSource& source, unsigned limit) noexcept;
  // Drops stale translations of `page` on this CPU, if this space is live on it.
  void invalidate(UserAddress page) noexcept;
  [[nodiscard]] PhysicalAddress root() const noexcept { return root_; }

 private:
  PhysicalAddress root_{};
  std::uint64_t torn_down_ = 0;  // below this address no table is left
  FrameSource* source_ = nullptr;
};

}  // namespace capos::hal
