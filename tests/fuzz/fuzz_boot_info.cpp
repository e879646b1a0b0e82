// SPDX-License-Identifier: Apache-2.0
// What a boot loader leaves in memory, by PVH and by Multiboot2: the input's first byte says which; the rest is physical
// memory from kBase on, and what is read elsewhere is not there.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "boot/loader_info.hpp"

namespace {

using namespace capos::hal;

constexpr std::uint64_t kBase = 0x1000;

void require(bool holds) {
  if (!holds) std::abort();
}

class Memory final : public PhysicalReader {
 public:
  Memory(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool read(std::uint64_t address, std::span<std::uint8_t> into) noexcept override {
    // More than this for one boot is a loop that its input makes long.
    require(++reads_ < 8 * LoaderInfo::kMaxTags + 16 * LoaderInfo::kMaxMapEntries + 2 * LoaderInfo::kMaxTags * 4096);
    if (address < kBase || address - kBase > size_ || into.size() > size_ - (address - kBase)) return false;
    std::memcpy(into.data(), data_ + (address - kBase), into.size());
    return true;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::uint64_t reads_ = 0;
};

void check(const RangeSet& set) {
  std::uint64_t end = 0, total = 0;
  bool first = true;
  for (const auto& range : set.ranges()) {
    const std::uint64_t base = range.base.value();
    require(range.size > 0 && range.size <= ~std::uint64_t{0} - base && (first || base > end));
    end = base + range.size;
    total += range.size;
    first = false;
  }
  require(total == set.total());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Memory memory(data + 1, size - 1);
  LoaderInfo info;
  const LoaderFault fault = data[0] % 2 == 0 ? read_pvh(memory, kBase, info) : read_multiboot2(memory, kBase, info);
  check(info.ram);
  require(info.command_line().size() <= info.text.size());
  require(info.command_line().find('\0') == std::string_view::npos);
  require(fault != LoaderFault::none || info.ram.total() > 0);
  return 0;
}
