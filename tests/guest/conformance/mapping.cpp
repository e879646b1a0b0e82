// SPDX-License-Identifier: Apache-2.0
// VirtualMemory: places, protections, partial changes. What a protection forbids is tried by fault children
// (faults.cpp).
#include "capos/runtime/mapping.hpp"
#include "harness.hpp"

namespace conformance {
namespace {

constexpr std::uint32_t kRead = 1, kWrite = 2, kExecute = 4;
constexpr std::uint64_t kPlace = 0x2222'0000'0000;

volatile std::uint64_t& at(std::uint64_t address) noexcept {
  return *reinterpret_cast<volatile std::uint64_t*>(address);
}

auto map(Guest& guest, std::uint64_t hint, std::uint64_t size, std::uint32_t protection) noexcept {
  return guest.memory->map(hint, size, protection);
}

auto map_object(Guest& guest, abi::CapId object, std::uint64_t offset, std::uint64_t size, std::uint64_t hint,
                std::uint32_t protection) noexcept {
  return guest.memory->map_object([&](auto params, Transfers& transfers) {
    params.set_object(transfers.add(object));
    params.set_offset(offset);
    params.set_size(size);
    params.set_hint(hint);
    params.set_prot(protection);
  });
}

void map_unmap(Guest& guest) noexcept {
  const auto mapped = map(guest, 0, 3 * kPage, kRead | kWrite);
  CHECK(mapped.has_value());
  CHECK(mapped->addr % kPage == 0 && mapped->addr != 0);
  for (std::uint64_t page = 0; page < 3; ++page) {
    CHECK(at(mapped->addr + page * kPage) == 0);
    at(mapped->addr + page * kPage) = page + 1;
  }
  CHECK(guest.memory->unmap(mapped->addr, 3 * kPage).has_value());
  CHECK(invalid(guest.memory->unmap(mapped->addr, kPage), KernelError::bad_address));
}

void map_hint(Guest& guest) noexcept {
  const auto mapped = map(guest, kPlace, kPage, kRead | kWrite);
  CHECK(mapped.has_value() && mapped->addr == kPlace);
  at(kPlace) = 5;
  CHECK(invalid(map(guest, kPlace, kPage, kRead), KernelError::overlap));
  CHECK(invalid(map(guest, kPlace - kPage, 2 * kPage, kRead), KernelError::overlap));
  CHECK(at(kPlace) == 5);
  CHECK(guest.memory->unmap(kPlace, kPage).has_value());
  // What overlapped in part left nothing behind.
  CHECK(invalid(guest.memory->unmap(kPlace - kPage, kPage), KernelError::bad_address));
}

void map_bad_places(Guest& guest) noexcept {
  const std::uint64_t bad[] = {kPlace + 1,
                               kPlace + 8,
                               abi::kUserEnd,
                               abi::kUserEnd + kPage,
                               kKernelAddress,
                               ~std::uint64_t{0},
                               ~std::uint64_t{0} - 4095,
                               std::uint64_t{1} << 47,
                               std::uint64_t{1} << 63};
  for (const std::uint64_t hint : bad)
    CHECK(invalid(map(guest, hint, kPage, kRead), KernelError::bad_address));
  CHECK(invalid(map(guest, abi::kUserEnd - kPage, 2 * kPage, kRead), KernelError::bad_address));
}

void map_bad_sizes(Guest& guest) noexcept {
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, kPage + 1, ~std::uint64_t{0},
                                   abi::kUserEnd, ~std::uint64_t{0} - 4095, std::uint64_t{1} << 63}) {
    CHECK(invalid(map(guest, 0, size, kRead | kWrite), KernelError::bad_address));
  }
  CHECK(refused(map(guest, 0, abi::kUserEnd - kPage, kRead), ExceptionType::overloaded,
                KernelError::quota_exceeded));
}

void last_page(Guest& guest) noexcept {
  const std::uint64_t last = abi::kUserEnd - kPage;
  CHECK(map(guest, last, kPage, kRead | kWrite).has_value());
  at(last + kPage - 8) = 9;
  CHECK(guest.memory->unmap(last, kPage).has_value());
}

void bad_protections(Guest& guest) noexcept {
  for (const std::uint32_t protection :
       {0u, kWrite, kExecute, kWrite | kExecute, kRead | kWrite | kExecute, 8u, 9u, ~0u}) {
    CHECK(invalid(map(guest, 0, kPage, protection), KernelError::bad_protection));
  }
  const auto mapped = map(guest, 0, kPage, kRead | kWrite);
  CHECK(mapped.has_value());
  for (const std::uint32_t protection : {0u, kWrite, kExecute, kRead | kWrite | kExecute, 8u, ~0u}) {
    CHECK(invalid(guest.memory->protect(mapped->addr, kPage, protection), KernelError::bad_protection));
  }
  CHECK(guest.memory->unmap(mapped->addr, kPage).has_value());
}

