// SPDX-License-Identifier: Apache-2.0
// What boot loaders leave in memory: right, wrong and without end.
#include <gtest/gtest.h>

#include "acpi_image.hpp"
#include "boot/loader_info.hpp"

namespace capos::test {
namespace {

using hal::LoaderFault;
using hal::LoaderInfo;

constexpr std::uint64_t kInfo = 0x9000, kMap = 0xa000, kModules = 0xb000, kText = 0xc000;

void add_range(Bytes& map, std::uint64_t base, std::uint64_t size, std::uint32_t type) {
  append(map, base, 8);
  append(map, size, 8);
  append(map, type, 4);
  append(map, 0, 4);
}

// --- PVH

class Pvh : public ::testing::Test {
 protected:
  Pvh() {
    put(info, 0, 0x336ec578, 4);
    put(info, 4, 1, 4);
    put(info, 12, 1, 4);
    put(info, 16, kModules, 8);
    put(info, 24, kText, 8);
    put(info, 32, 0xf'0000, 8);
    put(info, 40, kMap, 8);
    put(info, 48, 3, 4);
    put(info, 52, 0, 4);
    add_range(map, 0, 0x9'f000, 1);
    add_range(map, 0x10'0000, 0x700'0000, 1);
    add_range(map, 0x20'0000, 0x1000, 2);
    append(modules, 0x40'0000, 8);
    append(modules, 0x123, 8);
  }
  LoaderFault read() {
    FakeMemory memory;
    memory.place(kInfo, info);
    memory.place(kMap, map);
    memory.place(kModules, modules);
    memory.place(kText, text);
    found = {};
    return hal::read_pvh(memory, kInfo, found);
  }
  Bytes info, map, modules, text{'a', '=', '1', 0};
  LoaderInfo found;
};

TEST_F(Pvh, SaysMemoryModuleCommandLineAndRsdp) {
  ASSERT_EQ(read(), LoaderFault::none);
  EXPECT_EQ(found.ram.total(), 0x9'f000u + 0x700'0000 - 0x1000);
  EXPECT_FALSE(found.ram.contains(0x20'0000, 1)) << "reserved";
  EXPECT_EQ(found.module.base.value(), 0x40'0000u);
  EXPECT_EQ(found.module.size, 0x123u);
  EXPECT_EQ(found.command_line(), "a=1");
  EXPECT_EQ(found.rsdp, 0xf'0000u);
  EXPECT_FALSE(found.cut_short);
}

TEST_F(Pvh, RefusesAnotherMagicNumberAndAVersionWithoutMap) {
  put(info, 4, 0, 4);
  EXPECT_EQ(read(), LoaderFault::no_memory_map);
  put(info, 0, 0x336ec579, 4);
  EXPECT_EQ(read(), LoaderFault::bad_magic);
}

TEST_F(Pvh, WithoutReadableMemoryThereIsNone) {
  put(info, 40, ~std::uint64_t{0} - 7, 8);  // the addresses of its entries wrap
  EXPECT_EQ(read(), LoaderFault::no_ram);
  info.clear();
  EXPECT_EQ(read(), LoaderFault::bad_magic);
}

TEST_F(Pvh, AMapOfMoreThanThereIsRoomForIsCut) {
  map.clear();
  for (std::uint64_t i = 0; i < 200; ++i) add_range(map, i * 0x2000, 0x1000, 1);
  put(info, 48, 0xffff'ffff, 4);
  ASSERT_EQ(read(), LoaderFault::none);
  EXPECT_TRUE(found.cut_short);
  EXPECT_EQ(found.ram.ranges().size(), hal::RangeSet::kCapacity);
}

TEST_F(Pvh, ALongCommandLineIsCut) {
  text.assign(5'000, 'x');
  ASSERT_EQ(read(), LoaderFault::none);
  EXPECT_TRUE(found.cut_short);
  EXPECT_EQ(found.command_line(), std::string(4'096, 'x'));
}

// --- Multiboot2

class Multiboot2 : public ::testing::Test {
 protected:
  void add(std::uint32_t type, const Bytes& body) {
    append(tags, type, 4);
    append(tags, 8 + body.size(), 4);
    tags.insert(tags.end(), body.begin(), body.end());
    tags.resize((tags.size() + 7) / 8 * 8);
  }
  static Bytes map(std::uint32_t entry_bytes = 24) {
    Bytes body;
    append(body, entry_bytes, 4);
    append(body, 0, 4);
    add_range(body, 0x10'0000, 0x100'0000, 1);
    add_range(body, 0x10'0000, 0x1000, 2);
    return body;
  }
  LoaderFault read(std::uint64_t total = 0) {
    Bytes info;
    append(info, total != 0 ? total : 8 + tags.size(), 4);
    append(info, 0, 4);
    info.insert(info.end(), tags.begin(), tags.end());
    FakeMemory memory;
    memory.place(kInfo, info);
    found = {};
    return hal::read_multiboot2(memory, kInfo, found);
  }
  Bytes tags;
  LoaderInfo found;
};

TEST_F(Multiboot2, SaysMemoryModuleCommandLineAndTheNewerRsdp) {
  Bytes module;
  append(module, 0x40'0000, 4);
  append(module, 0x40'0200, 4);
  add(1, {'h', 'i', 0});
  add(15, Bytes(36));
  add(14, Bytes(20));
  add(3, module);
  add(6, map());
  add(0, {});
  ASSERT_EQ(read(), LoaderFault::none);
  EXPECT_EQ(found.ram.total(), 0x100'0000u - 0x1000);
  EXPECT_EQ(found.module.size, 0x200u);
  EXPECT_EQ(found.command_line(), "hi");
  EXPECT_EQ(found.rsdp, kInfo + 8 + 16 + 8);
}

TEST_F(Multiboot2, ATagThatLiesAboutItsSizeIsTheLast) {
  add(6, map());
  append(tags, 1, 4);
  append(tags, 4, 4);  // smaller than its own head
  append(tags, 'x', 8);
  ASSERT_EQ(read(), LoaderFault::none);
  EXPECT_EQ(found.command_line(), "");
  tags.resize(tags.size() - 16);
  append(tags, 1, 4);
  append(tags, 0xffff'fff8, 4);
  ASSERT_EQ(read(), LoaderFault::none);
  EXPECT_EQ(found.command_line(), "");
}

TEST_F(Multiboot2, EntriesTooSmallAreNoMap) {
  add(6, map(16));
  EXPECT_EQ(read(), LoaderFault::no_ram);
}

TEST_F(Multiboot2, TagsWithoutEndAreCut) {
  add(6, map());
  for (std::uint32_t i = 0; i < LoaderInfo::kMaxTags + 10; ++i) add(99, {});
  ASSERT_EQ(read(), LoaderFault::none);
  EXPECT_TRUE(found.cut_short);
}

TEST(LoaderFaults, HaveTexts) {
  for (const auto fault : {LoaderFault::none, LoaderFault::bad_magic, LoaderFault::no_memory_map, LoaderFault::no_ram}) {
    EXPECT_FALSE(hal::text_of(fault).empty());
  }
}

}  // namespace
}  // namespace capos::test
