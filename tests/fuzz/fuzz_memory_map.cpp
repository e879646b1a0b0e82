// SPDX-License-Identifier: Apache-2.0
// The set of physical ranges that boot makes of the firmware's memory map (PVH and Multiboot entries alike are a base and
// a size): any sequence of its operations, each followed by its invariants.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "boot/memory_map.hpp"

namespace {

using capos::hal::RangeSet;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const RangeSet& set) {
  std::uint64_t end = 0, total = 0;
  bool first = true;
  for (const auto& range : set.ranges()) {
    const std::uint64_t base = range.base.value();
    require(range.size > 0 && range.size <= ~std::uint64_t{0} - base);
    require(first || base > end);
    end = base + range.size;
    total += range.size;
    first = false;
    require(set.contains(base, range.size));
  }
  require(total == set.total());
}

}  // namespace

// Entries of an operation and two numbers, 17 bytes each.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  RangeSet set;
  for (; size >= 17; data += 17, size -= 17) {
    std::uint64_t a = 0, b = 0;
    std::memcpy(&a, data + 1, 8);
    std::memcpy(&b, data + 9, 8);
    const std::uint64_t before = set.total();
    switch (data[0] % 4) {
      case 0:
        if (set.add(a, b)) require(std::min(b, ~a) == 0 || set.contains(a, std::min(b, ~a)));
        else require(set.total() == before);
        break;
      case 1:
        (void)set.remove(a, b);
        require(set.total() <= before && (std::min(b, ~a) == 0 || !set.contains(a, 1)));
        break;
      case 2: set.shrink_to(std::uint64_t{1} << (a % 40)); break;
      default: {
        const std::uint64_t alignment = std::uint64_t{1} << (a % 40);
        const std::uint64_t bytes = b % (1u << 24) + 1;
        const std::uint64_t taken = set.take(bytes, alignment, a);
        require(taken == 0 || (taken % alignment == 0 && !set.contains(taken, 1)));
        require(taken == 0 || (taken <= a && bytes <= a - taken && set.total() <= before - bytes));
      }
    }
    check(set);
  }
  return 0;
}
