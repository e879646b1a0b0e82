// SPDX-License-Identifier: Apache-2.0
// The ELF loader: what it loads, what it refuses, and that mutated images harm nobody.
#include <gtest/gtest.h>

#include <cstddef>

#include "core/invariants.hpp"
#include "core/termination.hpp"
#include "process/elf_loader.hpp"
#include "process/process.hpp"
#include "random.hpp"
#include "world.hpp"

namespace capos::ktest {
namespace {

using kernel::Process;
using kernel::Ref;
using schema::KernelError;

constexpr std::uint64_t kPage = hal::kPageSize;

class ElfLoader : public ::testing::Test {
 protected:
  struct Loaded {
    ResultOf<std::uint64_t, KernelError> entry;
    Ref<Process> process;
  };
  // Into a process of its own, which is ended like one whose building failed.
  Loaded load(const Image& image, std::uint64_t quota = 300) {
    Ref<Process> process = *Process::create("tried", 1, *World::make_ledger(quota), nullptr, CpuId(0));
    const auto entry = kernel::load_elf(*process, image);
    return {entry, process};
  }
  void drop(Loaded& loaded) {
    kernel::discard_process(world.cpu(0), *loaded.process);
    loaded.process = {};
  }
  void refuses(const Image& image, const char* why) {
    Loaded loaded = load(image);
    EXPECT_TRUE(!loaded.entry.has_value() && loaded.entry.error() == KernelError::bad_elf) << why;
    drop(loaded);
  }
  std::byte byte_at(Process& process, std::uint64_t address) {
    const auto page = process.memory().space().lookup(hal::UserAddress(address / kPage * kPage));
    return static_cast<const std::byte*>(hal::to_kernel(page->frame))[address % kPage];
  }

