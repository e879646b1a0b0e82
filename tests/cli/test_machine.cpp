// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "machine/machine.hpp"
#include "machine/run.hpp"
#include "support/process.hpp"

namespace capos::cli {
namespace {

MachineSpec spec() {
  MachineSpec spec;
  spec.cpus = 2;
  spec.kernel = "/k";
  spec.pack = "/p";
  spec.console = "/c";
  spec.channel = "/t";
  spec.channel_bytes = 1 << 20;
  return spec;
}

bool has(const std::vector<std::string>& words, const std::string& option, const std::string& value) {
  const std::vector<std::string> pair{option, value};
  return std::ranges::search(words, pair).begin() != words.end();
}

TEST(Machine, DeterministicCommandCountsInstructions) {
  EXPECT_EQ(
      shell_line(qemu_command(spec())),
      "qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none -machine q35 -accel tcg "
      "-icount "
      "shift=0,sleep=off -cpu max,+rdtscp -rtc base=2026-01-01T00:00:00,clock=vm -seed 1 -smp 3 -m 256M "
      "-kernel /k -initrd /p -serial file:/c -device isa-debug-exit,iobase=0xf4,iosize=0x04 -object "
      "memory-backend-file,id=channel,share=on,mem-path=/t,size=1048576 -device "
      "ivshmem-plain,memdev=channel");
}

// Every second CPU rests where CPUs are simulated in turn, and nowhere else.
TEST(Machine, KvmCommandCountsNothing) {
  MachineSpec kvm = spec();
  kvm.accelerator = Accelerator::kvm;
  const auto words = qemu_command(kvm);
  EXPECT_TRUE(has(words, "-smp", "2"));
  EXPECT_TRUE(has(words, "-accel", "kvm"));
  EXPECT_EQ(std::ranges::find(words, "-icount"), words.end());
}

TEST(Machine, MicrovmHasNoChannel) {
  MachineSpec microvm = spec();
  microvm.microvm = true;
  const auto words = qemu_command(microvm);
  EXPECT_TRUE(has(words, "-machine", "microvm"));
  EXPECT_EQ(std::ranges::find(words, "ivshmem-plain,memdev=channel"), words.end());
}

TEST(Machine, StopsForTheDebugger) {
  MachineSpec stopped = spec();
  stopped.gdb = "unix:/s,server=on,wait=off";
  stopped.stopped = true;
  const auto words = qemu_command(stopped);
  EXPECT_TRUE(has(words, "-gdb", "unix:/s,server=on,wait=off"));
  EXPECT_EQ(words.back(), "-S");
}

// QEMU ends with the status of a guest that ended in order, and says why.
TEST(Machine, WithoutAKernelThereIsNoEndInOrder) {
  const auto scratch = std::filesystem::temp_directory_path() / ("capos-machine-" + std::to_string(getpid()));
  std::filesystem::create_directories(scratch);
  MachineSpec empty = spec();
  empty.kernel = empty.pack = scratch / "empty";
  empty.console = scratch / "console";
  empty.channel.clear();
  std::ofstream(empty.kernel).close();
  const auto end = run_machine(empty, scratch, {.wall = std::chrono::seconds(60)}, {});
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->kind, MachineEnd::Kind::died) << end->note;
  EXPECT_FALSE(end->fine());
  EXPECT_NE(end->note.find("could not load kernel"), std::string::npos) << end->note;
  std::filesystem::remove_all(scratch);
}

TEST(ShellLine, QuotesWhatAShellWouldTakeApart) {
  EXPECT_EQ(shell_line({"a", "b c", "it's", "", "x=1"}), "a 'b c' 'it'\\''s' '' x=1");
}

}  // namespace
}  // namespace capos::cli
