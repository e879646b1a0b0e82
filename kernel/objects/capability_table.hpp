// SPDX-License-Identifier: Apache-2.0
// A process's capabilities: a flat table of generation-tagged slots.
//
// Invariants: a CapId resolves only while its slot's generation is its own, the slot is not in transit, its lease (if it
// has one) holds, and the object's epoch is the one it was granted under; a slot's generation changes each time it is freed, and a slot whose
// generation would wrap is retired. Slot 0 is never used.
// Bounds: lookup, insert and remove O(1), and the lease's depth for what is under one; chunks of 128 slots come from
// `source`, up to 65 536 slots, each slot in use charged to the source's ledger.
// Used by one CPU at a time: the process's own, or whoever builds or destroys the process.
#pragma once

#include <cstdint>

#include "capos/abi/syscall.hpp"
#include "capos/base/result.hpp"
#include "objects/hold_edge.hpp"
#include "objects/inheritance.hpp"
#include "objects/object.hpp"

namespace capos::kernel {

class PageSource;

class CapabilityEntry {
 public:
  [[nodiscard]] Object* object() const noexcept { return object_; }
  [[nodiscard]] std::uint64_t interface_id() const noexcept { return interface_id_; }
  [[nodiscard]] HoldEdge edge() const noexcept { return {lease(), transfer_, disclosure_}; }
  [[nodiscard]] Liveness* lease() const noexcept;
  [[nodiscard]] DisclosureScope disclosure() const noexcept { return disclosure_; }

  // May a call through this name that interface? Its own, or an ancestor of it.
  [[nodiscard]] bool permits(std::uint64_t called) const noexcept {
    return called == interface_id_ || inherits(interface_id_, called);
  }

 private:
  friend class CapabilityTable;
  // What keeps a slot from being found, or wants to be asked first: zero for most, tested by one compare. Bits 2 to 31:
  // the lease by its place in memory, in units of 64 bytes (its alignment), so that an entry stays half a cache line.
  static constexpr std::uint32_t kFree = 1, kInTransit = 2, kFlags = kFree | kInTransit;
  static constexpr unsigned kLeaseShift = 2, kLeaseUnit = 6;

  [[nodiscard]] std::uint32_t generation() const noexcept { return static_cast<std::uint32_t>(guard_ >> 32); }
  [[nodiscard]] std::uint32_t obstacle() const noexcept { return static_cast<std::uint32_t>(guard_); }
  void set_obstacle(std::uint32_t obstacle) noexcept { guard_ = guard_ >> 32 << 32 | obstacle; }

  Object* object_ = nullptr;       // counted; nullptr: free
  std::uint64_t interface_id_ = 0;
  std::uint64_t guard_ = std::uint64_t{1} << 32 | kFree;  // generation, obstacle: a lookup compares both at once
  std::uint32_t epoch_ = 0;        // object's epoch when granted; of a free slot: the next free one
  TransferScope transfer_{};
  DisclosureScope disclosure_{};
};
static_assert(sizeof(CapabilityEntry) == 32);

class CapabilityTable {
 public:
  static constexpr std::uint32_t kMaxSlots = 65'536;

  explicit constexpr CapabilityTable(PageSource& source) noexcept : source_(source) {}
  CapabilityTable(const CapabilityTable&) = delete;
  CapabilityTable& operator=(const CapabilityTable&) = delete;

