// SPDX-License-Identifier: Apache-2.0
// A process's capabilities: a flat table of generation-tagged slots.
//
// Invariants: a CapId resolves only while its slot's generation is its own and the object's epoch is the one it was
// granted under; a slot's generation changes each time it is freed, and a slot whose generation would wrap is
// retired. Slot 0 is never used.
// Bounds: lookup, insert and remove O(1); chunks of 128 slots come from `source`, up to 65 536 slots.
// Used by one CPU at a time: the process's own, or whoever builds or destroys the process.
#pragma once

#include <cstdint>

#include "capos/abi/syscall.hpp"
#include "capos/base/result.hpp"
#include "objects/object.hpp"

namespace capos::kernel {

class PageSource;

struct CapabilityEntry {
  Object* object = nullptr;        // counted; nullptr: free
  std::uint64_t interface_id = 0;
  std::uint32_t generation = 1;
  std::uint32_t epoch = 0;         // object's epoch when granted
  std::uint32_t next_free = 0;     // slot
  std::uint32_t reserved = 0;
};
static_assert(sizeof(CapabilityEntry) == 32);

class CapabilityTable {
 public:
  static constexpr std::uint32_t kMaxSlots = 65'536;

  explicit constexpr CapabilityTable(PageSource& source) noexcept : source_(source) {}
  CapabilityTable(const CapabilityTable&) = delete;
  CapabilityTable& operator=(const CapabilityTable&) = delete;

  // The entry, or nullptr if the id is empty, stale or revoked.
  [[nodiscard]] CapabilityEntry* find(abi::CapId id) noexcept {
    const std::uint32_t slot = id.slot();
    if (slot >= slots_) [[unlikely]] return nullptr;
    CapabilityEntry& entry = at(slot);
    if (entry.generation != id.generation() || entry.object == nullptr) [[unlikely]] return nullptr;
    if (entry.epoch != entry.object->epoch()) [[unlikely]] return nullptr;
    return &entry;
  }
  template <typename T>
  [[nodiscard]] T* find_object(abi::CapId id) noexcept {
    CapabilityEntry* const entry = find(id);
    return entry == nullptr ? nullptr : object_cast<T>(entry->object);
  }

  // Errors: out_of_capabilities (table full), out_of_memory (no page for a chunk).
  [[nodiscard]] ResultOf<abi::CapId, schema::KernelError> insert(Ref<Object> object, std::uint64_t interface_id) noexcept;
  [[nodiscard]] ResultOf<abi::CapId, schema::KernelError> insert(Ref<Object> object) noexcept {
    const std::uint64_t interface_id = object->interface_id();
    return insert(std::move(object), interface_id);
  }
  // False if the id does not name a slot in use. Revoked entries can be removed.
  bool remove(abi::CapId id) noexcept;
  [[nodiscard]] std::uint32_t in_use() const noexcept { return in_use_; }

  // Teardown: frees up to `limit` slots or pages; true when nothing is left.
  [[nodiscard]] bool clear_step(unsigned limit) noexcept;

 private:
  static constexpr std::uint32_t kSlotsPerChunk = 4096 / sizeof(CapabilityEntry);
  static constexpr std::uint32_t kChunks = kMaxSlots / kSlotsPerChunk;

  [[nodiscard]] CapabilityEntry& at(std::uint32_t slot) noexcept {
    return directory_[slot / kSlotsPerChunk][slot % kSlotsPerChunk];
  }
  [[nodiscard]] ResultOf<void, schema::KernelError> grow() noexcept;
  void free_slot(std::uint32_t slot) noexcept;

  PageSource& source_;
  CapabilityEntry** directory_ = nullptr;  // one page of chunk pointers
  std::uint32_t slots_ = 0;                // existing ones
  std::uint32_t first_free_ = 0;           // 0: none
  std::uint32_t in_use_ = 0;
  std::uint32_t clear_at_ = 1;
};
static_assert(65'536 / (4096 / sizeof(CapabilityEntry)) * sizeof(void*) == 4096);

}  // namespace capos::kernel
