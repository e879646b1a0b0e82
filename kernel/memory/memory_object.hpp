// SPDX-License-Identifier: Apache-2.0
// Frames of memory as an object: shared by capability, mapped by VirtualMemory.
//
// Invariants: extents cover the object without gaps, in order; frames of an owned object were charged to its payer and
// go back there when the last reference is gone. Device and boot memory is owned by nobody and never freed. A window has
// no extents but a range of an object that is no window, which it keeps; it is revoked by ending its liveness, under
// which every capability to it, or to a window made through one, is held.
// Bounds: frame_at O(log extents), at most kMaxExtents, which is 1 GiB of unfragmented memory; one is made in portions of
// kBlocksPerPortion blocks, or of kCleanPortion frames that are made zero.
#pragma once

#include <array>
#include <cstdint>

#include "capos/base/result.hpp"
#include "core/spin_lock.hpp"
#include "ipc/park_list.hpp"
#include "devices/claim.hpp"
#include "memory/page_source.hpp"
#include "objects/liveness.hpp"
#include "objects/object.hpp"

namespace capos::kernel {

class Process;

class MemoryObject final : public TypedObject<MemoryObject, schema::MemoryOwner> {
 public:
  static constexpr ObjectType kType = ObjectType::memory_object;
  using Interface = schema::MemoryObject;
  static constexpr unsigned kFirstExtents = 8, kMoreExtents = 256, kMaxExtents = kFirstExtents + kMoreExtents;

  // Zeroed pages charged to `payer`. Errors: quota_exceeded, out_of_memory (also when RAM is too fragmented).
  [[nodiscard]] static ResultOf<Ref<MemoryObject>, schema::KernelError> create(Ledger& payer,
                                                                               std::uint64_t pages) noexcept;
  // The same in portions: begin() makes one without memory, grow() adds to it. True: it has `pages`, all zero; false: a portion
  // has been done. Errors of both as above; after one of grow() it is of no use.
  static constexpr unsigned kBlocksPerPortion = 8;
  [[nodiscard]] static ResultOf<Ref<MemoryObject>, schema::KernelError> begin(Ledger& payer, std::uint64_t pages) noexcept;
  [[nodiscard]] ResultOf<bool, schema::KernelError> grow(std::uint64_t pages) noexcept;
  // The same at once, in one block and so contiguous in kernel memory; pages rounds up to a power of two, at most 1024.
  [[nodiscard]] static ResultOf<Ref<MemoryObject>, schema::KernelError> create_contiguous(
      Ledger& payer, std::uint64_t pages) noexcept;
  // Both, charged to the process's ledger.
  [[nodiscard]] static ResultOf<Ref<MemoryObject>, schema::KernelError> create(Process& owner,
                                                                               std::uint64_t pages) noexcept;
  [[nodiscard]] static ResultOf<Ref<MemoryObject>, schema::KernelError> create_contiguous(
      Process& owner, std::uint64_t pages) noexcept;
  // Memory that exists anyway (device, boot module, kernel ring); page-aligned. Charged: the object itself.
  // Errors: quota_exceeded, out_of_memory.
  [[nodiscard]] static ResultOf<Ref<MemoryObject>, schema::KernelError> wrap(Ledger& payer, hal::MemoryRange range,
                                                                             bool writable) noexcept;

  // Not the owner's: a capability to all of a window's interface is given to who makes it, and to nobody else.
  [[nodiscard]] std::uint64_t interface_id() const noexcept override { return Interface::kInterfaceId; }
  // Device registers, held by `claim` as long as this lives. For mappings only: the kernel has none of its own.
  [[nodiscard]] static ResultOf<Ref<MemoryObject>, schema::KernelError> wrap_device(Ledger& payer, hal::MemoryRange range,
                                                                                    Claim claim) noexcept;

  // A portion: kBlocksPerPortion blocks.
  [[nodiscard]] bool wind_down() noexcept override;

  [[nodiscard]] std::uint64_t pages() const noexcept { return pages_; }
  [[nodiscard]] bool device() const noexcept { return device_; }
  [[nodiscard]] bool writable() const noexcept { return writable_; }
  // Memory that processes were charged for; not a device's, nor the kernel's own.
  [[nodiscard]] bool is_ram() const noexcept { return owned_ || (parent_ && parent_->is_ram()); }
  Locked<ParkList, LockRank::parked_threads> parked;  // who waits on its words, through SharedParkSpaces
  // Range: page < pages().
  [[nodiscard]] hal::PhysicalAddress frame_at(std::uint64_t page) const noexcept;
  // Kernel address of a contiguous object's first byte.
  [[nodiscard]] void* kernel_address() const noexcept { return hal::to_kernel(first_extents_[0].base); }
  // Copies bytes in or out. Range: offset + size within the object.
  void copy_in(std::uint64_t offset, std::span<const std::byte> bytes) noexcept;
  void copy_out(std::uint64_t offset, std::span<std::byte> bytes) const noexcept;
  // The same bytes where they are, if they lie in one block; else nothing. Range: likewise, size not 0.
  [[nodiscard]] std::span<const std::byte> find_flat(std::uint64_t offset, std::uint64_t size) const noexcept;

