// SPDX-License-Identifier: Apache-2.0
// MemoryObject and FrameAllocator.
#include <array>

#include "accounting.hpp"

namespace conformance {
namespace {

constexpr std::string_view kText = "sixteen bytes, ok";

auto read(const Memory& memory, std::uint64_t offset, std::uint64_t count) noexcept {
  return memory.borrow()->read([&](auto params) {
    params.set_offset(offset);
    params.set_count(count);
  });
}

auto write(const Memory& memory, std::uint64_t offset, std::string_view text) noexcept {
  return memory.borrow()->write([&](auto params) {
    params.set_offset(offset);
    params.set_data(std::as_bytes(std::span(text.data(), text.size())));
  });
}

void write_then_read(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 3);
  const std::uint64_t offset = kPage - 5;  // across a page
  CHECK(write(memory, offset, kText).has_value());
  auto found = read(memory, offset, kText.size());
  CHECK(found.has_value());
  const auto data = found->reader().data();
  CHECK(data.size() == kText.size());
  for (std::size_t i = 0; i < kText.size(); ++i) CHECK(static_cast<char>(data[i]) == kText[i]);
}

void fresh_memory_is_zero(Guest& guest) noexcept {
  for (int round = 0; round < 3; ++round) {
    Shared used(guest, 4);
    CHECK(used);
    for (std::size_t i = 0; i < 4 * kPage / 8; ++i) CHECK(used.word(i) == 0);
    for (std::size_t i = 0; i < 4 * kPage / 8; ++i) used.set(i, ~std::uint64_t{0});
  }
}

void size_is_whole(Guest& guest) noexcept {
  for (const std::uint64_t pages : {1u, 2u, 7u, 100u, 1500u}) {
    const Memory memory = make_memory(guest, pages);
    CHECK(memory);
    const auto size = memory.borrow()->get_size();
    CHECK(size.has_value() && size->size == pages * kPage);
  }
}

void read_bounds(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 2);
  const std::uint64_t size = 2 * kPage;
  CHECK(read(memory, size, 0).has_value());
  CHECK(read(memory, size - 1, 1).has_value());
  CHECK(invalid(read(memory, size, 1), KernelError::bad_range));
  CHECK(invalid(read(memory, size + 1, 0), KernelError::bad_range));
  CHECK(invalid(read(memory, 1, size), KernelError::bad_range));
  CHECK(invalid(read(memory, ~std::uint64_t{0}, 2), KernelError::bad_range));
  CHECK(invalid(read(memory, 8, ~std::uint64_t{0}), KernelError::bad_range));
}

void read_larger_than_results(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 16);
  // More than the half of the arena that results have here, less than an arena; and more than an arena.
  CHECK(transport(read(memory, 0, abi::kArenaBytes / 2 + 4096), TransportError::result_too_large));
  CHECK(transport(read(memory, 0, abi::kArenaBytes), TransportError::result_too_large));
  CHECK(invalid(read(memory, 0, abi::kArenaBytes + 1), KernelError::bad_range));
}

void write_bounds(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 1);
  CHECK(write(memory, kPage, "").has_value());
  CHECK(write(memory, kPage - 1, "x").has_value());
  CHECK(invalid(write(memory, kPage, "x"), KernelError::bad_range));
  CHECK(invalid(write(memory, kPage - 1, "xy"), KernelError::bad_range));
  CHECK(invalid(write(memory, ~std::uint64_t{0}, "xy"), KernelError::bad_range));
}

void allocate_bounds(Guest& guest) noexcept {
  for (const std::uint64_t pages :
       {std::uint64_t{0}, std::uint64_t{65'537}, std::uint64_t{1} << 52, ~std::uint64_t{0}}) {
    CHECK(invalid(guest.frames->allocate([&](auto params) { params.set_pages(pages); }),
                  KernelError::bad_range));
  }
}

void allocate_beyond_quota(Guest& guest) noexcept {
  (void)settled(guest);
  const auto before = guest.frames->available();
  CHECK(refused(guest.frames->allocate([](auto params) { params.set_pages(65'000); }),
                ExceptionType::overloaded, KernelError::quota_exceeded));
  const auto after = guest.frames->available();
  CHECK(before.has_value() && after.has_value() && before->free_pages == after->free_pages);
}

void quota_is_exact_and_comes_back(Guest& guest) noexcept {
  const Grant grants[] = {{"frames", guest.frames.cap()}};
  std::int64_t got = 0;
  for (int round = 0; round < 3; ++round) {
    Child child(guest, {.role = Role::quota, .grants = grants, .pages = 300});
    CHECK(child);
    const auto end = child.process()->wait();
    CHECK(end.has_value() && end->reason == schema::ExitReason::exited);
    CHECK(end->code > 100 && end->code < 300);
    CHECK(round == 0 || got == end->code);
    got = end->code;
  }
  Child larger(guest, {.role = Role::quota, .grants = grants, .pages = 400});
  const auto end = larger.process()->wait();
  CHECK(end.has_value());
  // A hundred pages more, less at most one for a chunk of capabilities.
  CHECK(end->code == got + 100 || end->code == got + 99);
}

void available_counts(Guest& guest) noexcept {
  (void)settled(guest);  // what earlier cases have ended
  const auto before = guest.frames->available();
  CHECK(before.has_value());
  {
    const Memory memory = make_memory(guest, 64);
    const auto between = guest.frames->available();
    CHECK(between.has_value());
    CHECK(before->free_pages - between->free_pages >= 64 && before->free_pages - between->free_pages <= 66);
  }
  const auto after = guest.frames->available();
  CHECK(after.has_value() &&
        before->free_pages + before->pool_pages == after->free_pages + after->pool_pages);
}

constexpr Case kCases[] = {
    {"memory.write then read, across a page", write_then_read},
    {"memory is zero when it is given again", fresh_memory_is_zero},
    {"memory.getSize", size_is_whole},
    {"memory.read bounds", read_bounds},
    {"memory.read larger than the results' space", read_larger_than_results},
    {"memory.write bounds", write_bounds},
    {"frames.allocate bounds", allocate_bounds},
    {"frames.allocate beyond the quota takes nothing", allocate_beyond_quota},
    {"frames quota is exact and comes back", quota_is_exact_and_comes_back},
    {"frames.available", available_counts},
};

}  // namespace

std::span<const Case> memory_cases() noexcept { return kCases; }

}  // namespace conformance
