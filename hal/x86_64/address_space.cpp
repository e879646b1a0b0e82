// SPDX-License-Identifier: Apache-2.0
#include "capos/hal/address_space.hpp"

#include <algorithm>
#include <cstring>

#include "capos/abi/syscall.hpp"
#include "instructions.hpp"
#include "page_table.hpp"

namespace capos::hal {
namespace {

using namespace x86;

constexpr unsigned kLooks = 256;
constexpr unsigned kUserRoots = index_of(abi::kUserEnd - 1, kTopLevel) + 1;

constexpr bool is_user_page(std::uint64_t address) noexcept {
  return address < abi::kUserEnd && (address & (kPageSize - 1)) == 0;
}

constexpr std::uint64_t flags_of(Protection protection) noexcept {
  std::uint64_t flags = kPresent | kUser | kAccessed;
  if (protection.write) flags |= kWritable | kDirty;
  if (!protection.execute) flags |= kNoExecute;
  if (protection.device) flags |= kWriteThrough | kCacheDisable;
  return flags;
}

// The entry of a page; null if a table on the way is absent.
std::uint64_t* find(std::uint64_t root, std::uint64_t address) noexcept {
  std::uint64_t table = root;
  for (unsigned level = kTopLevel; level > 0; --level) {
    table = table_at(table)[index_of(address, level)];
    if ((table & kPresent) == 0) return nullptr;
  }
  return &table_at(table)[index_of(address, 0)];
}

std::uint64_t* find_mapped(std::uint64_t root, std::uint64_t address) noexcept {
  std::uint64_t* const entry = find(root, address);
  return entry != nullptr && (*entry & kPresent) != 0 ? entry : nullptr;
}

// Frees the table of entries of `level` on the way to `address`.
void release_table(std::uint64_t root, std::uint64_t address, unsigned level, FrameSource& source) noexcept {
  std::uint64_t* entry = &table_at(root)[index_of(address, kTopLevel)];
  for (unsigned above = kTopLevel - 1; above > level; --above) entry = &table_at(*entry)[index_of(address, above)];
  source.release(PhysicalAddress{*entry & kFrameMask});
  *entry = 0;
}

}  // namespace

bool AddressSpace::create(FrameSource& source) noexcept {
  const PhysicalAddress frame = source.allocate();
  if (frame.value() == 0) return false;
  Table& top = table_at(frame.value());
  const Table& kernel = table_at(kernel_root());
  std::memcpy(&top[kEntries / 2], &kernel[kEntries / 2], sizeof top / 2);
  root_ = frame;
  source_ = &source;
  return true;
}

ResultOf<void, MapError> AddressSpace::map(UserAddress page, PhysicalAddress frame,
                                           Protection protection) noexcept {
  const std::uint64_t address = page.value();
  if (!is_user_page(address) || (frame.value() & ~kFrameMask) != 0) return fail(MapError::bad_address);
  if (protection.write && protection.execute) return fail(MapError::write_and_execute);
  Table* table = &table_at(root_.value());
  for (unsigned level = kTopLevel; level > 0; --level) {
    std::uint64_t& slot = (*table)[index_of(address, level)];
    if ((slot & kPresent) == 0) {
      const PhysicalAddress fresh = source_->allocate();
      if (fresh.value() == 0) return fail(MapError::out_of_memory);
      slot = fresh.value() | kPresent | kWritable | kUser | kAccessed;
    }
    table = &table_at(slot);
  }
  std::uint64_t& entry = (*table)[index_of(address, 0)];
  if ((entry & kPresent) != 0) return fail(MapError::already_mapped);
  entry = frame.value() | flags_of(protection);
  return {};
}

ResultOf<PhysicalAddress, MapError> AddressSpace::unmap(UserAddress page) noexcept {
  if (!is_user_page(page.value())) return fail(MapError::bad_address);
  std::uint64_t* const entry = find_mapped(root_.value(), page.value());
  if (entry == nullptr) return fail(MapError::not_mapped);
  const PhysicalAddress frame{*entry & kFrameMask};
  *entry = 0;
  return frame;
}

ResultOf<void, MapError> AddressSpace::protect(UserAddress page, Protection protection) noexcept {
  if (!is_user_page(page.value())) return fail(MapError::bad_address);
  if (protection.write && protection.execute) return fail(MapError::write_and_execute);
  std::uint64_t* const entry = find_mapped(root_.value(), page.value());
  if (entry == nullptr) return fail(MapError::not_mapped);
  *entry = (*entry & kFrameMask) | flags_of(protection);
  return {};
}

ResultOf<Mapping, MapError> AddressSpace::lookup(UserAddress page) const noexcept {
  if (!is_user_page(page.value())) return fail(MapError::bad_address);
  const std::uint64_t* const entry = find_mapped(root_.value(), page.value());
  if (entry == nullptr) return fail(MapError::not_mapped);
  return Mapping{PhysicalAddress{*entry & kFrameMask},
                 {.write = (*entry & kWritable) != 0, .execute = (*entry & kNoExecute) == 0,
                  .device = (*entry & kCacheDisable) != 0}};
}

bool AddressSpace::next_mapped(UserAddress& from) const noexcept {
  std::uint64_t address = (from.value() + kPageSize - 1) & ~std::uint64_t{kPageSize - 1};
  while (address < abi::kUserEnd && address >= from.value()) {
    std::uint64_t table = root_.value();
    unsigned level = kTopLevel;
    for (;; --level) {
      table = table_at(table)[index_of(address, level)];
      if ((table & kPresent) == 0 || level == 0) break;
    }
    if ((table & kPresent) != 0) {
      from = UserAddress{address};
      return true;
    }
    address = (address | (span_of(level) - 1)) + 1;
  }
  return false;
}

bool AddressSpace::destroy_step(FrameSource& source, unsigned limit) noexcept {
  if (root_.value() == 0) return true;
  PerCpu& block = this_block();
  if (block.root == root_.value()) {
    block.root = kernel_root();
    write_cr3(block.root);
  }
  // From the lowest address up, the deepest table that there is, along its entries. Tables above page tables go with their last entry.
  for (unsigned looks = kLooks; torn_down_ < abi::kUserEnd;) {
    Table* table = &table_at(root_.value());
    unsigned level = kTopLevel, index = index_of(torn_down_, level);
    for (; level > 1 && ((*table)[index] & kPresent) != 0; index = index_of(torn_down_, level)) {
      table = &table_at((*table)[index]);
      --level;
    }
    const unsigned end = level == kTopLevel ? kUserRoots : kEntries;
    const unsigned first = index, most = std::min(end, first + looks);
    while (index < most && ((*table)[index] & kPresent) == 0) ++index;
    looks -= index - first;
    torn_down_ += (index - first) * span_of(level);
    if (index < end && ((*table)[index] & kPresent) == 0) return false;
    if (index == end) {
      for (; level < kTopLevel; ++level) {
        release_table(root_.value(), torn_down_ - 1, level, source);
        if (index_of(torn_down_, level + 1) != 0) break;  // else the table above ends here too
      }
    } else if (level == 1) {
      if (limit == 0) return false;
      --limit;
      source.release(PhysicalAddress{(*table)[index] & kFrameMask});
      (*table)[index] = 0;
    }
  }
  source.release(root_);
  root_ = {};
  return true;
}

void AddressSpace::invalidate(UserAddress page) noexcept {
  if (this_block().root == root_.value()) invlpg(page.value());
}

}  // namespace capos::hal
