// SPDX-License-Identifier: Apache-2.0
#include "memory/memory_object.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "ipc/call_context.hpp"
#include "process/process.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {

using schema::KernelError;

MemoryObject::MemoryObject() noexcept : TypedObject(ObjectType::memory_object) {}
MemoryObject::~MemoryObject() = default;

ResultOf<Ref<MemoryObject>, KernelError> MemoryObject::begin(Ledger& payer, std::uint64_t pages) noexcept {
  if (pages > payer.left(Resource::frames)) return fail(KernelError::quota_exceeded);
  Ref<MemoryObject> object = TRY(new_object<MemoryObject>(payer));
  object->owned_ = true;
  return object;
}

ResultOf<bool, KernelError> MemoryObject::grow(std::uint64_t pages) noexcept {
  PageSource& source = payer()->pages();
  for (unsigned blocks = 0; pages_ < pages; ++blocks) {
    if (blocks == kBlocksPerPortion) return false;
    TRY_VOID(make_room());
    order_ = static_cast<std::uint8_t>(std::min<std::uint64_t>(order_, std::bit_width(pages - pages_) - 1));
    const FrameBlock block = source.take_clean(order_);
    if (!block.is_none()) {
      add_block(block);
      continue;
    }
    const bool affordable = payer()->left(Resource::frames) >= std::uint64_t{1} << order_;
    if (affordable && clean_portion()) return false;
    if (order_ == 0) return fail(source.shortage());
    --order_;
  }
  return true;
}

ResultOf<Ref<MemoryObject>, KernelError> MemoryObject::create(Ledger& payer, std::uint64_t pages) noexcept {
  Ref<MemoryObject> object = TRY(begin(payer, pages));
  while (!TRY(object->grow(pages))) {
  }
  return object;
}

ResultOf<Ref<MemoryObject>, KernelError> MemoryObject::create_contiguous(Ledger& payer, std::uint64_t pages) noexcept {
  const auto order = static_cast<unsigned>(std::bit_width(pages - 1));
  if (pages == 0 || order > kMaxOrder) return fail(KernelError::bad_range);
  Ref<MemoryObject> object = TRY(new_object<MemoryObject>(payer));
  object->owned_ = true;
  const FrameBlock block = payer.pages().take(order);
  if (block.is_none()) return fail(payer.pages().shortage(std::uint64_t{1} << order));
  object->add_block(block);
  return object;
}

ResultOf<Ref<MemoryObject>, KernelError> MemoryObject::create(Process& owner, std::uint64_t pages) noexcept {
  return create(owner.ledger(), pages);
}

ResultOf<Ref<MemoryObject>, KernelError> MemoryObject::create_contiguous(Process& owner,
                                                                         std::uint64_t pages) noexcept {
  return create_contiguous(owner.ledger(), pages);
}

ResultOf<Ref<MemoryObject>, KernelError> MemoryObject::wrap(Ledger& payer, hal::MemoryRange range,
                                                            bool writable) noexcept {
  Ref<MemoryObject> object = TRY(new_object<MemoryObject>(payer));
  object->pages_ = range.size / hal::kPageSize;
  object->first_extents_[0] = {range.base, 0};
  object->extents_count_ = 1;
  object->writable_ = writable;
  return object;
}

ResultOf<Ref<MemoryObject>, KernelError> MemoryObject::wrap_device(Ledger& payer, hal::MemoryRange range,
                                                                   Claim claim) noexcept {
  Ref<MemoryObject> object = TRY(wrap(payer, range, true));
  object->device_ = true;
  object->claim_ = std::move(claim);
  return object;
}

// For an extent more.
ResultOf<void, KernelError> MemoryObject::make_room() noexcept {
  if (extents_count_ == kMaxExtents) return fail(KernelError::out_of_memory);
  if (extents_count_ == kFirstExtents && more_extents_ == nullptr) more_extents_ = TRY(charged_new<ExtentPage>(*payer()));
  return {};
}

// One block more at the end.
void MemoryObject::add_block(FrameBlock block) noexcept {
  const Extent made{block.base, pages_};
  if (extents_count_ < kFirstExtents) {
    first_extents_[extents_count_] = made;
  } else {
    more_extents_->extents[extents_count_ - kFirstExtents] = made;
  }
  ++extents_count_;
  pages_ += block.pages();
}

// The last `blocks` of those that it owns.
void MemoryObject::give_back(unsigned blocks) noexcept {
  std::uint64_t pages = 0;
  auto allocator = frames().lock();
  for (; blocks != 0 && extents_count_ != 0; --blocks) {
    const Extent& last = extent(extents_count_ - 1);
    const std::uint64_t its = pages_ - last.first;
    allocator->release({last.base, static_cast<unsigned>(std::countr_zero(its))});
    pages_ = last.first;
    pages += its;
    --extents_count_;
  }
  payer()->give_back(Resource::frames, pages);
}

bool MemoryObject::wind_down() noexcept {
  if (!owned_ || extents_count_ <= kBlocksPerPortion) return true;
  give_back(kBlocksPerPortion);
  return false;
}

void MemoryObject::destroy() noexcept {
  while (owned_ && extents_count_ != 0) give_back(kBlocksPerPortion);
  if (more_extents_ != nullptr) charged_delete(*payer(), more_extents_);
  if (life_) {
    life_->end();
    leases_changed();
  }
  delete_object(this);
}

inline unsigned MemoryObject::extent_of(std::uint64_t page) const noexcept {
  unsigned low = 0;
  for (unsigned high = extents_count_; high - low > 1;) {
    const unsigned middle = (low + high) / 2;
    (extent(middle).first <= page ? low : high) = middle;
  }
  return low;
}

