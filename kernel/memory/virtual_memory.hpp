// SPDX-License-Identifier: Apache-2.0
// What a process has mapped: regions of memory objects, and its VirtualMemory interface.
//
// Invariants: regions do not overlap and are ordered by address; the first `mapped` pages of a region are mapped, no others
// are. That is all of them but while the region is in the making: then only the call that makes it touches it.
// Bounds: finding a region O(kMaxRegions), about 4 instructions each; mapping, unmapping and protecting go in portions of
// calls (CallProgress).
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
  std::uint64_t mapped = 0;
  std::uint64_t first_page = 0;  // within the object
  hal::Protection protection;    // that it is, or was, mapped with at first
  bool read_only = false;        // mapped by a capability that permits no more
  Ref<MemoryObject> object;
  [[nodiscard]] std::uint64_t end() const noexcept { return start + pages * hal::kPageSize; }
  [[nodiscard]] bool in_the_making() const noexcept { return mapped != pages; }
};

// The regions and the page tables of one process.
class AddressMap {
 public:
  static constexpr unsigned kMaxRegions = 512;
  static constexpr unsigned kMapPortion = 8, kUnmapPortion = 16, kProtectPortion = 16;  // pages

  // Page tables and the records of regions are charged to the source's ledger.
  [[nodiscard]] bool create(PageSource& source) noexcept {
    source_ = &source;
    return space_.create(source);
  }
  [[nodiscard]] hal::AddressSpace& space() noexcept { return space_; }

  // Reserves the range for pages of an object; `read_only`: for good. On error nothing has changed.
  // Errors: bad_address, bad_range, bad_protection, overlap, quota_exceeded (also of kMaxRegions), out_of_memory.
  [[nodiscard]] ResultOf<void, schema::KernelError> begin_map(std::uint64_t start, Ref<MemoryObject> object,
                                                              std::uint64_t first_page, std::uint64_t pages,
                                                              hal::Protection protection, bool read_only) noexcept;
  // Maps a portion of the region in the making at `start`: true if it is whole. Errors: quota_exceeded, out_of_memory,
  // bad_address; undo_portion() is to follow then, until it returns true: the region is gone.
  [[nodiscard]] ResultOf<bool, schema::KernelError> map_portion(std::uint64_t start) noexcept;
  [[nodiscard]] bool undo_portion(std::uint64_t start) noexcept;
  // It is left as it is: what is mapped of it stays.
  void settle(std::uint64_t start) noexcept;
  // All of it at once.
  [[nodiscard]] ResultOf<void, schema::KernelError> map(std::uint64_t start, Ref<MemoryObject> object,
                                                        std::uint64_t first_page, std::uint64_t pages,
                                                        hal::Protection protection, bool read_only = false) noexcept;
  // The lowest free range of that many pages from abi::kDynamicBase up; 0 if none.
  [[nodiscard]] std::uint64_t find_room(std::uint64_t pages) noexcept;
  // Before unmap_portion(): every page of the range must be mapped; regions are split at its ends.
  // Errors: bad_address, bad_state (one is in the making), quota_exceeded, out_of_memory.
  [[nodiscard]] ResultOf<void, schema::KernelError> begin_unmap(std::uint64_t start, std::uint64_t pages) noexcept;
  // How many pages of the region that begins at `start` have been unmapped, at most `most`. Errors: bad_address (another thread
  // of the process has changed it meanwhile), bad_state.
  [[nodiscard]] ResultOf<std::uint64_t, schema::KernelError> unmap_portion(std::uint64_t start, std::uint64_t most) noexcept;
  // The frame behind a mapped address, if it is RAM that processes were charged for. Errors: bad_address. O(regions).
  [[nodiscard]] ResultOf<hal::PhysicalAddress, schema::KernelError> find_word(std::uint64_t address) noexcept;
  // Whatever of `object` is mapped in the range, by whole regions: for an object that is mapped nowhere else.
  // O(regions + pages).
  void unmap_object(std::uint64_t start, std::uint64_t pages, const MemoryObject& object) noexcept;
  // The same for protection: all that can be refused is refused at the beginning, if nobody changes the range meanwhile.
  // Errors: as for unmapping, bad_protection.
  [[nodiscard]] ResultOf<void, schema::KernelError> begin_protect(std::uint64_t start, std::uint64_t pages,
                                                                  hal::Protection protection) noexcept;
  [[nodiscard]] ResultOf<std::uint64_t, schema::KernelError> protect_portion(std::uint64_t start, std::uint64_t most,
                                                                             hal::Protection protection) noexcept;

  // Teardown in steps of `limit` regions or table frames; true when nothing is left.
  [[nodiscard]] bool destroy_step(hal::FrameSource& source, unsigned limit) noexcept;

 private:
  [[nodiscard]] Region* region_after(std::uint64_t address) noexcept;
  [[nodiscard]] ResultOf<void, schema::KernelError> split(Region& region, std::uint64_t address) noexcept;
  [[nodiscard]] ResultOf<void, schema::KernelError> isolate(std::uint64_t start, std::uint64_t pages) noexcept;
  void unmap_pages(std::uint64_t start, std::uint64_t pages) noexcept;

  [[nodiscard]] Region* region_at(std::uint64_t start) noexcept;
  [[nodiscard]] ResultOf<Region*, schema::KernelError> make_region() noexcept;
  void forget(Region& region) noexcept;  // out of the list, and gone

  hal::AddressSpace space_;
  PageSource* source_ = nullptr;
  List<Region, RegionTag> regions_;
  Region* recent_ = nullptr;  // that was begun, or looked for to be taken off, last: the next portion need not look for it
  unsigned count_ = 0;
};

// A mapping into the caller's own space, in portions of its call.
struct Placement {
  std::uint64_t hint = 0;  // 0: wherever there is room
  Ref<MemoryObject> object;
  std::uint64_t first_page = 0, pages = 0;
  hal::Protection protection{.write = true};
  bool read_only = false;
};
// Done: `address` says where. Errors: those of AddressMap::begin_map() and map_portion().
[[nodiscard]] Outcome place(CallContext& call, Placement what, std::uint64_t& address) noexcept;
// The same once the call's progress has a place.
[[nodiscard]] Outcome go_on_placing(CallContext& call, std::uint64_t& address) noexcept;

// The VirtualMemory capability of a process on itself.
class VirtualMemoryObject final : public TypedObject<VirtualMemoryObject, schema::VirtualMemory> {
 public:
  static constexpr ObjectType kType = ObjectType::virtual_memory;
  static constexpr bool kPortionsByRegisters = true;
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
  Ref<Process> process_;
};

}  // namespace capos::kernel
