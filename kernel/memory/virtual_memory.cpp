// SPDX-License-Identifier: Apache-2.0
#include "memory/virtual_memory.hpp"

#include <algorithm>
#include <utility>

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

Region* AddressMap::region_at(std::uint64_t start) noexcept {
  if (recent_ != nullptr && recent_->start == start) return recent_;
  Region* const region = region_after(start);
  return region != nullptr && region->start == start ? region : nullptr;
}

ResultOf<Region*, KernelError> AddressMap::make_region() noexcept {
  if (count_ == kMaxRegions) return fail(KernelError::quota_exceeded);
  Region* const region = TRY(charged_new<Region>(source_->ledger()));
  ++count_;
  return region;
}

void AddressMap::forget(Region& region) noexcept {
  if (recent_ == &region) recent_ = nullptr;
  List<Region, RegionTag>::erase(region);
  --count_;
  charged_delete(source_->ledger(), &region);
}

ResultOf<void, KernelError> AddressMap::begin_map(std::uint64_t start, Ref<MemoryObject> object, std::uint64_t first_page,
                                                  std::uint64_t pages, hal::Protection protection, bool read_only) noexcept {
  if (!in_user_space(start, pages)) return fail(KernelError::bad_address);
  if (first_page > object->pages() || pages > object->pages() - first_page) return fail(KernelError::bad_range);
  if (protection.write && (protection.execute || !object->writable())) return fail(KernelError::bad_protection);
  if (read_only && (protection.write || protection.execute)) return fail(KernelError::bad_protection);
  protection.device = object->device();
  Region* const next = region_after(start);
  if (next != nullptr && next->start < start + pages * hal::kPageSize) return fail(KernelError::overlap);
  Region* const region = TRY(make_region());
  region->start = start;
  region->pages = pages;
  region->first_page = first_page;
  region->protection = protection;
  region->read_only = read_only;
  region->object = std::move(object);
  recent_ = region;
  if (next != nullptr) {
    regions_.insert_before(*next, *region);
  } else {
    regions_.push_back(*region);
  }
  return {};
}

ResultOf<bool, KernelError> AddressMap::map_portion(std::uint64_t start) noexcept {
  constexpr std::uint64_t kTables = 3;  // that the first page of a portion may need
  Region* const region = region_at(start);
  if (region == nullptr) return fail(KernelError::bad_address);
  if (!clean_ahead(kTables, 0)) return false;
  for (unsigned portion = kMapPortion; portion != 0 && region->in_the_making(); --portion) {
    const auto mapped = space_.map(hal::UserAddress(start + region->mapped * hal::kPageSize),
                                   region->object->frame_at(region->first_page + region->mapped), region->protection);
    if (!mapped.has_value()) return fail(translate(mapped.error(), *source_));
    ++region->mapped;
  }
  return !region->in_the_making();
}

bool AddressMap::undo_portion(std::uint64_t start) noexcept {
  Region* const region = region_at(start);
  if (region == nullptr) return true;
  const std::uint64_t portion = std::min<std::uint64_t>(region->mapped, kUnmapPortion);
  region->mapped -= portion;
  unmap_pages(start + region->mapped * hal::kPageSize, portion);
  if (region->mapped != 0) return false;
  forget(*region);
  return true;
}

void AddressMap::settle(std::uint64_t start) noexcept {
  Region* const region = region_at(start);
  if (region == nullptr) return;
  region->pages = region->mapped;
  if (region->pages == 0) forget(*region);
}

