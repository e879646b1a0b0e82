// SPDX-License-Identifier: Apache-2.0
#include "boot/memory_map.hpp"

#include <algorithm>
#include <limits>

namespace capos::hal {
namespace {
// The end of a range, cut so that it does not wrap.
constexpr std::uint64_t end_of(std::uint64_t base, std::uint64_t size) noexcept {
  const std::uint64_t room = std::numeric_limits<std::uint64_t>::max() - base;
  return base + std::min(size, room);
}
}  // namespace

bool RangeSet::insert(std::size_t index, std::uint64_t from, std::uint64_t to) noexcept {
  if (count_ == kCapacity) return false;
  for (std::size_t i = count_; i > index; --i) ranges_[i] = ranges_[i - 1];
  ++count_;
  set(index, from, to);
  return true;
}

void RangeSet::erase(std::size_t index) noexcept {
  --count_;
  for (std::size_t i = index; i < count_; ++i) ranges_[i] = ranges_[i + 1];
}

bool RangeSet::add(std::uint64_t from, std::uint64_t size) noexcept {
  std::uint64_t to = end_of(from, size);
  if (from == to) return true;
  std::size_t first = 0;
  while (first < count_ && end(first) < from) ++first;
  if (first == count_ || base(first) > to) return insert(first, from, to);
  from = std::min(from, base(first));
  while (first < count_ && base(first) <= to) {
    to = std::max(to, end(first));
    erase(first);
  }
  return insert(first, from, to);
}

bool RangeSet::remove(std::uint64_t from, std::uint64_t size) noexcept {
  const std::uint64_t to = end_of(from, size);
  if (from == to) return true;
  bool complete = true;
  for (std::size_t i = 0; i < count_;) {
    const std::uint64_t low = base(i), high = end(i);
    if (high <= from || low >= to) {
      ++i;
      continue;
    }
    erase(i);
    if (low < from) complete &= insert(i++, low, from);
    if (to < high) complete &= insert(i++, to, high);
  }
  return complete;
}

void RangeSet::shrink_to(std::uint64_t alignment) noexcept {
  for (std::size_t i = 0; i < count_;) {
    const std::uint64_t mask = alignment - 1;
    const std::uint64_t low = end_of(base(i), mask) & ~mask, high = end(i) & ~mask;
    if (low >= high) {
      erase(i);
    } else {
      set(i++, low, high);
    }
  }
}

std::uint64_t RangeSet::take(std::uint64_t size, std::uint64_t alignment, std::uint64_t limit) noexcept {
  for (std::size_t i = count_; i-- > 0;) {
    const std::uint64_t high = std::min(end(i), limit);
    if (size == 0 || high < size) continue;
    const std::uint64_t at = (high - size) & ~(alignment - 1);
    if (at < base(i) || at == 0) continue;
    return remove(at, size) ? at : 0;
  }
  return 0;
}

std::uint64_t RangeSet::total() const noexcept {
  std::uint64_t sum = 0;
  for (const MemoryRange& range : ranges()) sum += range.size;
  return sum;
}

bool RangeSet::contains(std::uint64_t from, std::uint64_t size) const noexcept {
  if (size > std::numeric_limits<std::uint64_t>::max() - from) return false;
  for (std::size_t i = 0; i < count_; ++i)
    if (base(i) <= from && from + size <= end(i)) return true;
  return false;
}

}  // namespace capos::hal
