// SPDX-License-Identifier: Apache-2.0
// Address maps.
#include "capos/abi/syscall.hpp"
#include "walk_model.hpp"

namespace capos::ktest {

using schema::KernelError;

namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint32_t kRead = 1, kWrite = 2, kExecute = 4;

bool user_range(std::uint64_t address, std::uint64_t pages) {
  return address != 0 && address % kPage == 0 && address < abi::kUserEnd && pages != 0 &&
         pages <= (abi::kUserEnd - address) / kPage;
}

Error protection_error(std::uint32_t protection) {
  const bool both = (protection & kWrite) != 0 && (protection & kExecute) != 0;
  return (protection & kRead) == 0 || protection > 7 || both ? invalid(KernelError::bad_protection) : kNoError;
}

}  // namespace

void Model::maps(Number number, std::uint64_t address, std::uint64_t pages, Id id, std::uint64_t first,
                 std::uint32_t protection, bool read_only) {
  if (id != 0 && !object(id).device.has_value()) object(id).pinned = true;
  for (std::uint64_t i = 0; i < pages; ++i) {
    process(number).pages[address + i * kPage] = {id, first + i, protection, read_only};
  }
}

bool Model::mapped(const ModelProcess& process, std::uint64_t address, std::uint64_t pages) const {
  for (std::uint64_t i = 0; i < pages; ++i) {
    if (!process.pages.contains(address + i * kPage)) return false;
  }
  return true;
}

Error Model::map_error(Number number, std::uint64_t address, std::uint64_t pages, std::uint32_t protection, Id id,
                       std::uint64_t first, bool read_only) const {
  if (const Error error = protection_error(protection); !error.ok()) return error;
  if (!user_range(address, pages)) return invalid(KernelError::bad_address);
  if (id != 0) {
    const std::uint64_t size = pages_of(id);
    if (first > size || pages > size - first) return invalid(KernelError::bad_range);
    if (read_only && (protection & (kWrite | kExecute)) != 0) return invalid(KernelError::bad_protection);
  }
  const auto& taken = processes_.at(number).pages;
  const auto next = taken.lower_bound(address);
  if (next != taken.end() && next->first < address + pages * kPage) return invalid(KernelError::overlap);
  return kNoError;
}

std::uint64_t Model::room_for(Number number, std::uint64_t pages) const {
  std::uint64_t candidate = abi::kDynamicBase;
  for (const auto& [address, region] : processes_.at(number).pages) {
    if (address < candidate) continue;
    if (address - candidate >= pages * kPage) break;
    candidate = address + kPage;
  }
  return candidate;
}

Error Model::unmap(Number number, std::uint64_t address, std::uint64_t pages) {
  if (!user_range(address, pages) || !mapped(process(number), address, pages)) return invalid(KernelError::bad_address);
  std::set<Id> gone;
  for (std::uint64_t i = 0; i < pages; ++i) {
    gone.insert(process(number).pages.at(address + i * kPage).object);
    process(number).pages.erase(address + i * kPage);
  }
  for (const Id id : gone) {
    if (id != 0) see_unmapped(id, false);
  }
  return kNoError;
}

Error Model::protect(Number number, std::uint64_t address, std::uint64_t pages, std::uint32_t protection) {
  if (const Error error = protection_error(protection); !error.ok()) return error;
  if (!user_range(address, pages) || !mapped(process(number), address, pages)) return invalid(KernelError::bad_address);
  for (std::uint64_t i = 0; i < pages; ++i) {
    const ModelRegion& region = process(number).pages.at(address + i * kPage);
    const bool is_registers = region.object != 0 && object(region.object).kind == Kind::registers;
    if ((region.read_only && (protection & (kWrite | kExecute)) != 0) || (is_registers && (protection & kExecute) != 0)) {
      return invalid(KernelError::bad_protection);
    }
  }
  for (std::uint64_t i = 0; i < pages; ++i) process(number).pages.at(address + i * kPage).protection = protection;
  return kNoError;
}

}  // namespace capos::ktest
