// SPDX-License-Identifier: Apache-2.0
#include "memory/virtual_memory.hpp"

#include "ipc/call_context.hpp"
#include "process/process.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {

using schema::KernelError;

namespace {

constexpr std::uint32_t kRead = 1, kWrite = 2, kExecute = 4;

bool aligned(std::uint64_t value) noexcept { return value % hal::kPageSize == 0; }

bool in_user_space(std::uint64_t start, std::uint64_t pages) noexcept {
  return start != 0 && aligned(start) && start < abi::kUserEnd && pages != 0 &&
         pages <= (abi::kUserEnd - start) / hal::kPageSize;
}

ResultOf<hal::Protection, KernelError> decode_protection(std::uint32_t bits) noexcept {
  const bool write = (bits & kWrite) != 0, execute = (bits & kExecute) != 0;
  if ((bits & kRead) == 0 || bits > (kRead | kWrite | kExecute) || (write && execute)) {
    return fail(KernelError::bad_protection);
  }
  return hal::Protection{write, execute};
}

KernelError translate(hal::MapError error, const PageSource& source) noexcept {
  switch (error) {
    case hal::MapError::out_of_memory: return source.shortage();
    case hal::MapError::already_mapped: return KernelError::overlap;
    case hal::MapError::write_and_execute: return KernelError::bad_protection;
    default: return KernelError::bad_address;
  }
}

}  // namespace

Region* AddressMap::region_after(std::uint64_t address) noexcept {
  Region* region = regions_.front();
  while (region != nullptr && region->end() <= address) region = regions_.next(*region);
  return region;
}

ResultOf<void, KernelError> AddressMap::map(std::uint64_t start, Ref<MemoryObject> object, std::uint64_t first_page,
                                            std::uint64_t pages, hal::Protection protection, bool read_only) noexcept {
  if (!in_user_space(start, pages)) return fail(KernelError::bad_address);
  if (first_page > object->pages() || pages > object->pages() - first_page) return fail(KernelError::bad_range);
  if (protection.write && (protection.execute || !object->writable())) return fail(KernelError::bad_protection);
  if (read_only && (protection.write || protection.execute)) return fail(KernelError::bad_protection);
  protection.device = object->device();
  Region* const next = region_after(start);
  if (next != nullptr && next->start < start + pages * hal::kPageSize) return fail(KernelError::overlap);
  Region* const region = TRY(charged_new<Region>(source_->ledger()));
  for (std::uint64_t page = 0; page < pages; ++page) {
    const auto mapped = space_.map(hal::UserAddress(start + page * hal::kPageSize),
                                   object->frame_at(first_page + page), protection);
    if (!mapped.has_value()) {
      unmap_pages(start, page);
      charged_delete(source_->ledger(), region);
      return fail(translate(mapped.error(), *source_));
    }
  }
  region->start = start;
  region->pages = pages;
  region->first_page = first_page;
  region->protection = protection;
  region->read_only = read_only;
  region->object = std::move(object);
  if (next != nullptr) {
    regions_.insert_before(*next, *region);
  } else {
    regions_.push_back(*region);
  }
  return {};
}

void AddressMap::unmap_pages(std::uint64_t start, std::uint64_t pages) noexcept {
  for (std::uint64_t page = 0; page < pages; ++page) {
    const hal::UserAddress address(start + page * hal::kPageSize);
    if (space_.unmap(address).has_value()) space_.invalidate(address);
  }
}

std::uint64_t AddressMap::find_room(std::uint64_t pages) noexcept {
  std::uint64_t candidate = abi::kDynamicBase;
  const std::uint64_t size = pages * hal::kPageSize;
  for (Region* region = region_after(candidate); region != nullptr; region = regions_.next(*region)) {
    if (region->start >= candidate && region->start - candidate >= size) break;
    candidate = region->end();
  }
  return in_user_space(candidate, pages) ? candidate : 0;
}

