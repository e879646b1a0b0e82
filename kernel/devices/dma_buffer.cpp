// SPDX-License-Identifier: Apache-2.0
#include "devices/dma_buffer.hpp"

#include "ipc/call_context.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {

void DmaBuffer::destroy() noexcept { delete_object(this); }

Outcome DmaBuffer::describe(CallContext&, const Interface::Describe::Params::Value&,
                            Interface::Describe::Results::Value& results) noexcept {
  results.physical = memory_->frame_at(0).value();
  results.size = memory_->pages() * hal::kPageSize;
  return Outcome::done();
}

Outcome DmaBuffer::map(CallContext& call, const Interface::Map::Params::Value& params,
                       Interface::Map::Results::Value& results) noexcept {
  AddressMap& map = call.process().memory();
  const std::uint64_t start = params.hint != 0 ? params.hint : map.find_room(memory_->pages());
  const auto mapped = map.map(start, memory_, 0, memory_->pages(), {.write = true});
  if (!mapped.has_value()) return Outcome::invalid(mapped.error());
  results.addr = start;
  return Outcome::done();
}

}  // namespace capos::kernel
