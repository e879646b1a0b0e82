// SPDX-License-Identifier: Apache-2.0
// MemoryObject.createChild: windows, what they show, and how their owners take them back.
#include <array>

#include "authority.hpp"
#include "capos/runtime/mapping.hpp"

namespace conformance {
namespace {

using Owner = OwnedCapability<schema::MemoryOwner>;

auto create_child(abi::CapId memory, std::uint64_t offset, std::uint64_t size) noexcept {
  return Capability<schema::MemoryObject>(memory)->create_child([&](auto params) {
    params.set_offset(offset);
    params.set_size(size);
  });
}

Owner make_window(abi::CapId memory, std::uint64_t offset, std::uint64_t size) noexcept {
  auto made = create_child(memory, offset, size);
  return made.has_value() ? made->template capability<schema::MemoryOwner>(made->reader().child()) : Owner();
}

bool write_byte(abi::CapId memory, std::uint64_t offset, char value) noexcept {
  return Capability<schema::MemoryObject>(memory)
      ->write([&](auto params) {
        params.set_offset(offset);
        params.set_data(std::as_bytes(std::span(&value, 1)));
      })
      .has_value();
}

int read_byte(abi::CapId memory, std::uint64_t offset) noexcept {
  auto found = Capability<schema::MemoryObject>(memory)->read([&](auto params) {
    params.set_offset(offset);
    params.set_count(1);
  });
  if (!found.has_value() || found->reader().data().size() != 1) return -1;
  return static_cast<int>(found->reader().data()[0]);
}

void shows_its_range(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 7);
  const Owner window = make_window(memory.cap(), 2 * kPage, 3 * kPage);
  CHECK(window);
  const auto size = window.borrow()->get_size();
  CHECK(size.has_value() && size->size == 3 * kPage);
  CHECK(write_byte(window.cap(), 0, 'a') && read_byte(memory.cap(), 2 * kPage) == 'a');
  CHECK(write_byte(memory.cap(), 5 * kPage - 1, 'b') && read_byte(window.cap(), 3 * kPage - 1) == 'b');
  CHECK(!write_byte(window.cap(), 3 * kPage, 'c') && read_byte(window.cap(), 3 * kPage) == -1);
}

void window_of_a_window(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 7);
  const Owner outer = make_window(memory.cap(), 1 * kPage, 5 * kPage);
  const Owner inner = make_window(outer.cap(), 2 * kPage, 2 * kPage);
  CHECK(inner && write_byte(inner.cap(), kPage, 'i') && read_byte(memory.cap(), 4 * kPage) == 'i');
  CHECK(invalid(create_child(inner.cap(), kPage, 2 * kPage), KernelError::bad_range));
}

void errors(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 2);
  constexpr std::uint64_t kMost = ~std::uint64_t{0};
  const std::array<std::array<std::uint64_t, 2>, 8> bad = {{{0, 0},
                                                            {1, kPage},
                                                            {0, kPage + 1},
                                                            {0, 3 * kPage},
                                                            {2 * kPage, kPage},
                                                            {kPage, 2 * kPage},
                                                            {kMost - kPage + 1, kPage},
                                                            {kPage, kMost - kPage + 1}}};
  for (const auto& [offset, size] : bad) {
    CHECK(invalid(create_child(memory.cap(), offset, size), KernelError::bad_range));
  }
}

// The object lives on in its window.
void outlives_its_parent(Guest& guest) noexcept {
  Memory memory = make_memory(guest, 3);
  const Owner window = make_window(memory.cap(), kPage, kPage);
  CHECK(write_byte(memory.cap(), kPage, 'x'));
  memory = {};
  CHECK(read_byte(window.cap(), 0) == 'x');
}

void revoked_everywhere(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 4);
  auto window = make_window(memory.cap(), 0, 4 * kPage);
  const auto given = narrowed<schema::MemoryObject>(guest, window.cap());
  const auto reader = narrowed<schema::MemoryReader>(guest, given.cap());
  const Owner derived = make_window(given.cap(), kPage, kPage);
  CHECK(given && reader && derived && !is_dead(guest, reader.cap()));
  CHECK(window->revoke().has_value());
  for (const abi::CapId cap : {window.cap(), given.cap(), reader.cap(), derived.cap()}) CHECK(is_dead(guest, cap));
  CHECK(transport(window->revoke(), TransportError::invalid_cap));
  CHECK(transport(given.borrow()->get_size(), TransportError::invalid_cap));
  CHECK(!is_dead(guest, memory.cap()) && read_byte(memory.cap(), 0) == 0);
}

