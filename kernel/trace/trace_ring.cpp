// SPDX-License-Identifier: Apache-2.0
#include "trace/trace_ring.hpp"

#include <bit>
#include <cstring>

#include "memory/frame_allocator.hpp"
#include "resources/ledger.hpp"

namespace capos::kernel {

bool TraceRing::create(CpuId cpu, std::uint64_t events) noexcept {
  const std::uint64_t bytes = abi::kTraceEventsOffset + events * abi::kTraceEventBytes;
  const auto order = static_cast<unsigned>(std::bit_width((bytes - 1) / hal::kPageSize));
  if (events == 0 || (events & (events - 1)) != 0 || order > kMaxOrder) return false;
  const FrameBlock block = frames().lock()->allocate(order);
  if (block.is_none()) return false;
  auto memory = MemoryObject::wrap(machine_ledger(), {block.base, (bytes + hal::kPageSize - 1) / hal::kPageSize * hal::kPageSize}, false);
  if (!memory.has_value()) return false;
  memory_ = *std::move(memory);
  // Events need no zeroing: none is read before `head` has passed it.
  header_ = static_cast<abi::TraceRingHeader*>(hal::to_kernel(block.base));
  std::memset(header_, 0, sizeof *header_);
  header_->magic = abi::kTraceRingMagic;
  header_->version = 1;
  header_->cpu = cpu.value();
  header_->capacity = events;
  events_ = reinterpret_cast<std::uint64_t*>(reinterpret_cast<std::byte*>(header_) + abi::kTraceEventsOffset);
  mask_ = events - 1;
  cpu_ = cpu.value();
  return true;
}

const std::uint64_t* TraceRing::recent(std::uint64_t age) const noexcept {
  if (header_ == nullptr || header_->head <= age || age > mask_) return nullptr;
  return events_ + ((header_->head - 1 - age) & mask_) * 8;
}

}  // namespace capos::kernel