ResultOf<void, KernelError> AddressMap::map(std::uint64_t start, Ref<MemoryObject> object, std::uint64_t first_page,
                                            std::uint64_t pages, hal::Protection protection, bool read_only) noexcept {
  TRY_VOID(begin_map(start, std::move(object), first_page, pages, protection, read_only));
  for (;;) {
    const auto done = map_portion(start);
    if (done.has_value() && *done) return {};
    if (done.has_value()) continue;
    while (!undo_portion(start)) {
    }
    return fail(done.error());
  }
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

namespace {

void take_off_front(Region& region, std::uint64_t pages) noexcept {
  region.start += pages * hal::kPageSize;
  region.pages -= pages;
  region.mapped -= pages;
  region.first_page += pages;
}

}  // namespace

// It begins at `address`, which is within it, from now on; what was before that is a region of its own.
ResultOf<void, KernelError> AddressMap::split(Region& region, std::uint64_t address) noexcept {
  Region* const head = TRY(make_region());
  head->start = region.start;
  head->pages = head->mapped = (address - region.start) / hal::kPageSize;
  head->first_page = region.first_page;
  head->protection = region.protection;
  head->read_only = region.read_only;
  head->object = region.object;
  regions_.insert_before(region, *head);
  if (recent_ == &region) recent_ = head;
  take_off_front(region, head->pages);
  return {};
}

// Makes the range consist of whole regions, none of them in the making.
ResultOf<void, KernelError> AddressMap::isolate(std::uint64_t start, std::uint64_t pages) noexcept {
  if (!in_user_space(start, pages)) return fail(KernelError::bad_address);
  const std::uint64_t end = start + pages * hal::kPageSize;
  std::uint64_t covered = start;
  Region *const first = region_after(start), *last = nullptr;
  for (Region* region = first; covered < end; region = regions_.next(*region)) {
    if (region == nullptr || region->start > covered) return fail(KernelError::bad_address);
    if (region->in_the_making()) return fail(KernelError::bad_state);
    covered = region->end();
    last = region;
  }
  if (first->start < start) TRY_VOID(split(*first, start));
  recent_ = first;
  return last->end() > end ? split(*last, end) : ResultOf<void, KernelError>{};
}

ResultOf<void, KernelError> AddressMap::begin_unmap(std::uint64_t start, std::uint64_t pages) noexcept {
  return isolate(start, pages);
}

ResultOf<std::uint64_t, KernelError> AddressMap::unmap_portion(std::uint64_t start, std::uint64_t most) noexcept {
  Region* const region = region_at(start);
  if (region == nullptr) return fail(KernelError::bad_address);
  if (region->in_the_making()) return fail(KernelError::bad_state);
  const std::uint64_t pages = std::min({most, region->pages, std::uint64_t{kUnmapPortion}});
  unmap_pages(start, pages);
  if (pages == region->pages) {
    forget(*region);
  } else {
    take_off_front(*region, pages);
  }
  return pages;
}

ResultOf<hal::PhysicalAddress, KernelError> AddressMap::find_word(std::uint64_t address) noexcept {
  const Region* const region = region_after(address);
  if (region == nullptr || region->start > address || !region->object->is_ram()) return fail(KernelError::bad_address);
  const std::uint64_t page = (address - region->start) / hal::kPageSize;
  if (page >= region->mapped) return fail(KernelError::bad_address);
  return region->object->frame_at(region->first_page + page);
}

void AddressMap::unmap_object(std::uint64_t start, std::uint64_t pages, const MemoryObject& object) noexcept {
  const std::uint64_t end = start + pages * hal::kPageSize;
  for (Region* region = region_after(start); region != nullptr && region->start < end;) {
    Region* const next = regions_.next(*region);
    if (region->object.get() == &object) {
      unmap_pages(region->start, region->mapped);
      forget(*region);
    }
    region = next;
  }
}

namespace {

bool permits(const Region& region, hal::Protection protection) noexcept {
  if (protection.execute && region.object->device()) return false;
  if (protection.write && !region.object->writable()) return false;
  return !region.read_only || (!protection.write && !protection.execute);
}

}  // namespace

ResultOf<void, KernelError> AddressMap::begin_protect(std::uint64_t start, std::uint64_t pages,
                                                      hal::Protection protection) noexcept {
  TRY_VOID(isolate(start, pages));
  const std::uint64_t end = start + pages * hal::kPageSize;
  for (Region* region = region_after(start); region != nullptr && region->start < end; region = regions_.next(*region)) {
    if (!permits(*region, protection)) return fail(KernelError::bad_protection);
  }
  return {};
}

ResultOf<std::uint64_t, KernelError> AddressMap::protect_portion(std::uint64_t start, std::uint64_t most,
                                                                 hal::Protection protection) noexcept {
  const Region* const region = region_after(start);
  if (region == nullptr || region->start > start) return fail(KernelError::bad_address);
  if (region->in_the_making()) return fail(KernelError::bad_state);
  if (!permits(*region, protection)) return fail(KernelError::bad_protection);
  protection.device = region->object->device();
  const std::uint64_t pages = std::min({most, (region->end() - start) / hal::kPageSize, std::uint64_t{kProtectPortion}});
  for (std::uint64_t page = 0; page < pages; ++page) {
    const hal::UserAddress address(start + page * hal::kPageSize);
    const auto changed = space_.protect(address, protection);
    if (!changed.has_value()) return fail(translate(changed.error(), *source_));
    space_.invalidate(address);
  }
  return pages;
}

bool AddressMap::destroy_step(hal::FrameSource& source, unsigned limit) noexcept {
  for (; limit > 0; --limit) {
    Region* const region = regions_.front();
    if (region == nullptr) return space_.destroy_step(source, limit);
    forget(*region);
  }
  return false;
}

VirtualMemoryObject::VirtualMemoryObject(Process& process) noexcept
    : TypedObject(ObjectType::virtual_memory), process_(Ref<Process>::share(process)) {}

void VirtualMemoryObject::destroy() noexcept { delete_object(this); }

Outcome place(CallContext& call, Placement what, std::uint64_t& address) noexcept {
  CallProgress& progress = call.progress;
  if (progress.place == 0) {
    AddressMap& map = call.process().memory();
    const std::uint64_t start = what.hint != 0 ? what.hint : map.find_room(what.pages);
    const auto begun =
        map.begin_map(start, std::move(what.object), what.first_page, what.pages, what.protection, what.read_only);
    if (!begun.has_value()) return Outcome::invalid(begun.error());
    progress.begun = true;
    progress.done = 0;
    progress.place = start;
  }
  return go_on_placing(call, address);
}

// `progress.done`: 0, or one more than the error for which what is mapped is being taken back.
Outcome go_on_placing(CallContext& call, std::uint64_t& address) noexcept {
  AddressMap& map = call.process().memory();
  CallProgress& progress = call.progress;
  if (progress.done == 0) {
    const auto done = map.map_portion(progress.place);
    if (done.has_value() && !*done) return Outcome::unfinished();
    if (done.has_value()) {
      address = std::exchange(progress.place, 0);
      return Outcome::done();
    }
    progress.done = 1 + static_cast<std::uint64_t>(done.error());
  }
  if (!map.undo_portion(progress.place)) return Outcome::unfinished();
  progress.place = 0;
  return Outcome::invalid(static_cast<KernelError>(progress.done - 1));
}

// Another process may hold the capability, but its own CPU, or the reaper, may be at work on this space.
bool VirtualMemoryObject::is_own(CallContext& call) const noexcept { return &call.process() == process_.get(); }

Outcome VirtualMemoryObject::map(CallContext& call, const Interface::Map::Params::Value& params,
                                 Interface::Map::Results::Value& results) noexcept {
  if (!is_own(call)) return Outcome::failed(KernelError::bad_state);
  if (params.size == 0 || !aligned(params.size) || params.size >= abi::kUserEnd) {
    return Outcome::invalid(KernelError::bad_address);
  }
  if (call.progress.place != 0) return go_on_placing(call, results.addr);
  const std::uint64_t pages = params.size / hal::kPageSize;
  const auto made = make_memory(call, pages);
  if (!made.has_value()) return Outcome::overloaded(made.error());
  if (!*made) return Outcome::unfinished();
  const auto protection = decode_protection(params.prot);
  if (!protection.has_value()) return Outcome::invalid(protection.error());
  Ref<MemoryObject> object = Ref<MemoryObject>::share(static_cast<MemoryObject&>(*call.progress.object));
  return place(call, {.hint = params.hint, .object = std::move(object), .pages = pages, .protection = *protection}, results.addr);
}

Outcome VirtualMemoryObject::unmap(CallContext& call, const Interface::Unmap::Params::Value& params,
                                   Interface::Unmap::Results::Value&) noexcept {
  if (!is_own(call)) return Outcome::failed(KernelError::bad_state);
  if (!aligned(params.size)) return Outcome::invalid(KernelError::bad_address);
  const std::uint64_t pages = params.size / hal::kPageSize;
  AddressMap& map = process_->memory();
  if (!call.progress.begun) {
    const auto begun = map.begin_unmap(params.addr, pages);
    if (!begun.has_value()) return Outcome::invalid(begun.error());
    call.progress.begun = true;
  }
  std::uint64_t& done = call.progress.done;
  const auto unmapped = map.unmap_portion(params.addr + done * hal::kPageSize, pages - done);
  if (!unmapped.has_value()) return Outcome::invalid(unmapped.error());
  done += *unmapped;
  return done == pages ? Outcome::done() : Outcome::unfinished();
}

Outcome VirtualMemoryObject::protect(CallContext& call, const Interface::Protect::Params::Value& params,
                                     Interface::Protect::Results::Value&) noexcept {
  if (!is_own(call)) return Outcome::failed(KernelError::bad_state);
  const auto protection = decode_protection(params.prot);
  if (!protection.has_value()) return Outcome::invalid(protection.error());
  if (!aligned(params.size)) return Outcome::invalid(KernelError::bad_address);
  const std::uint64_t pages = params.size / hal::kPageSize;
  AddressMap& map = process_->memory();
  if (!call.progress.begun) {
    const auto begun = map.begin_protect(params.addr, pages, *protection);
    if (!begun.has_value()) return Outcome::invalid(begun.error());
    call.progress.begun = true;
  }
  std::uint64_t& done = call.progress.done;
  const auto changed = map.protect_portion(params.addr + done * hal::kPageSize, pages - done, *protection);
  if (!changed.has_value()) return Outcome::invalid(changed.error());
  done += *changed;
  return done == pages ? Outcome::done() : Outcome::unfinished();
}

Outcome VirtualMemoryObject::map_object(CallContext& call, Interface::MapObject::Params::Reader params,
                                        Interface::MapObject::Results::Builder results) noexcept {
  if (!is_own(call)) return Outcome::failed(KernelError::bad_state);
  std::uint64_t address = 0;
  const auto told = [&](const Outcome& outcome) noexcept {
    if (outcome.kind() == Outcome::Kind::done) results.set_addr(address);
    return outcome;
  };
  if (call.progress.place != 0) return told(go_on_placing(call, address));
  MemoryObject* const object = call.argument<MemoryObject>(params.object(), schema::MemoryReader::kInterfaceId);
  if (object == nullptr) return Outcome::invalid(KernelError::bad_capability);
  const bool read_only = call.argument<MemoryObject>(params.object()) == nullptr;
  const std::uint64_t offset = params.offset(), size = params.size();
  if (!aligned(offset) || !aligned(size) || size == 0) return Outcome::invalid(KernelError::bad_range);
  const auto protection = decode_protection(params.prot());
  if (!protection.has_value()) return Outcome::invalid(protection.error());
  return told(place(call, {.hint = params.hint(), .object = Ref<MemoryObject>::share(*object),
                           .first_page = offset / hal::kPageSize, .pages = size / hal::kPageSize,
                           .protection = *protection, .read_only = read_only}, address));
}

}  // namespace capos::kernel