void derived_revoked_alone(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 4);
  const Owner window = make_window(memory.cap(), 0, 4 * kPage);
  auto derived = make_window(window.cap(), kPage, kPage);
  CHECK(derived->revoke().has_value());
  CHECK(is_dead(guest, derived.cap()) && !is_dead(guest, window.cap()));
}

// Only the owner revokes.
void not_by_whom_it_was_given(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 1);
  const Owner window = make_window(memory.cap(), 0, kPage);
  const auto given = narrowed<schema::MemoryObject>(guest, window.cap());
  Capability<schema::MemoryOwner> forged(given.cap()), whole(memory.cap());
  CHECK(refused(forged->revoke(), ExceptionType::unimplemented, KernelError::none));
  CHECK(refused(whole->revoke(), ExceptionType::unimplemented, KernelError::none));
  CHECK(!is_dead(guest, window.cap()));
}

// What is mapped stays so; nothing new is mapped.
void mapping_outlives_revocation(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 2);
  auto window = make_window(memory.cap(), kPage, kPage);
  const auto mapped = runtime::map_object(guest.runtime, Capability<schema::MemoryObject>(window.cap()),
                                          runtime::Access::read_write);
  CHECK(mapped.has_value() && mapped->size() == kPage);
  CHECK(window->revoke().has_value());
  *reinterpret_cast<volatile char*>(mapped->data()) = 'm';
  CHECK(read_byte(memory.cap(), kPage) == 'm');
  CHECK(invalid(guest.memory->map_object([&](auto params, Transfers& transfers) {
    params.set_object(transfers.add(window.cap()));
    params.set_size(kPage);
    params.set_prot(1);
  }), KernelError::bad_capability));
  window = {};
  *reinterpret_cast<volatile char*>(mapped->data()) = 'n';
  CHECK(read_byte(memory.cap(), kPage) == 'n');
  CHECK(guest.memory->unmap(reinterpret_cast<std::uint64_t>(mapped->data()), kPage).has_value());
}

void too_deep(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 1);
  std::array<Owner, 9> windows;
  abi::CapId of = memory.cap();
  std::size_t made = 0;
  for (; made < windows.size(); ++made) {
    windows[made] = make_window(of, 0, kPage);
    if (!windows[made]) break;
    of = windows[made].cap();
  }
  CHECK(made == 8);
  CHECK(refused(create_child(of, 0, kPage), ExceptionType::overloaded, KernelError::too_deep));
  CHECK(windows[3]->revoke().has_value());
  CHECK(!is_dead(guest, windows[2].cap()) && is_dead(guest, windows[4].cap()) && is_dead(guest, windows[7].cap()));
}

// More than the 160 MiB that forty blocks of memory made.
void large_object(Guest& guest) noexcept {
  const std::uint64_t pages = 50'000;
  const Memory memory = make_memory(guest, pages);
  CHECK(memory);
  CHECK(write_byte(memory.cap(), pages * kPage - 1, 'z') && read_byte(memory.cap(), pages * kPage - 1) == 'z');
  const Owner window = make_window(memory.cap(), (pages - 3) * kPage, 3 * kPage);
  CHECK(read_byte(window.cap(), 3 * kPage - 1) == 'z');
}

void accounted(Guest& guest) noexcept {
  const Usage before = usage_of(own_ledger(guest).cap());
  {
    const Memory memory = make_memory(guest, 777);
    auto window = make_window(memory.cap(), kPage, 3 * kPage);
    const Owner inner = make_window(window.cap(), 0, kPage);
    const Owner other = make_window(memory.cap(), 0, kPage);
    CHECK(window->revoke().has_value());
  }
  CHECK(comes_back_to(guest, before));
}

constexpr Case kCases[] = {
    {"window shows its range", shows_its_range},
    {"window of a window", window_of_a_window},
    {"window errors", errors},
    {"window outlives its parent", outlives_its_parent},
    {"window revoked: all who hold of it", revoked_everywhere},
    {"window revoked: not what it is made of", derived_revoked_alone},
    {"window revoked by its owner only", not_by_whom_it_was_given},
    {"window's mapping outlives its revocation", mapping_outlives_revocation},
    {"windows too deep", too_deep},
    {"memory of 195 MiB", large_object},
    {"accounting of windows", accounted},
};

}  // namespace

std::span<const Case> window_cases() noexcept { return kCases; }

}  // namespace conformance