  World world{};
  ElfHeader header{};
  std::vector<ElfSegment> segments = minimal_segments();
};

TEST_F(ElfLoader, LoadsSegmentsWithTheirProtectionAndZeroesTheRest) {
  const Image image = minimal_program();
  Loaded loaded = load(image);
  ASSERT_TRUE(loaded.entry.has_value());
  EXPECT_EQ(*loaded.entry, abi::kProgramBase);
  const auto protection = [&](const ElfSegment& segment) {
    return loaded.process->memory().space().lookup(hal::UserAddress(segment.address))->protection;
  };
  EXPECT_TRUE(protection(segments[0]).execute && !protection(segments[0]).write);
  EXPECT_TRUE(!protection(segments[1]).execute && protection(segments[1]).write);
  for (std::uint64_t i = 0; i < 256; ++i) EXPECT_EQ(byte_at(*loaded.process, segments[1].address + i), image[segments[1].offset + i]);
  for (std::uint64_t i = 256; i < 2 * kPage; ++i) ASSERT_EQ(byte_at(*loaded.process, segments[1].address + i), std::byte{0});
  drop(loaded);
}

TEST_F(ElfLoader, RefusesWhatIsNotAStaticProgramForThisMachine) {
  const auto with = [&](auto&& change) {
    ElfHeader changed = header;
    change(changed);
    return elf_image(changed, segments, kMinimalBytes);
  };
  refuses({}, "nothing");
  refuses(Image(63), "shorter than a header");
  refuses(with([](auto& h) { h.identification[0] = 0; }), "magic");
  refuses(with([](auto& h) { h.identification[4] = 1; }), "32 bits");
  refuses(with([](auto& h) { h.identification[5] = 2; }), "big endian");
  refuses(with([](auto& h) { h.identification[6] = 0; }), "version of the identification");
  refuses(with([](auto& h) { h.type = 3; }), "shared object");
  refuses(with([](auto& h) { h.machine = 183; }), "another machine");
  refuses(with([](auto& h) { h.version = 2; }), "version");
  refuses(with([](auto& h) { h.program_entry_size = 32; }), "size of a program header");
  refuses(with([](auto& h) { h.program_offset = ~std::uint64_t{0} - 10; }), "table beyond the image");
  refuses(with([](auto& h) { h.entry = abi::kProgramBase + 256; }), "entry behind the code");
  refuses(with([](auto& h) { h.entry = abi::kProgramBase + 0x10000; }), "entry in data");
  refuses(elf_image(header, {}, 0), "no segments");
  refuses(elf_image(header, std::vector<ElfSegment>(kernel::kMaxSegments + 1, segments[0]), kMinimalBytes), "too many");
}

TEST_F(ElfLoader, RefusesSegmentsThatLieOrOverlap) {
  const auto with = [&](auto&& change) {
    auto changed = segments;
    change(changed[1]);
    return elf_image(header, changed, kMinimalBytes);
  };
  constexpr std::uint64_t kMost = ~std::uint64_t{0};
  refuses(with([](auto& s) { s.type = kElfDynamic; }), "dynamic");
  refuses(with([](auto& s) { s.type = kElfInterpreter; }), "interpreter");
  refuses(with([](auto& s) { s.offset = kMost - 8; }), "offset that wraps");
  refuses(with([](auto& s) { s.offset = 100'000; }), "contents beyond the image");
  refuses(with([](auto& s) { s.file_size = kMost; }), "contents of every size");
  refuses(with([](auto& s) { s.memory_size = 100; }), "less memory than contents");
  refuses(with([](auto& s) { s.memory_size = kMost - 100; }), "memory that wraps");
  refuses(with([](auto& s) { s.address = 0; }), "below where programs lie");
  refuses(with([](auto& s) { s.address = kMost - 4095; }), "kernel's half");
  refuses(with([](auto& s) { s.address = abi::kDynamicBase - kPage; }), "into what is mapped later");
  refuses(with([](auto& s) { s.flags = kElfWrite; }), "not readable");
  refuses(with([](auto& s) { s.flags = kElfRead | kElfWrite | kElfExecute; }), "writable and executable");
  refuses(with([](auto& s) { s.flags = 8 | kElfRead; }), "unknown flags");
  refuses(with([&](auto& s) { s.address = segments[0].address + 256; }), "the same page");
}

TEST_F(ElfLoader, AnEmptySegmentIsNoSegment) {
  segments.push_back({.address = ~std::uint64_t{0}});
  Loaded loaded = load(elf_image(header, segments, kMinimalBytes));
  EXPECT_TRUE(loaded.entry.has_value());
  drop(loaded);
}

TEST_F(ElfLoader, WithoutMemoryItSaysSo) {
  segments[1].memory_size = 400 * kPage;
  Loaded loaded = load(elf_image(header, segments, kMinimalBytes));
  ASSERT_FALSE(loaded.entry.has_value());
  EXPECT_EQ(loaded.entry.error(), KernelError::quota_exceeded);
  drop(loaded);
}

// Bytes changed at random, most of them in the headers: loaded or refused, everything is given back, and what is loaded
// keeps the rules.
TEST_F(ElfLoader, MutatedImagesAreLoadedByTheRulesOrRefused) {
  Random random(2026);
  const std::uint64_t before = World::frames_free();
  unsigned loaded_count = 0;
  for (int round = 0; round < 4'000; ++round) {
    Image image = minimal_program();
    for (std::uint64_t i = 1 + random.below(4); i > 0; --i) {
      const std::size_t at = random.below(random.one_in(5) ? image.size() : sizeof(ElfHeader) + 2 * sizeof(ElfSegment));
      image[at] = random.one_in(2) ? static_cast<std::byte>(random.next()) : image[at] ^ std::byte{1} << random.below(8);
    }
    if (random.one_in(20)) image.resize(random.below(image.size()));
    Loaded loaded = load(image);
    if (loaded.entry.has_value()) {
      ++loaded_count;
      const auto entry = loaded.process->memory().space().lookup(hal::UserAddress(*loaded.entry / kPage * kPage));
      ASSERT_TRUE(entry.has_value() && entry->protection.execute);
      hal::UserAddress at(0);
      for (; loaded.process->memory().space().next_mapped(at); at = hal::UserAddress(at.value() + kPage)) {
        const auto page = loaded.process->memory().space().lookup(at);
        ASSERT_FALSE(page->protection.write && page->protection.execute);
        ASSERT_TRUE(at.value() >= abi::kProgramBase && at.value() < abi::kDynamicBase);
      }
    } else {
      ASSERT_TRUE(loaded.entry.error() == KernelError::bad_elf || loaded.entry.error() == KernelError::quota_exceeded);
    }
    drop(loaded);
    if (round % 16 == 0) world.settle();
  }
  world.settle();
  EXPECT_EQ(World::frames_free(), before);
  EXPECT_GT(loaded_count, 400u);
  EXPECT_LT(loaded_count, 3'600u);
}

}  // namespace
}  // namespace capos::ktest
