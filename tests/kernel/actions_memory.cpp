// SPDX-License-Identifier: Apache-2.0
// Memory objects, windows on them, and address maps.
#include <array>
#include <cstring>

#include "actions.hpp"
#include "memory/memory_object.hpp"

namespace capos::ktest {
namespace {

using schema::KernelError;

constexpr std::size_t kMostPages = 100;  // mapped by one process

bool allocate(Chapter& c, Who w) {
  const std::uint64_t allocator = c.service(w.process, "frames");
  if (allocator == 0 || !has_room(c, w)) return false;
  const std::uint64_t pages = c.random.below(6);
  c.tell(std::to_string(pages) + " pages");
  const auto made = ask<schema::FrameAllocator::Allocate>(c, w, allocator, pages == 0 ? invalid(KernelError::bad_range) : kNoError,
                                                          [&](auto params) { params.set_pages(pages); });
  if (!made.has_value()) return true;
  const Id id = c.model.add({.kind = Kind::memory, .interface_id = schema::MemoryObject::kInterfaceId,
                             .bytes = std::vector<std::uint8_t>(pages * kWalkPage)});
  const abi::CapId cap = made->cap([](auto results) { return results.object(); });
  c.model.brings(w.process, cap.raw, allocator, id);
  const auto* const memory = c.world.process(w.process).capabilities().find_object<kernel::MemoryObject>(cap);
  for (std::uint64_t i = 0; memory != nullptr && i < pages; ++i) {
    c.require(c.model.is_out_of_reach(memory->frame_at(i).value(), 1), "memory is handed out where a device may write");
  }
  return true;
}

template <typename Method>
void read_by(Chapter& c, Who w, std::uint64_t cap, std::uint64_t offset, std::uint64_t count) {
  const Id id = c.model.process(w.process).caps.at(cap).id;
  const std::uint64_t size = c.model.pages_of(id) * kWalkPage;
  const bool within = offset <= size && count <= size - offset;
  const auto made = ask<Method>(c, w, cap, within ? kNoError : invalid(KernelError::bad_range), [&](auto params) {
    params.set_offset(offset);
    params.set_count(count);
  });
  if (!made.has_value()) return;
  const bool same = made->read([&](auto results) {
    const auto data = results.data();
    return data.size() == count && std::memcmp(data.data(), c.model.bytes_of(id) + offset, count) == 0;
  });
  c.require(same, "memory reads otherwise than it was written");
}

bool read(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::memory);
  if (cap == 0) return false;
  const std::uint64_t size = c.model.pages_of(c.model.process(w.process).caps.at(cap).id) * kWalkPage;
  const std::uint64_t offset = c.random.below(size + 64), count = c.random.below(200);
  c.tell(named(cap) + " at " + std::to_string(offset));
  if (c.random.one_in(2)) {
    read_by<schema::MemoryReader::Read>(c, w, cap, offset, count);
  } else {
    read_by<schema::MemoryObject::Read>(c, w, cap, offset, count);
  }
  return true;
}

bool write(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::memory);
  if (cap == 0) return false;
  const Id id = c.model.process(w.process).caps.at(cap).id;
  const std::uint64_t size = c.model.pages_of(id) * kWalkPage, offset = c.random.below(size + 64);
  std::vector<std::byte> data(c.random.below(200));
  for (std::byte& byte : data) byte = static_cast<std::byte>(c.random.next());
  c.tell(named(cap) + " at " + std::to_string(offset));
  const bool within = offset <= size && data.size() <= size - offset;
  const auto made =
      ask<schema::MemoryObject::Write>(c, w, cap, within ? kNoError : invalid(KernelError::bad_range), [&](auto params) {
        params.set_offset(offset);
        params.set_data(data);
      });
  if (made.has_value() && !data.empty()) std::memcpy(c.model.bytes_of(id) + offset, data.data(), data.size());
  return true;
}

bool ask_size(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::memory);
  if (cap == 0) return false;
  const auto judge = [&] { return finds_words(c.model.pages_of(c.model.process(w.process).caps.at(cap).id) * kWalkPage); };
  if (c.random.one_in(2)) {
    call_object<schema::MemoryReader::GetSize>(c, w, cap, {}, judge);
  } else {
    call_object<schema::MemoryObject::GetSize>(c, w, cap, {}, judge);
  }
  return true;
}