std::span<const std::byte> MemoryObject::find_flat(std::uint64_t offset, std::uint64_t size) const noexcept {
  if (parent_) return parent_->find_flat(offset + window_first_ * hal::kPageSize, size);
  if (extent_of(offset / hal::kPageSize) != extent_of((offset + size - 1) / hal::kPageSize)) return {};
  const auto* const page = static_cast<const std::byte*>(hal::to_kernel(frame_at(offset / hal::kPageSize)));
  return {page + offset % hal::kPageSize, size};
}

hal::PhysicalAddress MemoryObject::frame_at(std::uint64_t page) const noexcept {
  if (parent_) return parent_->frame_at(window_first_ + page);
  const Extent& found = extent(extent_of(page));
  return hal::PhysicalAddress(found.base.value() + (page - found.first) * hal::kPageSize);
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

ResultOf<bool, KernelError> make_memory(CallContext& call, std::uint64_t pages) noexcept {
  CallProgress& progress = call.progress;
  if (!progress.begun) {
    progress.object = TRY(MemoryObject::begin(call.ledger(), pages));
    progress.begun = true;
  }
  return static_cast<MemoryObject&>(*progress.object).grow(pages);
}

template <typename Results>
Outcome MemoryObject::read_into(CallContext& call, std::uint64_t offset, std::uint64_t count, Results& results) const noexcept {
  if (!range_ok(offset, count) || count > abi::kArenaBytes) return Outcome::invalid(KernelError::bad_range);
  if (count > kReadAtOnce) return read_portion(call, offset, count);
  // Room that is made zero first costs as much again.
  if (const auto flat = count == 0 ? std::span<const std::byte>() : find_flat(offset, count); !flat.empty()) {
    results.set_data(flat);
  } else {
    copy_out(offset, results.init_data(static_cast<std::uint32_t>(count)));
  }
  return Outcome::done();
}

// Straight into the caller's arena, as the message of Read.Results: two pointers, to a struct of one and to its bytes.
Outcome MemoryObject::read_portion(CallContext& call, std::uint64_t offset, std::uint64_t count) const noexcept {
  constexpr std::uint64_t kStruct = std::uint64_t{1} << 48, kBytes = 2;
  constexpr std::size_t kPointers = 2 * sizeof(wire::Word);
  const std::uint64_t whole = kPointers + (count + 7) / 8 * 8;
  if (whole > call.results_at.size()) return Outcome::transport(schema::TransportError::result_too_large);
  call.progress.begun = true;
  std::uint64_t& done = call.progress.done;
  done = std::min(done, count);  // it may have been more
  const std::uint64_t piece = std::min<std::uint64_t>(count - done, kReadPortion);
  copy_out(offset + done, call.results_at.subspan(kPointers + done, piece));
  done += piece;
  if (done != count) return Outcome::unfinished();
  const std::uint64_t pointers[2] = {kStruct, count << 35 | kBytes << 32 | 1};
  std::memcpy(call.results_at.data(), pointers, sizeof pointers);
  std::memset(call.results_at.data() + kPointers + count, 0, whole - kPointers - count);
  call.placed = static_cast<std::uint32_t>(whole);
  return Outcome::done();
}

Outcome MemoryObject::read(CallContext& call, schema::MemoryObject::Read::Params::Reader params,
                           schema::MemoryObject::Read::Results::Builder results) noexcept {
  return read_into(call, params.offset(), params.count(), results);
}

Outcome MemoryObject::read(CallContext& call, schema::MemoryReader::Read::Params::Reader params,
                           schema::MemoryReader::Read::Results::Builder results) noexcept {
  return read_into(call, params.offset(), params.count(), results);
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

Outcome MemoryObject::create_child(CallContext& call, schema::MemoryObject::CreateChild::Params::Reader params,
                                   schema::MemoryObject::CreateChild::Results::Builder results) noexcept {
  const std::uint64_t offset = params.offset(), size = params.size();
  if (offset % hal::kPageSize != 0 || size % hal::kPageSize != 0 || size == 0 || !range_ok(offset, size)) {
    return Outcome::invalid(KernelError::bad_range);
  }
  Ledger& ledger = call.ledger();
  // Within the lease that the caller holds this by: who loses his capability loses what he made of it.
  auto life = Liveness::create(ledger, call.edge().lease, Liveness::kForEver);
  if (!life.has_value()) return Outcome::overloaded(life.error());
  auto window = new_object<MemoryObject>(ledger);
  if (!window.has_value()) return Outcome::overloaded(window.error());
  MemoryObject& made = **window;
  made.parent_ = parent_ ? parent_ : Ref<MemoryObject>::share(*this);
  made.window_first_ = window_first_ + offset / hal::kPageSize;
  made.pages_ = size / hal::kPageSize;
  made.writable_ = writable_;
  made.life_ = *life;
  HoldEdge edge = call.edge();
  edge.lease = life->get();
  const auto index = call.give(*std::move(window), schema::MemoryOwner::kInterfaceId, edge);
  if (!index.has_value()) return Outcome::overloaded(index.error());
  results.set_child(*index);
  return Outcome::done();
}

Outcome MemoryObject::revoke(CallContext&, const schema::MemoryOwner::Revoke::Params::Value&,
                             schema::MemoryOwner::Revoke::Results::Value&) noexcept {
  life_->end();  // only windows have capabilities to this interface
  leases_changed();
  return Outcome::done();
}

}  // namespace capos::kernel
