// SPDX-License-Identifier: Apache-2.0
// What a process has mapped: regions of memory objects, and its VirtualMemory interface.
//
// Invariants: regions do not overlap and are ordered by address; each page of a region is mapped with the region's
// protection, no page outside is. Bounds: finding a region O(regions); mapping O(pages).
// One CPU at a time: the process's own, or whoever builds or destroys it.
#pragma once

#include <cstdint>

#include "capos/base/list.hpp"
#include "memory/memory_object.hpp"

namespace capos::kernel {

struct RegionTag;

struct Region : ListHook<RegionTag> {
  std::uint64_t start = 0;
  std::uint64_t pages = 0;
  std::uint64_t first_page = 0;  // within the object
  hal::Protection protection;
  bool read_only = false;        // mapped by a capability that permits no more
  Ref<MemoryObject> object;
  [[nodiscard]] std::uint64_t end() const noexcept { return start + pages * hal::kPageSize; }
};

// The regions and the page tables of one process.
class AddressMap {
 public:
  // Page tables and the records of regions are charged to the source's ledger.
  [[nodiscard]] bool create(PageSource& source) noexcept {
    source_ = &source;
    return space_.create(source);
  }
  [[nodiscard]] hal::AddressSpace& space() noexcept { return space_; }

  // Maps pages of an object at `start`; `read_only`: for good. On error nothing is mapped.
  // Errors: bad_address, bad_range, bad_protection, overlap, quota_exceeded, out_of_memory.
  [[nodiscard]] ResultOf<void, schema::KernelError> map(std::uint64_t start, Ref<MemoryObject> object,
                                                        std::uint64_t first_page, std::uint64_t pages,
                                                        hal::Protection protection, bool read_only = false) noexcept;
  // The lowest free range of that many pages from abi::kDynamicBase up; 0 if none.
  [[nodiscard]] std::uint64_t find_room(std::uint64_t pages) noexcept;
  // Every page of the range must be mapped; regions are split at its ends. Errors: bad_address, out_of_memory.
  [[nodiscard]] ResultOf<void, schema::KernelError> unmap(std::uint64_t start, std::uint64_t pages) noexcept;
  // The frame behind a mapped address, if it is RAM that processes were charged for. Errors: bad_address. O(regions).
  [[nodiscard]] ResultOf<hal::PhysicalAddress, schema::KernelError> find_word(std::uint64_t address) noexcept;
  // Whatever of `object` is mapped in the range, by whole regions: for an object that is mapped nowhere else.
  // O(regions + pages).
  void unmap_object(std::uint64_t start, std::uint64_t pages, const MemoryObject& object) noexcept;
  [[nodiscard]] ResultOf<void, schema::KernelError> protect(std::uint64_t start, std::uint64_t pages,
                                                            hal::Protection protection) noexcept;

  // Teardown in steps of `limit` regions or table frames; true when nothing is left.
  [[nodiscard]] bool destroy_step(hal::FrameSource& source, unsigned limit) noexcept;

 private:
  [[nodiscard]] Region* region_after(std::uint64_t address) noexcept;
  [[nodiscard]] ResultOf<void, schema::KernelError> split_at(std::uint64_t address) noexcept;
  [[nodiscard]] ResultOf<void, schema::KernelError> isolate(std::uint64_t start, std::uint64_t pages) noexcept;
  void unmap_pages(std::uint64_t start, std::uint64_t pages) noexcept;

  void forget(Region& region) noexcept;

  hal::AddressSpace space_;
  PageSource* source_ = nullptr;
  List<Region, RegionTag> regions_;
};

// The VirtualMemory capability of a process on itself.
class VirtualMemoryObject final : public TypedObject<VirtualMemoryObject, schema::VirtualMemory> {
 public:
  static constexpr ObjectType kType = ObjectType::virtual_memory;
  explicit VirtualMemoryObject(Process& process) noexcept;

  using Interface = schema::VirtualMemory;
  Outcome map(CallContext&, const Interface::Map::Params::Value&, Interface::Map::Results::Value&) noexcept;
  Outcome unmap(CallContext&, const Interface::Unmap::Params::Value&, Interface::Unmap::Results::Value&) noexcept;
  Outcome protect(CallContext&, const Interface::Protect::Params::Value&,
                  Interface::Protect::Results::Value&) noexcept;
  Outcome map_object(CallContext&, Interface::MapObject::Params::Reader,
                     Interface::MapObject::Results::Builder) noexcept;

 private:
  void destroy() noexcept override;
  [[nodiscard]] bool is_own(CallContext& call) const noexcept;
  [[nodiscard]] ResultOf<std::uint64_t, schema::KernelError> place(std::uint64_t hint, Ref<MemoryObject> object,
                                                                   std::uint64_t first_page, std::uint64_t pages,
                                                                   std::uint32_t protection, bool read_only) noexcept;
  Ref<Process> process_;
};

}  // namespace capos::kernel
