// SPDX-License-Identifier: Apache-2.0
// Address spaces: every error, teardown in steps, stale translations, switching.
#include "harness.hpp"

namespace guest {
namespace {

bool fails(const ResultOf<void, MapError>& result, MapError error) noexcept {
  return !result.has_value() && result.error() == error;
}

void test_errors() noexcept {
  AddressSpace space;
  check("space: created", space.create(frames));
  const PhysicalAddress frame = frames.allocate();
  check("space: maps", space.map(kData, frame, {.write = true}).has_value());
  check("space: twice is refused", fails(space.map(kData, frame, {}), MapError::already_mapped));
  check("space: writable code is refused",
        fails(space.map(kCode, frame, {.write = true, .execute = true}), MapError::write_and_execute) &&
            fails(space.protect(kData, {.write = true, .execute = true}), MapError::write_and_execute));
  bool good = true;
  for (const std::uint64_t bad :
       {kData.value() + 1, abi::kUserEnd, std::uint64_t{1} << 47, 0xffff'8000'0000'0000})
    good &= fails(space.map(UserAddress{bad}, frame, {}), MapError::bad_address) &&
            !space.unmap(UserAddress{bad}).has_value() && !space.lookup(UserAddress{bad}).has_value();
  check("space: bad addresses are refused", good);
  check("space: the last page can be mapped",
        space.map(UserAddress{abi::kUserEnd - kPageSize}, frame, {}).has_value());
  const auto mapping = space.lookup(kData);
  check("space: lookup", mapping.has_value() && mapping->frame == frame && mapping->protection.write &&
                             !mapping->protection.execute);
  UserAddress at{};
  check("space: first mapped page", space.next_mapped(at) && at == kData);
  at = UserAddress{at.value() + kPageSize};
  check("space: next mapped page", space.next_mapped(at) && at.value() == abi::kUserEnd - kPageSize);
  at = UserAddress{abi::kUserEnd};
  check("space: none after the last", !space.next_mapped(at));
  check("space: protect", space.protect(kData, {}).has_value() && !space.lookup(kData)->protection.write);
  check("space: unmap", space.unmap(kData).has_value() && !space.unmap(kData).has_value());
  frames.release(frame);
  unsigned steps = 1;
  while (!space.destroy_step(frames, 1)) ++steps;
  check("space: destroyed step by step", steps > 7 && frames.in_use == 0);
}

void test_exhaustion() noexcept {
  AddressSpace space;
  bool good = space.create(frames);
  for (std::uint64_t tables = 0; tables < 3; ++tables) {
    frames.limit = 1 + tables;
    good &= fails(space.map(kData, PhysicalAddress{kPageSize}, {}), MapError::out_of_memory);
    good &= !space.lookup(kData).has_value();
  }
  frames.limit = 0;
  AddressSpace none;
  good &= !none.create(frames);
  frames.limit = ~std::uint64_t{0};
  check("space: without frames nothing is mapped", good);
  while (!space.destroy_step(frames, 16)) {
  }
  check("space: all frames came back", frames.in_use == 0);
}

// A page taken away is gone once invalidate() returns; a page of another space is not seen.
void test_translations() noexcept {
  Process first(PROGRAM(load), kData.value()), second(PROGRAM(load), kData.value());
  first.page(kData)[0] = 111;
  second.page(kData)[0] = 222;
  const Event& a = first.run();
  check("space: a program reads its own page", is_call(a, 84) && a.state->words()[0] == 111);
  const Event& b = second.run();
  check("space: another reads its own", is_call(b, 84) && b.state->words()[0] == 222);
  const auto frame = second.space().unmap(kData);
  second.space().invalidate(kData);
  second.state().start(kCode, UserAddress{kStackTop}, kData.value(), 0, 0);
  check("space: a page taken away is gone", second.run().kind == Kind::fault);
  if (frame.has_value()) frames.release(*frame);
}

}  // namespace

void test_address_spaces() noexcept {
  test_errors();
  test_exhaustion();
  test_translations();
}

}  // namespace guest
