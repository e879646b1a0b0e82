// SPDX-License-Identifier: Apache-2.0
// The table comes from the second link of the image (CaposKernel.cmake); without it there are no names.
#include "core/symbols.hpp"

#include <cstddef>

#include "capos/hal/machine.hpp"

namespace capos::kernel {
namespace {

struct Symbol {
  std::uint64_t address;
  const char* name;
};

}  // namespace

// Sorted by address. Weak: absent in the first link.
extern "C" [[gnu::weak]] const Symbol capos_symbols_begin[];
extern "C" [[gnu::weak]] const Symbol capos_symbols_end[];

std::string_view symbol_for(std::uint64_t address, std::uint64_t& offset) noexcept {
  const Symbol* low = capos_symbols_begin;
  const Symbol* high = capos_symbols_end;
  if (!hal::is_kernel_code(address)) return {};
  if (low == nullptr || low == high || address < low->address) return {};
  while (high - low > 1) {
    const Symbol* const middle = low + (high - low) / 2;
    (middle->address <= address ? low : high) = middle;
  }
  offset = address - low->address;
  return low->name;
}

}  // namespace capos::kernel