  // The entry, or nullptr if the id is empty, stale, revoked, on its way to somebody else, or its lease has ended.
  [[nodiscard, gnu::always_inline]] inline CapabilityEntry* find(abi::CapId id) noexcept {
    const std::uint32_t slot = id.slot();
    if (slot >= slots_) [[unlikely]] return nullptr;
    CapabilityEntry& entry = at(slot);
    if (entry.generation() != id.generation()) [[unlikely]] return nullptr;
    if (entry.obstacle() != 0 && !is_usable(entry)) [[unlikely]] return nullptr;
    if (entry.epoch_ != entry.object_->epoch()) [[unlikely]] return nullptr;
    return &entry;
  }
  // The same for what is usual: nullptr also if it is under a lease, which find() asks. Calls no function.
  [[nodiscard, gnu::always_inline]] inline CapabilityEntry* find_usual(abi::CapId id) noexcept {
    const std::uint32_t slot = id.slot();
    if (slot >= slots_) [[unlikely]] return nullptr;
    CapabilityEntry& entry = at(slot);
    // No carry: the sum's upper half is the generation, the lower is the slot only if nothing is in the way.
    if (entry.guard_ + slot != id.raw) [[unlikely]] return nullptr;
    if (entry.epoch_ != entry.object_->epoch()) [[unlikely]] return nullptr;
    return &entry;
  }
  // The lease that a capability is under, nullptr if there is none, or no such capability.
  [[nodiscard]] Liveness* lease_of(abi::CapId id) noexcept {
    CapabilityEntry* const entry = find(id);
    return entry == nullptr ? nullptr : entry->lease();
  }
  // The object, if it is a T and the capability is one to all of T's interface.
  template <typename T>
  [[nodiscard]] T* find_object(abi::CapId id) noexcept {
    CapabilityEntry* const entry = find(id);
    if (entry == nullptr) return nullptr;
    // What has no ancestors cannot have been narrowed.
    if constexpr (requires { T::Interface::kSuperclasses; }) {
      if constexpr (T::Interface::kSuperclasses.size() != 0) {
        if (!entry->permits(T::Interface::kInterfaceId)) return nullptr;
      }
    }
    return object_cast<T>(entry->object());
  }

  // Keeps the edge's lease. Errors: out_of_capabilities (table full), quota_exceeded (no slot or page left),
  // out_of_memory (no page for a chunk).
  [[nodiscard]] ResultOf<abi::CapId, schema::KernelError> insert(Ref<Object> object, std::uint64_t interface_id,
                                                                 HoldEdge edge = {}) noexcept;
  [[nodiscard]] ResultOf<abi::CapId, schema::KernelError> insert(Ref<Object> object) noexcept {
    const std::uint64_t interface_id = object->interface_id();
    return insert(std::move(object), interface_id);
  }
  // False if the id does not name a slot in use, or one in transit. Revoked entries can be removed.
  bool remove(abi::CapId id) noexcept;

  // A capability that is being moved: it cannot be found, removed or moved again until it is put back, or taken out for
  // good. depart() is false if find() would not find it; the others do nothing to a slot that is not in transit, as when
  // the table has been cleared meanwhile.
  [[nodiscard]] bool depart(abi::CapId id) noexcept;
  void put_back(abi::CapId id) noexcept;
  void take_out(abi::CapId id) noexcept;
  // The entry of a slot in transit; nullptr if it is not in transit, or has been revoked meanwhile.
  [[nodiscard]] CapabilityEntry* find_in_transit(abi::CapId id) noexcept;

  [[nodiscard]] std::uint32_t in_use() const noexcept { return in_use_; }

  // It has, or has had, something that is of use on one CPU only: an endpoint's either side, an interrupt of a CPU, a scheduling context and such.
  [[nodiscard]] bool binds_to_cpu() const noexcept { return binds_to_cpu_; }
  // One of its program's threads has a context, wherever the capability to that is.
  void bind_to_cpu() noexcept { binds_to_cpu_ = true; }

  // Teardown: frees up to `limit` slots or pages; true when nothing is left.
  [[nodiscard]] bool clear_step(unsigned limit) noexcept;

 private:
  static constexpr std::uint32_t kSlotsPerChunk = 4096 / sizeof(CapabilityEntry);
  static constexpr std::uint32_t kChunks = kMaxSlots / kSlotsPerChunk;

  [[nodiscard]] CapabilityEntry& at(std::uint32_t slot) noexcept {
    return directory_[slot / kSlotsPerChunk][slot % kSlotsPerChunk];
  }
  // Neither free nor in transit, and under a lease that holds.
  [[nodiscard]] static bool is_usable(const CapabilityEntry& entry) noexcept;
  [[nodiscard]] CapabilityEntry* in_transit(abi::CapId id) noexcept;
  [[nodiscard]] ResultOf<void, schema::KernelError> grow() noexcept;
  void free_slot(std::uint32_t slot) noexcept;

  PageSource& source_;
  CapabilityEntry** directory_ = nullptr;  // one page of chunk pointers
  std::uint32_t slots_ = 0;                // that have been used, and slot 0: a chunk's others are made when they are wanted
  std::uint32_t first_free_ = 0;           // 0: none
  std::uint32_t in_use_ = 0;
  std::uint32_t clear_at_ = 1;
  bool binds_to_cpu_ = false;
};
static_assert(65'536 / (4096 / sizeof(CapabilityEntry)) * sizeof(void*) == 4096);

}  // namespace capos::kernel
