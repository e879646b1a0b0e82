// SPDX-License-Identifier: Apache-2.0
// ACPI tables as firmware gives them, and as it should not.
#include <gtest/gtest.h>

#include <random>

#include "acpi_image.hpp"

namespace capos::test {
namespace {

using hal::AcpiInfo;
using hal::AcpiNote;
using hal::parse_acpi;

constexpr std::uint64_t kRsdp = 0xf5000, kRoot = 0x10000, kTables = 0x20000, kStep = 0x1000;

// RSDP, root and tables, in memory.
FakeMemory memory_with(const std::vector<Bytes>& tables, std::uint8_t revision = 2) {
  FakeMemory memory;
  std::vector<std::uint64_t> entries;
  for (const Bytes& one : tables) {
    entries.push_back(kTables + entries.size() * kStep);
    memory.place(entries.back(), one);
  }
  memory.place(kRoot, root_table(revision >= 2, entries));
  memory.place(kRsdp, rsdp(revision, kRoot));
  return memory;
}

std::vector<std::uint32_t> ids(const AcpiInfo& info) {
  const auto span = info.apic_ids.span();
  return {span.begin(), span.end()};
}

TEST(Acpi, ReadsEverything) {
  FakeMemory memory = memory_with(
      {madt({processor(0), processor(1), processor(7, 0), processor(9, 2), io_apic(2, 0xfec00000, 0),
             line_override(0, 2, 0), line_override(9, 9, 13), wide_processor(300)}),
       hpet(0xfed00000), mcfg(0xb0000000, 0, 0, 255), fadt(0x608, 1u << 10, 0xcf9, 15)});
  const AcpiInfo info = parse_acpi(memory, kRsdp);
  EXPECT_EQ(info.notes, 0u);
  EXPECT_EQ(ids(info), (std::vector<std::uint32_t>{0, 1, 300}));
  ASSERT_EQ(info.io_apics.count, 1u);
  EXPECT_EQ(info.io_apics.items[0].address, 0xfec00000u);
  ASSERT_EQ(info.overrides.count, 2u);
  EXPECT_EQ(info.overrides.items[1].flags, 13);
  EXPECT_EQ(info.overrides.items[0].line, 2u);
  EXPECT_EQ(info.hpet, 0xfed00000u);
  ASSERT_EQ(info.ecam.count, 1u);
  EXPECT_EQ(info.ecam.items[0].base, 0xb0000000u);
  EXPECT_EQ(info.ecam.items[0].last_bus, 255);
  EXPECT_EQ(info.pm_timer_port, 0x608);
  EXPECT_EQ(info.local_apic, 0xfee00000u);
  EXPECT_EQ(info.reset.address, 0xcf9u);
  EXPECT_EQ(info.reset_value, 15);
}

TEST(Acpi, OldRootTable) {
  FakeMemory memory = memory_with({madt({processor(3)})}, 0);
  EXPECT_EQ(ids(parse_acpi(memory, kRsdp)), std::vector<std::uint32_t>{3});
}

TEST(Acpi, LooksForTheRsdpInTheBiosArea) {
  FakeMemory memory = memory_with({madt({processor(3)})});
  memory.place(0xe0000, Bytes(0x15000));
  EXPECT_EQ(ids(parse_acpi(memory, 0)), std::vector<std::uint32_t>{3});
}

TEST(Acpi, LooksForTheRsdpInTheExtendedBiosData) {
  FakeMemory memory = memory_with({madt({processor(3)})});
  memory.place(kRsdp, Bytes(36));
  memory.place(0x400, [] {
    Bytes b(256);
    put(b, 0xe, 0x9fc0, 2);
    return b;
  }());
  Bytes area(1024);
  const Bytes pointer = rsdp(2, kRoot);
  std::copy(pointer.begin(), pointer.end(), area.begin() + 0x120);
  memory.place(0x9fc00, area);
  EXPECT_EQ(ids(parse_acpi(memory, 0)), std::vector<std::uint32_t>{3});
}

TEST(Acpi, NoRsdpIsNoted) {
  FakeMemory memory;
  const AcpiInfo info = parse_acpi(memory, 0);
  EXPECT_TRUE(info.has(AcpiNote::no_rsdp));
  EXPECT_TRUE(info.has(AcpiNote::no_madt));
}

TEST(Acpi, WrongRsdpFallsBackToTheSearch) {
  FakeMemory memory = memory_with({madt({processor(3)})});
  memory.place(0xe0000, Bytes(0x15000));
  memory.place(0x5000, Bytes(36, 0x55));
  const AcpiInfo info = parse_acpi(memory, 0x5000);
  EXPECT_TRUE(info.has(AcpiNote::bad_rsdp));
  EXPECT_EQ(ids(info), std::vector<std::uint32_t>{3});
}

TEST(Acpi, DuplicateProcessorsCountOnce) {
  FakeMemory memory = memory_with({madt({processor(0), wide_processor(0), processor(0)})});
  EXPECT_EQ(ids(parse_acpi(memory, kRsdp)), std::vector<std::uint32_t>{0});
}

TEST(Acpi, LocalApicAddressOverride) {
  Bytes entry = {5, 12, 0, 0};
  append(entry, 0x123456789000, 8);
  FakeMemory memory = memory_with({madt({entry})});
  EXPECT_EQ(parse_acpi(memory, kRsdp).local_apic, 0x123456789000u);
}

TEST(Acpi, ABadTableIsLeftOutTheOthersAreUsed) {
  FakeMemory memory = memory_with({hpet(0xfed00000), madt({processor(4)})});
  memory.at(kTables)[40] ^= 1;  // checksum
  const AcpiInfo info = parse_acpi(memory, kRsdp);
  EXPECT_TRUE(info.has(AcpiNote::bad_table));
  EXPECT_EQ(info.hpet, 0u);
  EXPECT_EQ(ids(info), std::vector<std::uint32_t>{4});
}

TEST(Acpi, HpetOutsideMemoryIsRefused) {
  FakeMemory memory = memory_with({hpet(0xfed00000, 1), madt({processor(0)})});
  const AcpiInfo info = parse_acpi(memory, kRsdp);
  EXPECT_EQ(info.hpet, 0u);
  EXPECT_TRUE(info.has(AcpiNote::bad_table));
}

struct Malformed {
  const char* name;
  std::vector<Bytes> tables;
  AcpiNote note;
  std::vector<std::uint32_t> processors;  // what is still found
};

void PrintTo(const Malformed& what, std::ostream* out) { *out << what.name; }

Bytes with_length(Bytes bytes, std::uint32_t length) {
  put(bytes, 4, length, 4);
  seal(bytes, std::min<std::size_t>(length, bytes.size()), 9);
  return bytes;
}

class AcpiMalformed : public testing::TestWithParam<Malformed> {};

TEST_P(AcpiMalformed, IsNotedAndTheRestUsed) {
  FakeMemory memory = memory_with(GetParam().tables);
  const AcpiInfo info = parse_acpi(memory, kRsdp);
  EXPECT_TRUE(info.has(GetParam().note));
  EXPECT_EQ(ids(info), GetParam().processors);
}

INSTANTIATE_TEST_SUITE_P(
    Tables, AcpiMalformed,
    testing::Values(
        Malformed{"entry_of_length_0",
                  {madt({processor(1), Bytes{0, 0, 0, 0}, processor(2)})},
                  AcpiNote::bad_entry,
                  {1}},
        Malformed{"entry_of_length_1", {madt({processor(1), Bytes{0, 1}})}, AcpiNote::bad_entry, {1}},
        Malformed{
            "entry_past_the_end", {madt({processor(1), Bytes{0, 200, 5, 5}})}, AcpiNote::bad_entry, {1}},
        Malformed{"entry_cut_after_its_type", {madt({processor(1), Bytes{0}})}, AcpiNote::bad_entry, {1}},
        Malformed{"processor_too_short", {madt({Bytes{0, 4, 5, 5}, processor(1)})}, AcpiNote::bad_entry, {1}},
        Malformed{
            "io_apic_too_short", {madt({Bytes{1, 6, 5, 5, 0, 0}, processor(1)})}, AcpiNote::bad_entry, {1}},
        Malformed{"madt_without_body", {table("APIC", {})}, AcpiNote::bad_table, {}},
        Malformed{
            "table_shorter_than_a_header", {with_length(madt({processor(1)}), 20)}, AcpiNote::bad_table, {}},
        Malformed{"table_of_2_gib", {with_length(madt({processor(1)}), 0x80000000)}, AcpiNote::bad_table, {}},
        Malformed{"table_past_its_memory", {with_length(madt({processor(1)}), 500)}, AcpiNote::bad_table, {}},
        Malformed{"two_madts", {madt({processor(1)}), madt({processor(2)})}, AcpiNote::bad_table, {1}},
        Malformed{"ecam_with_no_buses",
                  {mcfg(0xb0000000, 0, 9, 3), madt({processor(1)})},
                  AcpiNote::bad_entry,
                  {1}}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(Acpi, MoreProcessorsThanRoom) {
  std::vector<Bytes> entries;
  for (unsigned i = 0; i < 100; ++i) entries.push_back(processor(static_cast<std::uint8_t>(i)));
  FakeMemory memory = memory_with({madt(entries)});
  const AcpiInfo info = parse_acpi(memory, kRsdp);
  EXPECT_TRUE(info.has(AcpiNote::too_many));
  EXPECT_EQ(info.apic_ids.count, 64u);
}

TEST(Acpi, MoreTablesThanAreLookedAt) {
  FakeMemory memory = memory_with(std::vector<Bytes>(80, table("SSDT", {})));
  EXPECT_TRUE(parse_acpi(memory, kRsdp).has(AcpiNote::too_many));
}

TEST(Acpi, RootThatNamesItself) {
  FakeMemory memory;
  memory.place(kRoot, root_table(true, std::vector<std::uint64_t>(40, kRoot)));
  memory.place(kRsdp, rsdp(2, kRoot));
  EXPECT_TRUE(parse_acpi(memory, kRsdp).has(AcpiNote::no_madt));
}

TEST(Acpi, RootAtTheEndOfTheAddressSpace) {
  FakeMemory memory;
  memory.place(~std::uint64_t{0} - 40, Bytes(40, 0xff));
  memory.place(kRsdp, rsdp(2, ~std::uint64_t{0} - 40));
  EXPECT_TRUE(parse_acpi(memory, kRsdp).has(AcpiNote::bad_root));
}

// Whatever one to four bytes are changed to (checksums put right again, or not): bounded work, sane results.
TEST(Acpi, MutatedTables) {
  const std::vector<Bytes> good = {
      madt({processor(0), processor(1), io_apic(2, 0xfec00000, 0), line_override(0, 2, 0)}), hpet(0xfed00000),
      mcfg(0xb0000000, 0, 0, 255), fadt(0x608, 1u << 10, 0xcf9, 15)};
  std::mt19937_64 random(1);
  for (unsigned round = 0; round < 100'000; ++round) {
    FakeMemory memory = memory_with(good);
    const std::uint64_t places[] = {
        kRsdp, kRoot, kTables, kTables + kStep, kTables + 2 * kStep, kTables + 3 * kStep};
    for (std::uint64_t n = random() % 4 + 1; n > 0; --n) {
      Bytes& bytes = memory.at(places[random() % std::size(places)]);
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random() % 3 == 0 ? 0xff : random());
      if (random() % 4 != 0) seal(bytes, bytes.size(), bytes.size() == 36 && bytes[0] == 'R' ? 32 : 9);
    }
    memory.at(kRsdp)[8] = 0;
    seal(memory.at(kRsdp), 20, 8);
    const AcpiInfo info = parse_acpi(memory, kRsdp);
    ASSERT_LE(info.apic_ids.count, 64u);
    ASSERT_LE(info.io_apics.count, 8u);
    ASSERT_LT(memory.reads, 100'000u);
  }
}

}  // namespace
}  // namespace capos::test