// A window, with a life of its own within the lease that its maker holds the memory by.
bool make_window(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::memory);
  if (cap == 0 || !has_room(c, w)) return false;
  const Held by = c.model.process(w.process).caps.at(cap);
  const std::uint64_t size = c.model.pages_of(by.id), first = c.random.below(size + 1), pages = c.random.below(size + 2);
  const bool whole = !c.random.one_in(20);
  c.tell("on " + named(cap));
  const bool within = whole && pages != 0 && first <= size && pages <= size - first;
  const unsigned depth = by.lease == 0 ? 1 : c.model.object(by.lease).life->depth + 1;
  const Error expected = !within ? invalid(KernelError::bad_range)
                         : depth > Life::kMaxDepth ? overloaded(KernelError::too_deep)
                                                   : kNoError;
  const auto made = ask<schema::MemoryObject::CreateChild>(c, w, cap, expected, [&](auto params) {
    params.set_offset(first * kWalkPage + (whole ? 0 : 8));
    params.set_size(pages * kWalkPage);
  });
  if (!made.has_value()) return true;
  const ModelObject parent = c.model.object(by.id);
  const Id id = c.model.add({.kind = Kind::memory, .interface_id = schema::MemoryOwner::kInterfaceId,
                             .of = parent.of != 0 ? parent.of : by.id, .first = parent.first + first, .pages = pages,
                             .life = Life{.parent = by.lease, .depth = depth}});
  const abi::CapId window = made->cap([](auto results) { return results.child(); });
  c.keep(id, *c.world.process(w.process).capabilities().find(window)->object());
  Held held = by;
  held.id = held.lease = id;
  held.interface_id = schema::MemoryOwner::kInterfaceId;
  c.model.gets(w.process, window.raw, held);
  return true;
}

bool revoke_window(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::memory);
  if (cap == 0 || !c.random.one_in(3)) return false;
  c.tell(named(cap));
  ModelObject& window = object_of(c, w, cap);
  call_object<schema::MemoryOwner::Revoke>(c, w, cap, {}, [&] {
    window.life->until = 0;
    return finds_words();
  });
  return true;
}

// --- address maps -----------------------------------------------------------------------------------------------

// Where a program maps: anywhere, or near what it has.
std::uint64_t random_address(Chapter& c, Who w) {
  const auto& pages = c.model.process(w.process).pages;
  if (c.random.one_in(40)) return c.random.next();
  if (pages.empty() || c.random.one_in(3)) return abi::kDynamicBase + c.random.below(48) * kWalkPage;
  auto near = pages.begin();
  std::advance(near, static_cast<long>(c.random.below(pages.size())));
  return near->first;
}

std::uint32_t random_protection(Chapter& c) {
  constexpr std::array<std::uint32_t, 4> kGood = {1, 3, 3, 5};
  return c.random.one_in(12) ? static_cast<std::uint32_t>(c.random.below(9)) : kGood[c.random.below(kGood.size())];
}

// An address space: its own, or, now and then, another's that it must not change.
std::uint64_t some_space(Chapter& c, Who w) {
  if (c.random.one_in(40)) return c.pick(w.process, Kind::virtual_memory);
  for (const auto& [cap, held] : c.model.process(w.process).caps) {
    const ModelObject& object = c.model.object(held.id);
    if (object.kind == Kind::virtual_memory && object.process == w.process) return cap;
  }
  return 0;
}

bool is_own(Chapter& c, Who w, std::uint64_t cap) { return object_of(c, w, cap).process == w.process; }

bool map(Chapter& c, Who w) {
  const std::uint64_t cap = some_space(c, w);
  if (cap == 0 || c.model.process(w.process).pages.size() > kMostPages) return false;
  const std::uint64_t pages = c.random.below(5), hint = c.random.one_in(2) ? 0 : random_address(c, w);
  const std::uint32_t protection = random_protection(c);
  c.tell(std::to_string(pages) + " pages at " + std::to_string(hint));
  const Error refused = c.model.refusal(w.process, cap, schema::VirtualMemory::kInterfaceId);
  const auto made = c.world.call<schema::VirtualMemory::Map>(
      c.thread(w), abi::CapId{cap}, {.hint = hint, .size = pages * kWalkPage, .prot = protection});
  if (short_of_memory(made.error)) return true;
  const std::uint64_t address = hint != 0 ? hint : c.model.room_for(w.process, pages);
  const Error expected = !refused.ok()       ? refused
                         : !is_own(c, w, cap) ? failed(KernelError::bad_state)
                         : pages == 0         ? invalid(KernelError::bad_address)
                                              : c.model.map_error(w.process, address, pages, protection, 0, 0, false);
  c.expect(expected, made.error);
  if (!expected.ok()) return true;
  c.require(made.value.addr == address, "mapped at another place than the lowest with room");
  c.model.maps(w.process, address, pages, 0, 0, protection, false);
  return true;
}