  // Interface.
  Outcome read(CallContext&, schema::MemoryObject::Read::Params::Reader, schema::MemoryObject::Read::Results::Builder) noexcept;
  Outcome write(CallContext&, schema::MemoryObject::Write::Params::Reader,
                schema::MemoryObject::Write::Results::Builder) noexcept;
  Outcome get_size(CallContext&, const schema::MemoryObject::GetSize::Params::Value&,
                   schema::MemoryObject::GetSize::Results::Value& results) noexcept {
    results.size = pages_ * hal::kPageSize;
    return Outcome::done();
  }
  Outcome create_child(CallContext&, schema::MemoryObject::CreateChild::Params::Reader,
                       schema::MemoryObject::CreateChild::Results::Builder) noexcept;
  Outcome revoke(CallContext&, const schema::MemoryOwner::Revoke::Params::Value&,
                 schema::MemoryOwner::Revoke::Results::Value&) noexcept;
  // What its ancestor has under the same names.
  Outcome read(CallContext&, schema::MemoryReader::Read::Params::Reader, schema::MemoryReader::Read::Results::Builder) noexcept;
  Outcome get_size(CallContext&, const schema::MemoryReader::GetSize::Params::Value&,
                   schema::MemoryReader::GetSize::Results::Value& results) noexcept {
    results.size = pages_ * hal::kPageSize;
    return Outcome::done();
  }

 private:
  // Bytes: more than kReadAtOnce in portions of kReadPortion.
  static constexpr std::uint64_t kReadAtOnce = 8192, kReadPortion = 16384;
  template <typename Results>
  Outcome read_into(CallContext& call, std::uint64_t offset, std::uint64_t count, Results& results) const noexcept;
  Outcome read_portion(CallContext& call, std::uint64_t offset, std::uint64_t count) const noexcept;
  struct Extent {
    hal::PhysicalAddress base;
    std::uint64_t first = 0;  // page of the object; one block of frames, up to the next extent or the end
  };
  struct ExtentPage {
    std::array<Extent, kMoreExtents> extents;
  };
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;

  MemoryObject() noexcept;
  ~MemoryObject();
  void destroy() noexcept override;
  void give_back(unsigned blocks) noexcept;
  [[nodiscard]] ResultOf<void, schema::KernelError> make_room() noexcept;
  void add_block(FrameBlock block) noexcept;
  [[nodiscard]] unsigned extent_of(std::uint64_t page) const noexcept;
  [[nodiscard]] const Extent& extent(unsigned index) const noexcept {
    return index < kFirstExtents ? first_extents_[index] : more_extents_->extents[index - kFirstExtents];
  }
  [[nodiscard]] std::uint64_t extent_pages(unsigned index) const noexcept {
    return (index + 1 < extents_count_ ? extent(index + 1).first : pages_) - extent(index).first;
  }
  [[nodiscard]] bool range_ok(std::uint64_t offset, std::uint64_t size) const noexcept {
    const std::uint64_t total = pages_ * hal::kPageSize;
    return offset <= total && size <= total - offset;
  }

  std::uint64_t pages_ = 0;
  unsigned extents_count_ = 0;
  bool owned_ = false;               // its frames are to be given back
  bool writable_ = true;
  std::uint8_t order_ = kMaxOrder;   // while it grows: larger blocks were not to be had
  Ref<MemoryObject> parent_;         // of a window
  std::uint64_t window_first_ = 0;   // its first page in the parent
  Ref<Liveness> life_;               // of a window
  ExtentPage* more_extents_ = nullptr;
  std::array<Extent, kFirstExtents> first_extents_{};
  bool device_ = false;
  Claim claim_;
};

// In portions of a call, charged to the caller: true: the call's progress holds it. Errors: as MemoryObject::grow().
[[nodiscard]] ResultOf<bool, schema::KernelError> make_memory(CallContext& call, std::uint64_t pages) noexcept;

}  // namespace capos::kernel
