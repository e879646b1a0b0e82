// SPDX-License-Identifier: Apache-2.0
// Images boot by themselves, by PVH and by GRUB on BIOS and UEFI, and equal inputs give equal bytes.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/files.hpp"
#include "support/process.hpp"
#include "support/temporary.hpp"

namespace capos::cli {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kFirmware = "/usr/share/OVMF/OVMF_CODE_4M.fd";
constexpr int kFinished = 1;  // isa-debug-exit's status for RunOutcome::finished

struct Made {
  TemporaryDirectory scratch;
  json said;
  [[nodiscard]] fs::path file(const char* name) const { return scratch.path() / "image" / name; }
};

Made make(const std::string& machine) {
  auto scratch = TemporaryDirectory::make();
  EXPECT_TRUE(scratch.has_value());
  SpawnOptions options;
  options.directory = CAPOS_SOURCE_DIR;
  options.environment = {{"CAPOS_ROOT", CAPOS_SOURCE_DIR}, {"CAPOS_OUT", scratch->path().string()}};
  const auto run = capture({CAPOS_COMMAND, "image", "configs/examples/minimal.capnp", "--iso", "--seconds", "0.2", "--machine", machine, "--json", "-"},
                           std::chrono::minutes(2), options);
  EXPECT_TRUE(run && run->state.exited(0)) << (run ? run->err : run.error().cause);
  return {std::move(*scratch), json::parse(run ? run->out : "", nullptr, false)};
}

const Made& deterministic() {
  static const Made made = make("deterministic");
  return made;
}

// The machine's console, and how QEMU ended.
struct Booted {
  Captured process;
  std::string console;
};

Booted boot(const std::vector<std::string>& more) {
  auto scratch = TemporaryDirectory::make();
  EXPECT_TRUE(scratch.has_value());
  const auto console = scratch->path() / "console";
  std::vector<std::string> words{"qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-machine", "q35", "-cpu",
                                 "max,+rdtscp", "-smp", "3", "-m", "256M", "-serial", "file:" + console.string(),
                                 "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"};
  words.insert(words.end(), more.begin(), more.end());
  const auto run = capture(words, std::chrono::minutes(5));
  EXPECT_TRUE(run.has_value());
  return {run.value_or(Captured{}), read_text(console).value_or("")};
}

void expect_finished(const Booted& booted) {
  EXPECT_TRUE(booted.process.state.exited(kFinished)) << booted.process.state.status << booted.process.err << booted.console;
  EXPECT_NE(booted.console.find("capOS "), std::string::npos) << booted.console;
  EXPECT_EQ(booted.console.find("fault:"), std::string::npos) << booted.console;
}

TEST(Image, SaysWhatIsInIt) {
  const json& said = deterministic().said;
  ASSERT_EQ(said["files"].size(), 3U) << said.dump();
  std::uint64_t pack = 0;
  for (const auto& part : said["parts"]) {
    EXPECT_GT(part["bytes"], 0U) << part.dump();
    if (part["of"] == "boot pack") pack += part["bytes"].get<std::uint64_t>();
  }
  for (const auto& file : said["files"]) {
    EXPECT_EQ(file["bytes"], fs::file_size(deterministic().file(file["name"].get<std::string>().c_str())));
    EXPECT_EQ(file["sha256"].get<std::string>().size(), 64U);
  }
  EXPECT_EQ(said["files"][1]["name"], "boot.pack");
  EXPECT_EQ(said["files"][1]["bytes"], pack);
}

TEST(Image, IsTheSameTwice) {
  const Made again = make("deterministic");
  EXPECT_EQ(again.said, deterministic().said);
  for (const char* const name : {"capos.elf", "boot.pack", "capos.iso"}) {
    const auto first = read_bytes(deterministic().file(name)), second = read_bytes(again.file(name));
    ASSERT_TRUE(first && second) << name;
    EXPECT_TRUE(*first == *second) << name;
  }
}

TEST(Image, BootsByPvh) {
  expect_finished(boot({"-accel", "tcg", "-icount", "shift=0,sleep=off", "-kernel", deterministic().file("capos.elf").string(), "-initrd",
                        deterministic().file("boot.pack").string()}));
}

TEST(Image, BootsByGrubOnBios) {
  expect_finished(boot({"-accel", "tcg", "-icount", "shift=0,sleep=off", "-cdrom", deterministic().file("capos.iso").string()}));
}

// In real time: the firmware would run for minutes with instructions counted. The frequency is calibrated then.
TEST(Image, BootsByGrubOnUefi) {
  ASSERT_TRUE(fs::exists(kFirmware)) << "apt-get install ovmf";
  const Made made = make("kvm");
  expect_finished(boot({"-accel", "tcg", "-drive", std::string("if=pflash,format=raw,readonly=on,file=") + kFirmware, "-cdrom",
                        made.file("capos.iso").string()}));
}

}  // namespace
}  // namespace capos::cli
