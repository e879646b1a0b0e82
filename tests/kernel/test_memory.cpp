// SPDX-License-Identifier: Apache-2.0
// Physical memory, accounts of it, memory objects, and address maps against a plain model.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "memory/memory_object.hpp"
#include "memory/object_heap.hpp"
#include "random.hpp"
#include "world.hpp"

namespace capos::ktest {
namespace {

using kernel::FrameBlock;
using kernel::frames;
using kernel::MemoryObject;
using kernel::Ref;
using kernel::Resource;
using schema::KernelError;
constexpr std::uint64_t kPage = hal::kPageSize;

// --- frames -----------------------------------------------------------------------------------------------------

TEST(Frames, BlocksAreAlignedApartAndComeBackWhole) {
  World world;
  Random random(3);
  const std::uint64_t before = frames().lock()->free_frames();
  std::map<std::uint64_t, FrameBlock> taken;  // by first frame
  for (int step = 0; step < 20'000; ++step) {
    if (random.one_in(2) || taken.empty()) {
      const auto order = static_cast<unsigned>(random.below(kernel::kMaxOrder + 1));
      const FrameBlock block = frames().lock()->allocate(order);
      if (block.is_none()) continue;
      const std::uint64_t first = block.base.value() / kPage;
      ASSERT_EQ(first % block.pages(), 0u);
      const auto next = taken.lower_bound(first);
      ASSERT_TRUE(next == taken.end() || first + block.pages() <= next->first);
      ASSERT_TRUE(next == taken.begin() || std::prev(next)->first + std::prev(next)->second.pages() <= first);
      taken[first] = block;
    } else {
      auto chosen = taken.begin();
      std::advance(chosen, static_cast<long>(random.below(taken.size())));
      frames().lock()->release(chosen->second);
      taken.erase(chosen);
    }
  }
  for (const auto& [first, block] : taken) frames().lock()->release(block);
  EXPECT_EQ(frames().lock()->free_frames(), before);
  EXPECT_FALSE(frames().lock()->allocate(kernel::kMaxOrder).is_none()) << "buddies have joined again";
}

TEST(Frames, AnAccountIsNeverOverdrawn) {
  World world;
  const Ref<kernel::Ledger> ledger = World::make_ledger(10);
  kernel::PageSource& account = ledger->pages();
  EXPECT_TRUE(account.take(4).is_none());
  const FrameBlock eight = account.take(3);
  ASSERT_FALSE(eight.is_none());
  EXPECT_EQ(ledger->used(Resource::frames), 8u);
  EXPECT_TRUE(account.take(2).is_none());
  const FrameBlock two = account.take(1);
  EXPECT_TRUE(account.take(0).is_none());
  account.give(two);
  account.give(eight);
  EXPECT_EQ(ledger->used(Resource::frames), 0u);
}

TEST(Frames, FramesAreHandedOutZeroed) {
  World world;
  const Ref<kernel::Ledger> ledger = World::make_ledger(100);
  kernel::PageSource& account = ledger->pages();
  for (int round = 0; round < 3; ++round) {
    const FrameBlock block = account.take(2);
    auto* const bytes = static_cast<unsigned char*>(hal::to_kernel(block.base));
    for (std::uint64_t i = 0; i < block.pages() * kPage; ++i) {
      ASSERT_EQ(bytes[i], 0);
      bytes[i] = 0xff;
    }
    account.give(block);
  }
}

TEST(Heap, ObjectsAreApartAndTheCountReturns) {
  World world;
  Random random(11);
  const std::uint64_t before = kernel::heap_use().bytes;
  std::map<std::uintptr_t, std::size_t> taken;
  for (int step = 0; step < 20'000; ++step) {
    if (random.one_in(2) || taken.empty()) {
      const std::size_t size = 1 + random.below(4096);
      const auto at = reinterpret_cast<std::uintptr_t>(kernel::heap_allocate(size));
      ASSERT_NE(at, 0u);
      ASSERT_EQ(at % 64, 0u);
      const auto next = taken.lower_bound(at);
      ASSERT_TRUE(next == taken.end() || at + size <= next->first);
      ASSERT_TRUE(next == taken.begin() || std::prev(next)->first + std::prev(next)->second <= at);
      taken[at] = size;
    } else {
      auto chosen = taken.begin();
      std::advance(chosen, static_cast<long>(random.below(taken.size())));
      kernel::heap_release(reinterpret_cast<void*>(chosen->first), chosen->second);
      taken.erase(chosen);
    }
  }
  for (const auto& [at, size] : taken) kernel::heap_release(reinterpret_cast<void*>(at), size);
  EXPECT_EQ(kernel::heap_use().bytes, before);
}

// --- memory objects ---------------------------------------------------------------------------------------------

class MemoryObjects : public ::testing::Test {
 protected:
  World world{};
  kernel::Process& owner = world.process(World::kInit);
};

TEST_F(MemoryObjects, ExtentsCoverEveryPageOnce) {
  for (const std::uint64_t pages : {1u, 2u, 3u, 7u, 100u, 1025u}) {
    const std::uint64_t before = owner.ledger().used(Resource::frames);
    {
      const auto object = MemoryObject::create(owner, pages);
      ASSERT_TRUE(object.has_value()) << pages;
      EXPECT_EQ(owner.ledger().used(Resource::frames), before + pages);
      std::set<std::uint64_t> seen;
      for (std::uint64_t page = 0; page < pages; ++page) {
        EXPECT_TRUE(seen.insert((*object)->frame_at(page).value()).second);
      }
    }
    EXPECT_EQ(owner.ledger().used(Resource::frames), before) << "given back";
  }
}

TEST_F(MemoryObjects, BytesGoInAndComeOutAcrossPages) {
  const auto object = *MemoryObject::create(owner, 5);
  std::vector<std::byte> in(3 * kPage + 77), out(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = content_at(i);
  object->copy_in(kPage - 33, in);
  object->copy_out(kPage - 33, out);
  EXPECT_EQ(in, out);
}

TEST_F(MemoryObjects, OverTheQuotaNothingIsTaken) {
  const std::uint64_t before = owner.ledger().used(Resource::frames), left = owner.ledger().left(Resource::frames);
  const auto object = MemoryObject::create(owner, left + 1);
  ASSERT_FALSE(object.has_value());
  EXPECT_EQ(object.error(), KernelError::quota_exceeded);
  EXPECT_EQ(owner.ledger().used(Resource::frames), before);
}

TEST_F(MemoryObjects, WrappedMemoryIsNobodysAndReadOnlyIfSoMade) {
  const std::uint64_t before = owner.ledger().used(Resource::frames);
  const auto pack = world.message<schema::BootPackage::ReadManifest>(world.init(), world.service("bootPackage"), [](auto) {});
  ASSERT_TRUE(pack.ok());
  const abi::CapId cap = pack.cap([](auto results) { return results.pack(); });
  const std::array<std::byte, 8> bytes{};
  const auto written = world.message<schema::MemoryObject::Write>(world.init(), cap, [&](auto params) { params.set_data(bytes); });
  EXPECT_EQ(written.error(), invalid(KernelError::bad_protection));
  const auto mapped = world.message<schema::VirtualMemory::MapObject>(
      world.init(), world.service("self.memory"), [&](auto params, auto& transfers) {
        params.set_object(add(transfers, cap));
        params.set_size(kPage);
        params.set_prot(3);
      });
  EXPECT_EQ(mapped.error(), invalid(KernelError::bad_protection));
  EXPECT_EQ(owner.ledger().used(Resource::frames), before);
}

struct Range {
  std::uint64_t offset, count;
  bool fits;
};

TEST_F(MemoryObjects, ReadAndWriteStayWithinTheObject) {
  const auto made = world.message<schema::FrameAllocator::Allocate>(world.init(), world.service("frames"),
                                                                    [](auto params) { params.set_pages(2); });
  const abi::CapId cap = made.cap([](auto results) { return results.object(); });
  constexpr std::uint64_t kSize = 2 * kPage, kMost = ~std::uint64_t{0};
  const Range ranges[] = {{0, 0, true},          {0, 16, true},      {kSize - 16, 16, true}, {kSize, 0, true},
                          {kSize - 15, 16, false}, {kSize, 1, false}, {kSize + 1, 0, false},  {kMost, 0, false},
                          {kMost - 7, 16, false}, {16, kMost - 7, false}};
  for (const Range& range : ranges) {
    const auto read = world.message<schema::MemoryObject::Read>(world.init(), cap, [&](auto params) {
      params.set_offset(range.offset);
      params.set_count(range.count);
    });
    EXPECT_EQ(read.error(), range.fits ? kNoError : invalid(KernelError::bad_range)) << range.offset << "+" << range.count;
    if (range.count > 16) continue;
    const std::vector<std::byte> bytes(range.count);
    const auto write = world.message<schema::MemoryObject::Write>(world.init(), cap, [&](auto params) {
      params.set_offset(range.offset);
      params.set_data(bytes);
    });
    EXPECT_EQ(write.error(), range.fits ? kNoError : invalid(KernelError::bad_range)) << range.offset << "+" << range.count;
  }
}

// --- address maps -----------------------------------------------------------------------------------------------

// A page of the model: which page of which object, and how.
struct Mapped {
  std::size_t object;
  std::uint64_t page;
  hal::Protection protection;
};

// In as many portions as it takes, as a call does.
template <typename Portion>
bool in_portions(std::uint64_t start, std::uint64_t pages, Portion&& portion) {
  for (std::uint64_t done = 0; done < pages;) {
    const auto more = portion(start + done * kPage, pages - done);
    if (!more.has_value()) return false;
    done += *more;
  }
  return true;
}

bool unmap(kernel::AddressMap& map, std::uint64_t start, std::uint64_t pages) {
  return map.begin_unmap(start, pages).has_value() &&
         in_portions(start, pages, [&](std::uint64_t at, std::uint64_t most) { return map.unmap_portion(at, most); });
}

bool protect(kernel::AddressMap& map, std::uint64_t start, std::uint64_t pages, hal::Protection protection) {
  return map.begin_protect(start, pages, protection).has_value() &&
         in_portions(start, pages, [&](std::uint64_t at, std::uint64_t most) { return map.protect_portion(at, most, protection); });
}

TEST(AddressMaps, PageTablesAreWhatTheRegionsSay) {
  World world;
  Random random(5);
  kernel::Process& process = world.process(World::kInit);
  kernel::AddressMap& map = process.memory();
  std::vector<Ref<MemoryObject>> objects;
  for (const std::uint64_t pages : {1u, 4u, 9u}) objects.push_back(*MemoryObject::create(process, pages));
  std::map<std::uint64_t, Mapped> model;
  constexpr std::uint64_t kBase = abi::kDynamicBase, kPlaces = 40;
  const auto covered = [&](std::uint64_t start, std::uint64_t pages) {
    for (std::uint64_t i = 0; i < pages; ++i) {
      if (!model.contains(start + i * kPage)) return false;
    }
    return pages != 0;
  };
  for (int step = 0; step < 30'000; ++step) {
    const std::uint64_t start = kBase + random.below(kPlaces) * kPage, pages = random.below(6);
    const hal::Protection protection{.write = random.one_in(2), .execute = random.one_in(3)};
    const bool sane = !(protection.write && protection.execute);
    switch (random.below(3)) {
      case 0: {
        const std::size_t chosen = random.below(objects.size());
        const std::uint64_t first = random.below(10), size = objects[chosen]->pages();
        bool free = true;
        for (std::uint64_t i = 0; i < pages; ++i) free = free && !model.contains(start + i * kPage);
        const bool good = pages != 0 && first <= size && pages <= size - first && sane && free;
        ASSERT_EQ(map.map(start, objects[chosen], first, pages, protection).has_value(), good);
        for (std::uint64_t i = 0; good && i < pages; ++i) model[start + i * kPage] = {chosen, first + i, protection};
        break;
      }
      case 1: {
        const bool good = covered(start, pages);
        ASSERT_EQ(unmap(map, start, pages), good);
        for (std::uint64_t i = 0; good && i < pages; ++i) model.erase(start + i * kPage);
        break;
      }
      default: {
        if (!sane) break;  // refused where it is decoded, before it comes here
        const bool good = covered(start, pages);
        ASSERT_EQ(protect(map, start, pages, protection), good);
        for (std::uint64_t i = 0; good && i < pages; ++i) model[start + i * kPage].protection = protection;
      }
    }
    for (std::uint64_t place = 0; place < kPlaces + 6; ++place) {
      const std::uint64_t page = kBase + place * kPage;
      const auto found = map.space().lookup(hal::UserAddress(page));
      const auto expected = model.find(page);
      ASSERT_EQ(found.has_value(), expected != model.end()) << step;
      if (!found.has_value()) continue;
      ASSERT_EQ(found->frame, objects[expected->second.object]->frame_at(expected->second.page));
      ASSERT_EQ(found->protection.write, expected->second.protection.write);
      ASSERT_EQ(found->protection.execute, expected->second.protection.execute);
    }
  }
}

TEST(AddressMaps, WhatIsFullOfHolesIsWalkedInOrder) {
  World world;
  kernel::AddressMap& map = world.process(World::kInit).memory();
  hal::UserAddress at(0);
  std::uint64_t count = 0, last = 0;
  for (; map.space().next_mapped(at); at = hal::UserAddress(at.value() + kPage)) {
    ASSERT_GT(at.value(), last);
    ASSERT_TRUE(map.space().lookup(at).has_value());
    last = at.value();
    ++count;
  }
  // Code, two of data, 16 of stack, ring and arena, CapSet.
  EXPECT_EQ(count, 1u + 2 + 16 + 16 + 1);
}

TEST(AddressMaps, NoRoomForPageTablesLeavesNothingMapped) {
  World world;
  const Child child = world.spawn({.memory_pages = 70});
  kernel::Process& process = world.process(child.number);
  const auto wrapped = MemoryObject::wrap(process.ledger(), {process.memory().space().lookup(hal::UserAddress(abi::kProgramBase))->frame, kPage}, false);
  std::uint64_t mapped = 0;
  KernelError error = KernelError::none;
  // Each in a table of its own, until there is none left.
  for (std::uint64_t i = 0; i < 100 && error == KernelError::none; ++i) {
    const auto done = process.memory().map(abi::kDynamicBase + i * (kPage << 9), *wrapped, 0, 1, {});
    if (done.has_value()) ++mapped;
    else error = done.error();
  }
  EXPECT_EQ(error, KernelError::quota_exceeded);
  EXPECT_GT(mapped, 0u);
  EXPECT_LE(process.ledger().used(Resource::frames), process.ledger().limit(Resource::frames));
  hal::UserAddress next(abi::kDynamicBase + mapped * (kPage << 9));
  EXPECT_TRUE(!process.memory().space().next_mapped(next) || next.value() >= abi::kCapSetAddress);
}

// A page that was unmapped or protected faults at once: the CPU does not remember it.
TEST(AddressMaps, NoTranslationOutlivesItsMapping) {
  World world;
  const abi::CapId memory = world.service("self.memory");
  const auto made = world.call<schema::VirtualMemory::Map>(world.init(), memory, {.hint = 0, .size = kPage, .prot = 3});
  ASSERT_EQ(made.error, kNoError);
  const hal::UserAddress page(made.value.addr);
  std::uint64_t value = 0;
  ASSERT_TRUE(world.machine().store(CpuId(0), page, 9));
  ASSERT_TRUE(world.machine().load(CpuId(0), page, value));
  (void)world.call<schema::VirtualMemory::Protect>(world.init(), memory, {.addr = page.value(), .size = kPage, .prot = 1});
  EXPECT_FALSE(world.machine().store(CpuId(0), page, 10));
  EXPECT_TRUE(world.machine().load(CpuId(0), page, value));
  EXPECT_EQ(value, 9u);
  (void)world.call<schema::VirtualMemory::Unmap>(world.init(), memory, {.addr = page.value(), .size = kPage});
  EXPECT_FALSE(world.machine().load(CpuId(0), page, value));
}

}  // namespace
}  // namespace capos::ktest