bool map_object(Chapter& c, Who w) {
  const std::uint64_t cap = some_space(c, w), memory = c.pick(w.process, Kind::memory);
  if (cap == 0 || memory == 0 || c.model.process(w.process).pages.size() > kMostPages) return false;
  const Held* const held = c.model.find(w.process, memory);
  const Id id = c.model.process(w.process).caps.at(memory).id;
  const std::uint64_t size = c.model.pages_of(id), first = c.random.below(size + 2), pages = c.random.below(size + 2);
  const std::uint64_t hint = c.random.one_in(2) ? 0 : random_address(c, w);
  const std::uint32_t protection = random_protection(c);
  c.tell(named(memory) + ", " + std::to_string(pages) + " pages at " + std::to_string(hint));
  const bool read_only = held != nullptr && !Model::permits(held->interface_id, schema::MemoryObject::kInterfaceId);
  const std::uint64_t address = hint != 0 ? hint : c.model.room_for(w.process, pages);
  const Error expected = !is_own(c, w, cap)  ? failed(KernelError::bad_state)
                         : held == nullptr   ? invalid(KernelError::bad_capability)
                         : pages == 0        ? invalid(KernelError::bad_range)
                                             : c.model.map_error(w.process, address, pages, protection, id, first, read_only);
  const auto made = ask<schema::VirtualMemory::MapObject>(c, w, cap, expected, [&](auto params, auto& transfers) {
    params.set_object(add(transfers, abi::CapId{memory}));
    params.set_offset(first * kWalkPage);
    params.set_size(pages * kWalkPage);
    params.set_hint(hint);
    params.set_prot(protection);
  });
  if (!made.has_value()) return true;
  c.require(made->read([](auto results) { return results.addr(); }) == address, "an object is mapped at another place");
  c.model.maps(w.process, address, pages, id, first, protection, read_only);
  return true;
}

bool unmap(Chapter& c, Who w) {
  const std::uint64_t cap = some_space(c, w);
  if (cap == 0) return false;
  const std::uint64_t address = random_address(c, w), pages = c.random.below(4);
  c.tell(std::to_string(pages) + " pages at " + std::to_string(address));
  const Error refused = c.model.refusal(w.process, cap, schema::VirtualMemory::kInterfaceId);
  const auto done = c.world.call<schema::VirtualMemory::Unmap>(c.thread(w), abi::CapId{cap},
                                                               {.addr = address, .size = pages * kWalkPage});
  if (short_of_memory(done.error)) return true;
  const Error expected = !refused.ok()        ? refused
                         : !is_own(c, w, cap) ? failed(KernelError::bad_state)
                                              : c.model.unmap(w.process, address, pages);
  c.expect(expected, done.error);
  return true;
}

bool protect(Chapter& c, Who w) {
  const std::uint64_t cap = some_space(c, w);
  if (cap == 0) return false;
  const std::uint64_t address = random_address(c, w), pages = c.random.below(4);
  const std::uint32_t protection = random_protection(c);
  c.tell(std::to_string(pages) + " pages at " + std::to_string(address) + " to " + std::to_string(protection));
  const Error refused = c.model.refusal(w.process, cap, schema::VirtualMemory::kInterfaceId);
  const auto done = c.world.call<schema::VirtualMemory::Protect>(
      c.thread(w), abi::CapId{cap}, {.addr = address, .size = pages * kWalkPage, .prot = protection});
  if (short_of_memory(done.error)) return true;
  const Error expected = !refused.ok()        ? refused
                         : !is_own(c, w, cap) ? failed(KernelError::bad_state)
                                              : c.model.protect(w.process, address, pages, protection);
  c.expect(expected, done.error);
  return true;
}

// Loads and stores fault exactly where nothing is mapped for them; two views of one object show the same.
bool touch(Chapter& c, Who w) {
  // Near a page's begin: there are the words that are parked on, and those that tell of a shared buffer's sides.
  const std::uint64_t address = (random_address(c, w) & ~std::uint64_t{7}) + (c.random.one_in(2) ? 8 * c.random.below(32) : 0);
  if (address >= abi::kUserEnd || address < abi::kDynamicBase || address >= abi::kRingBase) return false;
  const auto& pages = c.model.process(w.process).pages;
  const auto region = pages.find(address / kWalkPage * kWalkPage);
  const bool mapped = region != pages.end(), writable = mapped && (region->second.protection & 2) != 0;
  const CpuId cpu = c.thread(w).home.cpu();
  std::uint64_t value = 0;
  c.require(c.world.machine().load(cpu, hal::UserAddress(address), value) == mapped, "a load faults wrongly, or does not");
  if (mapped && region->second.object != 0) {
    std::uint64_t expected = 0;
    std::uint8_t* const place = c.model.bytes_of(region->second.object) + region->second.page * kWalkPage + address % kWalkPage;
    std::memcpy(&expected, place, sizeof expected);
    c.require(value == expected, "a mapped object holds something else than was written");
    value = c.random.one_in(2) ? c.random.below(2) : c.random.next();
    if (writable) std::memcpy(place, &value, sizeof value);
  }
  c.require(c.world.machine().store(cpu, hal::UserAddress(address), value) == writable, "a store faults wrongly, or does not");
  return true;
}

constexpr std::array kActions = {
    Action{"allocates", 4, false, allocate},
    Action{"reads", 3, false, read},
    Action{"writes", 3, false, write},
    Action{"asks the size", 1, false, ask_size},
    Action{"makes a window", 3, false, make_window},
    Action{"revokes the window", 2, false, revoke_window},
    Action{"maps", 4, false, map},
    Action{"maps the object", 5, false, map_object},
    Action{"unmaps", 4, false, unmap},
    Action{"protects", 3, false, protect},
    Action{"touches its memory", 5, false, touch},
};

}  // namespace

std::span<const Action> memory_actions() { return kActions; }

}  // namespace capos::ktest
