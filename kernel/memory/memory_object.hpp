// SPDX-License-Identifier: Apache-2.0
// Frames of memory as an object: shared by capability, mapped by VirtualMemory.
//
// Invariants: extents cover the object without gaps, in order; frames of an owned object were charged to its owner and
// go back there when the last reference is gone. Device and boot memory has no owner and is never freed.
// Bounds: frame_at O(extents), at most kMaxExtents; making one zeroes its pages.
#pragma once

#include <array>
#include <cstdint>

#include "capos/base/result.hpp"
#include "ipc/park_list.hpp"
#include "memory/page_source.hpp"
#include "objects/object.hpp"

namespace capos::kernel {

class Process;

class MemoryObject final : public TypedObject<MemoryObject, schema::MemoryObject> {
 public:
  static constexpr ObjectType kType = ObjectType::memory_object;
  using Interface = schema::MemoryObject;
  static constexpr unsigned kMaxExtents = 40;

  // Zeroed pages charged to `owner`. Errors: out_of_memory (also when RAM is too fragmented).
  [[nodiscard]] static ResultOf<Ref<MemoryObject>, schema::KernelError> create(Process& owner,
                                                                               std::uint64_t pages) noexcept;
  // The same, in one block and so contiguous in kernel memory; pages rounds up to a power of two, at most 1024.
  [[nodiscard]] static ResultOf<Ref<MemoryObject>, schema::KernelError> create_contiguous(
      Process& owner, std::uint64_t pages) noexcept;
  // Memory that exists anyway (device, boot module, kernel ring); page-aligned.
  [[nodiscard]] static ResultOf<Ref<MemoryObject>, schema::KernelError> wrap(hal::MemoryRange range,
                                                                             bool writable) noexcept;

  [[nodiscard]] std::uint64_t pages() const noexcept { return pages_; }
  [[nodiscard]] bool writable() const noexcept { return writable_; }
  // Memory that processes were charged for; not a device's, nor the kernel's own.
  [[nodiscard]] bool is_ram() const noexcept { return static_cast<bool>(owner_); }
  Locked<ParkList> parked;  // threads in SharedParkSpace.park on it
  // Range: page < pages().
  [[nodiscard]] hal::PhysicalAddress frame_at(std::uint64_t page) const noexcept;
  // Kernel address of a contiguous object's first byte.
  [[nodiscard]] void* kernel_address() const noexcept { return hal::to_kernel(extents_[0].base); }
  // Copies bytes in or out. Range: offset + size within the object.
  void copy_in(std::uint64_t offset, std::span<const std::byte> bytes) noexcept;
  void copy_out(std::uint64_t offset, std::span<std::byte> bytes) const noexcept;

  // Interface.
  Outcome read(CallContext&, schema::MemoryObject::Read::Params::Reader, schema::MemoryObject::Read::Results::Builder) noexcept;
  Outcome write(CallContext&, schema::MemoryObject::Write::Params::Reader,
                schema::MemoryObject::Write::Results::Builder) noexcept;
  Outcome get_size(CallContext&, const schema::MemoryObject::GetSize::Params::Value&,
                   schema::MemoryObject::GetSize::Results::Value& results) noexcept {
    results.size = pages_ * hal::kPageSize;
    return Outcome::done();
  }
  // What its ancestor has under the same names.
  Outcome read(CallContext&, schema::MemoryReader::Read::Params::Reader, schema::MemoryReader::Read::Results::Builder) noexcept;
  Outcome get_size(CallContext&, const schema::MemoryReader::GetSize::Params::Value&,
                   schema::MemoryReader::GetSize::Results::Value& results) noexcept {
    results.size = pages_ * hal::kPageSize;
    return Outcome::done();
  }

 private:
  template <typename Results>
  Outcome read_into(std::uint64_t offset, std::uint64_t count, Results& results) const noexcept;
  struct Extent {
    hal::PhysicalAddress base;
    std::uint64_t pages = 0;
  };
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;

  MemoryObject() noexcept;
  ~MemoryObject();
  void destroy() noexcept override;
  [[nodiscard]] bool add_block(unsigned order) noexcept;
  [[nodiscard]] bool range_ok(std::uint64_t offset, std::uint64_t size) const noexcept {
    const std::uint64_t total = pages_ * hal::kPageSize;
    return offset <= total && size <= total - offset;
  }

  Ref<Process> owner_;
  std::uint64_t pages_ = 0;
  unsigned extents_count_ = 0;
  bool writable_ = true;
  std::array<Extent, kMaxExtents> extents_{};
};

}  // namespace capos::kernel
