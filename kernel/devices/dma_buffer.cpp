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
  return place(call, {.hint = params.hint, .object = memory_, .pages = memory_->pages()}, results.addr);
}

}  // namespace capos::kernel
