// SPDX-License-Identifier: Apache-2.0
// The table comes from the second link of the image (CaposKernel.cmake); without it there are no names.
#include "core/symbols.hpp"

#include <cstddef>

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

// Where the image's functions are: the linker script's.
extern "C" const char hal_image_start[];
extern "C" const char hal_text_end[];

std::string_view symbol_for(std::uint64_t address, std::uint64_t& offset) noexcept {
  const Symbol* low = capos_symbols_begin;
  const Symbol* high = capos_symbols_end;
  const bool ours = address >= reinterpret_cast<std::uint64_t>(hal_image_start) &&
                    address < reinterpret_cast<std::uint64_t>(hal_text_end);
  if (!ours) return {};
  if (low == nullptr || low == high || address < low->address) return {};
  while (high - low > 1) {
    const Symbol* const middle = low + (high - low) / 2;
    (middle->address <= address ? low : high) = middle;
  }
  offset = address - low->address;
  return low->name;
}

}  // namespace capos::kernel
