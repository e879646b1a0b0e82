// SPDX-License-Identifier: Apache-2.0
#include "memory/memory_object.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "ipc/call_context.hpp"
#include "memory/object_heap.hpp"
#include "process/process.hpp"

namespace capos::kernel {

using schema::KernelError;

MemoryObject::MemoryObject() noexcept : TypedObject(ObjectType::memory_object) {}
MemoryObject::~MemoryObject() = default;

ResultOf<Ref<MemoryObject>, KernelError> MemoryObject::create(Process& owner, std::uint64_t pages) noexcept {
  MemoryObject* const object = heap_new<MemoryObject>();
  if (object == nullptr) return fail(KernelError::out_of_memory);
  Ref<MemoryObject> ref = Ref<MemoryObject>::adopt(object);
  object->owner_ = Ref<Process>::share(owner);
  unsigned order = kMaxOrder;
  while (object->pages_ < pages) {
    const std::uint64_t left = pages - object->pages_;
    order = std::min(order, static_cast<unsigned>(std::bit_width(left)) - 1);
    if (object->add_block(order)) continue;
    if (order == 0) return fail(KernelError::out_of_memory);
    --order;
  }
  return ref;
}

ResultOf<Ref<MemoryObject>, KernelError> MemoryObject::create_contiguous(Process& owner,
                                                                         std::uint64_t pages) noexcept {
  const auto order = static_cast<unsigned>(std::bit_width(pages - 1));
  if (pages == 0 || order > kMaxOrder) return fail(KernelError::bad_range);
  MemoryObject* const object = heap_new<MemoryObject>();
  if (object == nullptr) return fail(KernelError::out_of_memory);
  Ref<MemoryObject> ref = Ref<MemoryObject>::adopt(object);
  object->owner_ = Ref<Process>::share(owner);
  if (!object->add_block(order)) return fail(KernelError::out_of_memory);
  return ref;
}

ResultOf<Ref<MemoryObject>, KernelError> MemoryObject::wrap(hal::MemoryRange range, bool writable) noexcept {
  MemoryObject* const object = heap_new<MemoryObject>();
  if (object == nullptr) return fail(KernelError::out_of_memory);
  object->pages_ = range.size / hal::kPageSize;
  object->extents_[0] = {range.base, object->pages_};
  object->extents_count_ = 1;
  object->writable_ = writable;
  return Ref<MemoryObject>::adopt(object);
}

// One block more at the end; joins the extent before it if they touch.
bool MemoryObject::add_block(unsigned order) noexcept {
  if (extents_count_ == kMaxExtents) return false;
  const FrameBlock block = owner_->pages().take(order);
  if (block.is_none()) return false;
  extents_[extents_count_++] = {block.base, block.pages()};
  pages_ += block.pages();
  return true;
}

void MemoryObject::destroy() noexcept {
  if (owner_) {
    for (unsigned i = 0; i < extents_count_; ++i) {
      owner_->pages().give({extents_[i].base, static_cast<unsigned>(std::countr_zero(extents_[i].pages))});
    }
  }
  heap_delete(this);
}

hal::PhysicalAddress MemoryObject::frame_at(std::uint64_t page) const noexcept {
  for (unsigned i = 0; i < extents_count_; ++i) {
    if (page < extents_[i].pages) {
      return hal::PhysicalAddress(extents_[i].base.value() + page * hal::kPageSize);
    }
    page -= extents_[i].pages;
  }
  return {};
}

void MemoryObject::copy_in(std::uint64_t offset, std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    const std::uint64_t within = offset % hal::kPageSize;
    const std::size_t piece = std::min<std::size_t>(bytes.size(), hal::kPageSize - within);
    auto* const page = static_cast<std::byte*>(hal::to_kernel(frame_at(offset / hal::kPageSize)));
    std::memcpy(page + within, bytes.data(), piece);
    offset += piece;
    bytes = bytes.subspan(piece);
  }
}

void MemoryObject::copy_out(std::uint64_t offset, std::span<std::byte> bytes) const noexcept {
  while (!bytes.empty()) {
    const std::uint64_t within = offset % hal::kPageSize;
    const std::size_t piece = std::min<std::size_t>(bytes.size(), hal::kPageSize - within);
    const auto* const page = static_cast<const std::byte*>(hal::to_kernel(frame_at(offset / hal::kPageSize)));
    std::memcpy(bytes.data(), page + within, piece);
    offset += piece;
    bytes = bytes.subspan(piece);
  }
}

template <typename Results>
Outcome MemoryObject::read_into(std::uint64_t offset, std::uint64_t count, Results& results) const noexcept {
  if (!range_ok(offset, count) || count > abi::kArenaBytes) return Outcome::invalid(KernelError::bad_range);
  copy_out(offset, results.init_data(static_cast<std::uint32_t>(count)));
  return Outcome::done();
}

Outcome MemoryObject::read(CallContext&, schema::MemoryObject::Read::Params::Reader params,
                           schema::MemoryObject::Read::Results::Builder results) noexcept {
  return read_into(params.offset(), params.count(), results);
}

Outcome MemoryObject::read(CallContext&, schema::MemoryReader::Read::Params::Reader params,
                           schema::MemoryReader::Read::Results::Builder results) noexcept {
  return read_into(params.offset(), params.count(), results);
}

Outcome MemoryObject::write(CallContext&, schema::MemoryObject::Write::Params::Reader params,
                            schema::MemoryObject::Write::Results::Builder) noexcept {
  const std::span<const std::byte> data = params.data();
  const std::uint64_t offset = params.offset();
  if (!writable_) return Outcome::invalid(KernelError::bad_protection);
  if (!range_ok(offset, data.size())) return Outcome::invalid(KernelError::bad_range);
  copy_in(offset, data);
  return Outcome::done();
}

}  // namespace capos::kernel