ResultOf<void, KernelError> AddressMap::split_at(std::uint64_t address) noexcept {
  Region* const region = region_after(address);
  if (region == nullptr || region->start >= address) return {};
  const auto made = charged_new<Region>(source_->ledger());
  if (!made.has_value()) return fail(made.error());
  Region* const head = *made;
  head->start = region->start;
  head->pages = (address - region->start) / hal::kPageSize;
  head->first_page = region->first_page;
  head->protection = region->protection;
  head->read_only = region->read_only;
  head->object = region->object;
  regions_.insert_before(*region, *head);
  region->start = address;
  region->pages -= head->pages;
  region->first_page += head->pages;
  return {};
}

void AddressMap::forget(Region& region) noexcept { charged_delete(source_->ledger(), &region); }

// Makes the range consist of whole regions.
ResultOf<void, KernelError> AddressMap::isolate(std::uint64_t start, std::uint64_t pages) noexcept {
  if (!in_user_space(start, pages)) return fail(KernelError::bad_address);
  const std::uint64_t end = start + pages * hal::kPageSize;
  std::uint64_t covered = start;
  for (Region* region = region_after(start); covered < end; region = regions_.next(*region)) {
    if (region == nullptr || region->start > covered) return fail(KernelError::bad_address);
    covered = region->end();
  }
  TRY_VOID(split_at(start));
  return split_at(end);
}

ResultOf<void, KernelError> AddressMap::unmap(std::uint64_t start, std::uint64_t pages) noexcept {
  TRY_VOID(isolate(start, pages));
  const std::uint64_t end = start + pages * hal::kPageSize;
  for (Region* region = region_after(start); region != nullptr && region->start < end;) {
    Region* const next = regions_.next(*region);
    unmap_pages(region->start, region->pages);
    List<Region, RegionTag>::erase(*region);
    forget(*region);
    region = next;
  }
  return {};
}

ResultOf<hal::PhysicalAddress, KernelError> AddressMap::find_word(std::uint64_t address) noexcept {
  const Region* const region = region_after(address);
  if (region == nullptr || region->start > address || !region->object->is_ram()) return fail(KernelError::bad_address);
  return region->object->frame_at(region->first_page + (address - region->start) / hal::kPageSize);
}

void AddressMap::unmap_object(std::uint64_t start, std::uint64_t pages, const MemoryObject& object) noexcept {
  const std::uint64_t end = start + pages * hal::kPageSize;
  for (Region* region = region_after(start); region != nullptr && region->start < end;) {
    Region* const next = regions_.next(*region);
    if (region->object.get() == &object) {
      unmap_pages(region->start, region->pages);
      List<Region, RegionTag>::erase(*region);
      forget(*region);
    }
    region = next;
  }
}

ResultOf<void, KernelError> AddressMap::protect(std::uint64_t start, std::uint64_t pages,
                                                hal::Protection protection) noexcept {
  TRY_VOID(isolate(start, pages));
  const std::uint64_t end = start + pages * hal::kPageSize;
  Region* const first = region_after(start);
  for (Region* region = first; region != nullptr && region->start < end; region = regions_.next(*region)) {
    if (protection.execute && region->object->device()) return fail(KernelError::bad_protection);
    if (protection.write && !region->object->writable()) return fail(KernelError::bad_protection);
    if (region->read_only && (protection.write || protection.execute)) return fail(KernelError::bad_protection);
  }
  for (Region* region = first; region != nullptr && region->start < end; region = regions_.next(*region)) {
    protection.device = region->object->device();
    for (std::uint64_t page = 0; page < region->pages; ++page) {
      const hal::UserAddress address(region->start + page * hal::kPageSize);
      const auto changed = space_.protect(address, protection);
      if (!changed.has_value()) return fail(translate(changed.error(), *source_));
      space_.invalidate(address);
    }
    region->protection = protection;
  }
  return {};
}

bool AddressMap::destroy_step(hal::FrameSource& source, unsigned limit) noexcept {
  for (; limit > 0; --limit) {
    Region* const region = regions_.pop_front();
    if (region == nullptr) return space_.destroy_step(source, limit);
    forget(*region);
  }
  return false;
}