void unmap_bad_ranges(Guest& guest) noexcept {
  const auto mapped = map(guest, kPlace, 2 * kPage, kRead | kWrite);
  CHECK(mapped.has_value());
  at(kPlace) = 1;
  CHECK(invalid(guest.memory->unmap(kPlace + 1, kPage), KernelError::bad_address));
  CHECK(invalid(guest.memory->unmap(kPlace, kPage + 1), KernelError::bad_address));
  CHECK(invalid(guest.memory->unmap(kPlace, 0), KernelError::bad_address));
  CHECK(invalid(guest.memory->unmap(kPlace, 3 * kPage), KernelError::bad_address));
  CHECK(invalid(guest.memory->unmap(kPlace - kPage, 2 * kPage), KernelError::bad_address));
  CHECK(invalid(guest.memory->unmap(kKernelAddress, kPage), KernelError::bad_address));
  CHECK(invalid(guest.memory->unmap(kPlace, ~std::uint64_t{0} - 4095), KernelError::bad_address));
  CHECK(at(kPlace) == 1);
  at(kPlace + kPage) = 2;  // still there
  CHECK(guest.memory->unmap(kPlace, 2 * kPage).has_value());
}

// A hole in the middle; the rest keeps its content, and the whole range is unmappable only in its parts.
void partial_unmap(Guest& guest) noexcept {
  CHECK(map(guest, kPlace, 5 * kPage, kRead | kWrite).has_value());
  for (std::uint64_t page = 0; page < 5; ++page) at(kPlace + page * kPage) = 100 + page;
  CHECK(guest.memory->unmap(kPlace + 2 * kPage, kPage).has_value());
  CHECK(invalid(guest.memory->unmap(kPlace, 5 * kPage), KernelError::bad_address));
  for (const std::uint64_t page : {0u, 1u, 3u, 4u}) CHECK(at(kPlace + page * kPage) == 100 + page);
  CHECK(map(guest, kPlace + 2 * kPage, kPage, kRead | kWrite).has_value());
  CHECK(at(kPlace + 2 * kPage) == 0);
  // One unmap over three regions.
  CHECK(guest.memory->unmap(kPlace + kPage, 3 * kPage).has_value());
  CHECK(at(kPlace) == 100 && at(kPlace + 4 * kPage) == 104);
  CHECK(guest.memory->unmap(kPlace, kPage).has_value());
  CHECK(guest.memory->unmap(kPlace + 4 * kPage, kPage).has_value());
}

void protect_splits(Guest& guest) noexcept {
  CHECK(map(guest, kPlace, 3 * kPage, kRead | kWrite).has_value());
  at(kPlace + kPage) = 77;
  CHECK(guest.memory->protect(kPlace + kPage, kPage, kRead).has_value());
  CHECK(at(kPlace + kPage) == 77);
  at(kPlace) = 1;
  at(kPlace + 2 * kPage) = 2;
  CHECK(guest.memory->protect(kPlace + kPage, kPage, kRead | kWrite).has_value());
  at(kPlace + kPage) = 78;
  CHECK(at(kPlace + kPage) == 78);
  CHECK(invalid(guest.memory->protect(kPlace, 4 * kPage, kRead), KernelError::bad_address));
  CHECK(invalid(guest.memory->protect(kPlace + 1, kPage, kRead), KernelError::bad_address));
  CHECK(invalid(guest.memory->protect(kPlace, kPage + 8, kRead), KernelError::bad_address));
  at(kPlace) = 3;  // the refused ones changed nothing
  CHECK(guest.memory->unmap(kPlace, 3 * kPage).has_value());
}

// Code written, then made executable: never both at once.
void write_then_execute(Guest& guest) noexcept {
  const auto mapped = map(guest, 0, kPage, kRead | kWrite);
  CHECK(mapped.has_value());
  constexpr unsigned char kCode[] = {0xb8, 0x2a, 0, 0, 0, 0xc3};  // mov $42, %eax; ret
  for (std::size_t i = 0; i < sizeof kCode; ++i)
    reinterpret_cast<volatile unsigned char*>(mapped->addr)[i] = kCode[i];
  CHECK(guest.memory->protect(mapped->addr, kPage, kRead | kExecute).has_value());
  CHECK(reinterpret_cast<int (*)()>(mapped->addr)() == 42);
  CHECK(guest.memory->unmap(mapped->addr, kPage).has_value());
}

