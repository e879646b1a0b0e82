// SPDX-License-Identifier: Apache-2.0
// ./capos bench boot: ELF files and the plug-in's lines as they are read, and the command as a person calls it.
#include <gtest/gtest.h>

#include <cstring>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "boot/profile.hpp"
#include "support/files.hpp"
#include "support/process.hpp"
#include "support/temporary.hpp"

namespace capos::cli {
namespace {

using nlohmann::json;

TEST(ShortName, LeavesOutWhatEveryNameHas) {
  EXPECT_EQ(short_name("_ZN5capos6kernel7computeEi"), "kernel::compute");
  EXPECT_EQ(short_name("hal_syscall"), "hal_syscall");
  EXPECT_EQ(short_name("_ZN5capos3hal12_GLOBAL__N_13putEc.lto_priv.0"), "hal::put");
  EXPECT_EQ(short_name("_ZN5capos4wire3getImEET_i"), "wire::get<unsigned long>");
}

// The kernel: its bytes lie where its linker script puts them.
TEST(ElfFile, KnowsItsBytesAndFunctions) {
  const auto elf = ElfFile::read(CAPOS_KERNEL);
  ASSERT_TRUE(elf.has_value()) << elf.error().cause;
  ASSERT_TRUE(elf->pvh_entry().has_value());
  EXPECT_NE(elf->function_at(*elf->pvh_entry()), "");
  const auto file = read_bytes(CAPOS_KERNEL);
  ASSERT_TRUE(file.has_value());
  constexpr std::uint64_t kText = 0xffff'ffff'8020'0000, kOffset = 0x1000, kPhysical = 0x20'0000;  // hal/x86_64's linker script
  const std::span<const std::byte> there = std::span(*file).subspan(kOffset + 0x40, 64);
  EXPECT_TRUE(elf->holds(kText + 0x40, there));
  EXPECT_TRUE(elf->holds(kPhysical + 0x40, there));
  EXPECT_FALSE(elf->holds(kText + 0x41, there));
  EXPECT_FALSE(elf->holds(0, there));
  EXPECT_EQ(elf->function_at(0), "");
}

TEST(ElfFile, IsRefusedWhenItIsNone) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  const auto whole = read_bytes(CAPOS_KERNEL);
  ASSERT_TRUE(whole.has_value());
  for (const std::size_t size : {std::size_t{0}, std::size_t{10}, std::size_t{64}, whole->size() / 2}) {
    ASSERT_TRUE(write_bytes(scratch->path() / "cut", std::span(*whole).first(size)).has_value());
    EXPECT_FALSE(ElfFile::read(scratch->path() / "cut").has_value()) << size;
  }
  EXPECT_FALSE(ElfFile::read(scratch->path() / "absent").has_value());
}

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const auto byte : bytes) text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return text;
}

TEST(BootProfile, TellsProgramsApartByTheirBytes) {
  const auto kernel = ElfFile::read(CAPOS_KERNEL), init = ElfFile::read(CAPOS_INIT);
  ASSERT_TRUE(kernel && init);
  const auto file = read_bytes(CAPOS_INIT);
  ASSERT_TRUE(file.has_value());
  constexpr std::uint64_t kProgram = 0x40'0000, kOffset = 0x1000;  // runtime's linker script
  const auto code = std::span<const std::byte>(*file).subspan(kOffset, 16);
  const std::string lines = "fffffff0 1 ea5b 100 0 0 0\nffffffff80200040 2 00 0 20 5 0\n" + fmt::format("{:x} 3 {} 0 0 7 2\n", kProgram, hex(code)) +
                            "7000 4 9090 0 0 3 0\n";
  const std::vector<NamedElf> programs{{"init", *init}};
  const auto profile = boot_profile(lines, *kernel, programs);
  ASSERT_TRUE(profile.has_value()) << profile.error().cause;
  EXPECT_EQ(profile->phases, (PhaseCounts{100, 20, 15, 2}));
  ASSERT_EQ(profile->contributors.size(), 3U);
  EXPECT_EQ(profile->contributors[0].program, "kernel");
  EXPECT_EQ(profile->contributors[0].instructions, 25U);
  EXPECT_EQ(profile->contributors[1].program, "init");
  EXPECT_EQ(profile->contributors[1].instructions, 9U);
  EXPECT_EQ(profile->contributors[2].program, "?");
  for (const char* const wrong : {"", "nothing\n", "10 1 zz 1 1 1 1\n", "10 1 909 1 1 1 1\n", "10 1 90 1 1 1\n", "10 1 90 1 1 0 1\n"}) {
    EXPECT_FALSE(boot_profile(wrong, *kernel, programs).has_value()) << wrong;
  }
}

TEST(BenchBoot, TakesABootApart) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  SpawnOptions options;
  options.environment = {{"CAPOS_ROOT", CAPOS_SOURCE_DIR}, {"CAPOS_OUT", scratch->path().string()}};
  const auto run = capture({CAPOS_COMMAND, "bench", "boot", "--json", "-"}, std::chrono::minutes(5), options);
  ASSERT_TRUE(run && run->state.exited(0)) << (run ? run->err : run.error().cause);
  const auto result = json::parse(run->out, nullptr, false);
  ASSERT_EQ(result["phases"].size(), 4U) << run->out;
  std::uint64_t instructions = 0, ns = 0;
  for (const auto& phase : result["phases"]) {
    EXPECT_GT(phase["instructions"], 1000) << phase;
    instructions += phase["instructions"].get<std::uint64_t>();
    ns += phase["ns"].get<std::uint64_t>();
  }
  EXPECT_EQ(result["instructions"], instructions);
  EXPECT_EQ(result["ns"], ns);
  EXPECT_GT(ns, instructions);  // the first job waits for its release
  ASSERT_EQ(result["contributors"].size(), 5U);
  for (const auto& each : result["contributors"]) {
    EXPECT_NE(each["program"], "?") << each;
    EXPECT_NE(each["function"], "") << each;
    EXPECT_GT(each["instructions"], 1000) << each;
  }
}

}  // namespace
}  // namespace capos::cli