VirtualMemoryObject::VirtualMemoryObject(Process& process) noexcept
    : TypedObject(ObjectType::virtual_memory), process_(Ref<Process>::share(process)) {}

void VirtualMemoryObject::destroy() noexcept { delete_object(this); }

ResultOf<std::uint64_t, KernelError> VirtualMemoryObject::place(std::uint64_t hint, Ref<MemoryObject> object,
                                                                std::uint64_t first_page, std::uint64_t pages,
                                                                std::uint32_t protection, bool read_only) noexcept {
  const hal::Protection decoded = TRY(decode_protection(protection));
  AddressMap& map = process_->memory();
  const std::uint64_t start = hint != 0 ? hint : map.find_room(pages);
  TRY_VOID(map.map(start, std::move(object), first_page, pages, decoded, read_only));
  return start;
}

// Another process may hold the capability, but its own CPU, or the reaper, may be at work on this space.
bool VirtualMemoryObject::is_own(CallContext& call) const noexcept { return &call.process() == process_.get(); }

Outcome VirtualMemoryObject::map(CallContext& call, const Interface::Map::Params::Value& params,
                                 Interface::Map::Results::Value& results) noexcept {
  if (!is_own(call)) return Outcome::failed(KernelError::bad_state);
  if (params.size == 0 || !aligned(params.size) || params.size >= abi::kUserEnd) {
    return Outcome::invalid(KernelError::bad_address);
  }
  const std::uint64_t pages = params.size / hal::kPageSize;
  auto object = MemoryObject::create(process_->ledger(), pages);
  if (!object.has_value()) return Outcome::overloaded(object.error());
  const auto address = place(params.hint, *std::move(object), 0, pages, params.prot, false);
  if (!address.has_value()) return Outcome::invalid(address.error());
  results.addr = *address;
  return Outcome::done();
}

Outcome VirtualMemoryObject::unmap(CallContext& call, const Interface::Unmap::Params::Value& params,
                                   Interface::Unmap::Results::Value&) noexcept {
  if (!is_own(call)) return Outcome::failed(KernelError::bad_state);
  if (!aligned(params.size)) return Outcome::invalid(KernelError::bad_address);
  const auto done = process_->memory().unmap(params.addr, params.size / hal::kPageSize);
  return done.has_value() ? Outcome::done() : Outcome::invalid(done.error());
}

Outcome VirtualMemoryObject::protect(CallContext& call, const Interface::Protect::Params::Value& params,
                                     Interface::Protect::Results::Value&) noexcept {
  if (!is_own(call)) return Outcome::failed(KernelError::bad_state);
  const auto protection = decode_protection(params.prot);
  if (!protection.has_value()) return Outcome::invalid(protection.error());
  if (!aligned(params.size)) return Outcome::invalid(KernelError::bad_address);
  const auto done = process_->memory().protect(params.addr, params.size / hal::kPageSize, *protection);
  return done.has_value() ? Outcome::done() : Outcome::invalid(done.error());
}

Outcome VirtualMemoryObject::map_object(CallContext& call, Interface::MapObject::Params::Reader params,
                                        Interface::MapObject::Results::Builder results) noexcept {
  if (!is_own(call)) return Outcome::failed(KernelError::bad_state);
  MemoryObject* const object = call.argument<MemoryObject>(params.object(), schema::MemoryReader::kInterfaceId);
  if (object == nullptr) return Outcome::invalid(KernelError::bad_capability);
  const bool read_only = call.argument<MemoryObject>(params.object()) == nullptr;
  const std::uint64_t offset = params.offset(), size = params.size();
  if (!aligned(offset) || !aligned(size) || size == 0) return Outcome::invalid(KernelError::bad_range);
  const auto address = place(params.hint(), Ref<MemoryObject>::share(*object), offset / hal::kPageSize,
                             size / hal::kPageSize, params.prot(), read_only);
  if (!address.has_value()) return Outcome::invalid(address.error());
  results.set_addr(*address);
  return Outcome::done();
}

}  // namespace capos::kernel