void object_shared_by_two_mappings(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 3);
  const auto address_of = [&](std::uint64_t offset, std::uint64_t size) -> std::uint64_t {
    auto mapped = map_object(guest, memory.cap(), offset, size, 0, kRead | kWrite);
    return mapped.has_value() ? mapped->reader().addr() : 0;
  };
  const std::uint64_t whole = address_of(0, 3 * kPage), part = address_of(kPage, kPage);
  CHECK(whole != 0 && part != 0 && whole != part);
  at(whole + kPage + 16) = 0x1234;
  CHECK(at(part + 16) == 0x1234);
  CHECK(guest.memory->unmap(whole, 3 * kPage).has_value());
  CHECK(at(part + 16) == 0x1234);
  CHECK(guest.memory->unmap(part, kPage).has_value());
}

void mapping_outlives_capability(Guest& guest) noexcept {
  std::uint64_t address = 0;
  {
    const Memory memory = make_memory(guest, 1);
    auto mapped = map_object(guest, memory.cap(), 0, kPage, 0, kRead | kWrite);
    CHECK(mapped.has_value());
    address = mapped->reader().addr();
    at(address) = 4711;
  }
  Shared other(guest, 8);  // would get the frame, had it been freed
  for (std::size_t i = 0; i < 8 * 512; ++i) other.set(i, 1);
  CHECK(at(address) == 4711);
  CHECK(guest.memory->unmap(address, kPage).has_value());
}

void map_object_errors(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 2);
  const auto cap = memory.cap();
  CHECK(invalid(map_object(guest, cap, 0, 0, 0, kRead), KernelError::bad_range));
  CHECK(invalid(map_object(guest, cap, 1, kPage, 0, kRead), KernelError::bad_range));
  CHECK(invalid(map_object(guest, cap, 0, 100, 0, kRead), KernelError::bad_range));
  CHECK(invalid(map_object(guest, cap, kPage, 2 * kPage, 0, kRead), KernelError::bad_range));
  CHECK(invalid(map_object(guest, cap, 3 * kPage, kPage, 0, kRead), KernelError::bad_range));
  CHECK(invalid(map_object(guest, cap, ~std::uint64_t{0} - 4095, kPage, 0, kRead), KernelError::bad_range));
  CHECK(invalid(map_object(guest, cap, 0, kPage, 0, kWrite), KernelError::bad_protection));
  CHECK(invalid(map_object(guest, cap, 0, kPage, kKernelAddress, kRead), KernelError::bad_address));
  CHECK(invalid(map_object(guest, guest.timer.cap(), 0, kPage, 0, kRead), KernelError::bad_capability));
  CHECK(invalid(map_object(guest, abi::CapId{}, 0, kPage, 0, kRead), KernelError::bad_capability));
  CHECK(invalid(guest.memory->map_object([](auto params) { params.set_size(kPage); }),
                KernelError::bad_capability));
}

void page_tables_for_far_places(Guest& guest) noexcept {
  for (std::uint64_t place = 0x1'0000'0000'00; place < abi::kUserEnd - kPage;
       place += 0x7'7777'7770'00 & ~(kPage - 1)) {
    const auto mapped = map(guest, place & ~(kPage - 1), kPage, kRead | kWrite);
    if (!mapped.has_value()) {
      CHECK(invalid(mapped, KernelError::overlap));
      continue;
    }
    at(mapped->addr) = place;
    CHECK(at(mapped->addr) == place);
    CHECK(guest.memory->unmap(mapped->addr, kPage).has_value());
  }
}

// Another's address space is not to be changed: its CPU may be running in it, or it may be gone.
void foreign_address_space(Guest& guest) noexcept {
  const Grant grants[] = {{"victim", guest.memory.cap()}};
  Child child(guest, {.role = Role::foreign_map, .grants = grants});
  CHECK(child.exits(100 + static_cast<int>(KernelError::bad_state)));
}

constexpr Case kCases[] = {
    {"mapping map and unmap", map_unmap},
    {"mapping at a hint, overlap", map_hint},
    {"mapping at bad places", map_bad_places},
    {"mapping of bad sizes", map_bad_sizes},
    {"mapping of the last page", last_page},
    {"mapping protections refused", bad_protections},
    {"unmap of bad ranges", unmap_bad_ranges},
    {"unmap in parts", partial_unmap},
    {"protect in parts", protect_splits},
    {"protect to execute what was written", write_then_execute},
    {"mapObject twice shares memory", object_shared_by_two_mappings},
    {"mapObject outlives its capability", mapping_outlives_capability},
    {"mapObject errors", map_object_errors},
    {"mapping in far places", page_tables_for_far_places},
    {"mapping into another's space", foreign_address_space},
};

}  // namespace

std::span<const Case> mapping_cases() noexcept { return kCases; }

}  // namespace conformance
