// SPDX-License-Identifier: Apache-2.0
// address_space.hpp of the contract: four levels of tables in frames of the source, as costly as real ones, with bits of
// our own. What processors forgive and the contract forbids is noted.
#include "capos/hal/address_space.hpp"

#include <algorithm>
#include <array>

#include "capos/abi/syscall.hpp"
#include "simulation.hpp"

namespace capos::hal {
namespace {

constexpr unsigned kTopLevel = 3;
constexpr std::size_t kEntries = 512;
constexpr std::uint64_t kPresent = 1, kWrite = 2, kExecute = 4, kDevice = 8;
constexpr std::uint64_t kFrame = ~std::uint64_t{kPageSize - 1};

using Table = std::array<std::uint64_t, kEntries>;

Table& table_at(std::uint64_t entry) noexcept { return *static_cast<Table*>(to_kernel(PhysicalAddress(entry & kFrame))); }

std::size_t index_of(std::uint64_t address, unsigned level) noexcept { return address >> (12 + 9 * level) & (kEntries - 1); }

bool is_user_page(std::uint64_t address) noexcept { return address < abi::kUserEnd && address % kPageSize == 0; }

std::uint64_t entry_of(PhysicalAddress frame, Protection protection) noexcept {
  return frame.value() | kPresent | (protection.write ? kWrite : 0) | (protection.execute ? kExecute : 0) |
         (protection.device ? kDevice : 0);
}

// The entry of a mapped page, or nullptr.
std::uint64_t* find(std::uint64_t root, std::uint64_t address) noexcept {
  std::uint64_t* entry = &root;
  for (unsigned level = kTopLevel + 1; level-- > 0;) {
    entry = &table_at(*entry)[index_of(address, level)];
    if ((*entry & kPresent) == 0) return nullptr;
  }
  return entry;
}

// Frees tables below `table` (whose entries name tables of `level - 1`), deepest first; true when none is left.
bool free_below(Table& table, unsigned level, FrameSource& source, unsigned& budget) noexcept {
  for (std::uint64_t& entry : table) {
    if ((entry & kPresent) == 0) continue;
    if (level > 1 && !free_below(table_at(entry), level - 1, source, budget)) return false;
    if (budget == 0) return false;
    --budget;
    source.release(PhysicalAddress(entry & kFrame));
    entry = 0;
  }
  return true;
}

}  // namespace

bool AddressSpace::create(FrameSource& source) noexcept {
  const PhysicalAddress frame = source.allocate();
  if (frame.value() == 0) return false;
  const Table& table = table_at(frame.value());
  if (std::any_of(table.begin(), table.end(), [](std::uint64_t word) { return word != 0; })) {
    host::simulation().note("a frame for a page table is not zero");
  }
  root_ = frame;
  source_ = &source;
  return true;
}

ResultOf<void, MapError> AddressSpace::map(UserAddress page, PhysicalAddress frame, Protection protection) noexcept {
  const std::uint64_t address = page.value();
  if (!is_user_page(address) || frame.value() % kPageSize != 0) return fail(MapError::bad_address);
  if (protection.write && protection.execute) return fail(MapError::write_and_execute);
  if (!protection.device) (void)to_kernel(frame);  // the machine has no memory there: it stops
  Table* table = &table_at(root_.value());
  for (unsigned level = kTopLevel; level > 0; --level) {
    std::uint64_t& entry = (*table)[index_of(address, level)];
    if ((entry & kPresent) == 0) {
      const PhysicalAddress fresh = source_->allocate();
      if (fresh.value() == 0) return fail(MapError::out_of_memory);
      entry = fresh.value() | kPresent;
    }
    table = &table_at(entry);
  }
  std::uint64_t& entry = (*table)[index_of(address, 0)];
  if ((entry & kPresent) != 0) return fail(MapError::already_mapped);
  entry = entry_of(frame, protection);
  return {};
}

ResultOf<PhysicalAddress, MapError> AddressSpace::unmap(UserAddress page) noexcept {
  if (!is_user_page(page.value())) return fail(MapError::bad_address);
  std::uint64_t* const entry = find(root_.value(), page.value());
  if (entry == nullptr) return fail(MapError::not_mapped);
  const PhysicalAddress frame(*entry & kFrame);
  *entry = 0;
  return frame;
}

ResultOf<void, MapError> AddressSpace::protect(UserAddress page, Protection protection) noexcept {
  if (!is_user_page(page.value())) return fail(MapError::bad_address);
  if (protection.write && protection.execute) return fail(MapError::write_and_execute);
  std::uint64_t* const entry = find(root_.value(), page.value());
  if (entry == nullptr) return fail(MapError::not_mapped);
  *entry = entry_of(PhysicalAddress(*entry & kFrame), protection);
  return {};
}

ResultOf<Mapping, MapError> AddressSpace::lookup(UserAddress page) const noexcept {
  if (!is_user_page(page.value())) return fail(MapError::bad_address);
  Mapping found;
  if (!host::walk(root_.value(), page.value(), found)) return fail(MapError::not_mapped);
  return found;
}

bool AddressSpace::next_mapped(UserAddress& from) const noexcept {
  std::uint64_t address = (from.value() + kPageSize - 1) & kFrame;
  while (address < abi::kUserEnd && address >= from.value()) {
    std::uint64_t entry = root_.value();
    unsigned level = kTopLevel + 1;
    do {
      entry = table_at(entry)[index_of(address, --level)];
    } while ((entry & kPresent) != 0 && level > 0);
    if ((entry & kPresent) != 0) {
      from = UserAddress(address);
      return true;
    }
    address = (address | ((std::uint64_t{1} << (12 + 9 * level)) - 1)) + 1;  // the next place of this table
  }
  return false;
}

bool AddressSpace::destroy_step(FrameSource& source, unsigned limit) noexcept {
  if (root_.value() == 0) return true;
  auto& machine = host::simulation();
  for (host::SimulatedCpu& cpu : machine.cpu) {
    if (cpu.root != root_.value()) continue;
    if (&cpu != &machine.here()) machine.note("an address space goes while another CPU uses it");
    cpu.root = 0;
    cpu.remembered.clear();
  }
  unsigned budget = limit;
  if (!free_below(table_at(root_.value()), kTopLevel, source, budget) || budget == 0) return false;
  source.release(root_);
  root_ = {};
  return true;
}

void AddressSpace::invalidate(UserAddress page) noexcept {
  host::SimulatedCpu& cpu = host::simulation().here();
  if (cpu.root == root_.value()) cpu.remembered.erase(page.value());
}

}  // namespace capos::hal

namespace capos::host {

bool walk(std::uint64_t root, std::uint64_t page, hal::Mapping& found) noexcept {
  if (root == 0 || page >= abi::kUserEnd) return false;
  const std::uint64_t* const entry = hal::find(root, page);
  if (entry == nullptr) return false;
  found = {hal::PhysicalAddress(*entry & hal::kFrame),
           {.write = (*entry & hal::kWrite) != 0, .execute = (*entry & hal::kExecute) != 0,
            .device = (*entry & hal::kDevice) != 0}};
  return true;
}

}  // namespace capos::host
