// SPDX-License-Identifier: Apache-2.0
// The loader's word, by the protocol that it used; both kinds of structure lie below 4 GiB, mapped by the first tables.
#include "internal.hpp"

namespace capos::hal::x86 {
namespace {

constinit LoaderInfo loader;

}  // namespace

const LoaderInfo& read_loader(std::uint32_t protocol, std::uint32_t info) noexcept {
  EarlyMemory memory;
  const LoaderFault fault =
      protocol == CAPOS_PROTOCOL_PVH ? read_pvh(memory, info, loader) : read_multiboot2(memory, info, loader);
  if (fault != LoaderFault::none) refuse(text_of(fault), kExitPanic);
  return loader;
}

}  // namespace capos::hal::x86
