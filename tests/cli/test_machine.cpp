// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "machine/guest_memory.hpp"
#include "machine/machine.hpp"
#include "machine/run.hpp"
#include "support/process.hpp"
#include "support/temporary.hpp"

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

// Others can read its memory while it runs; nothing else differs.
TEST(Machine, ItsMemoryIsVisibleWhereThatIsWanted) {
  MachineSpec visible = spec();
  visible.visible_memory = true;
  const auto words = qemu_command(visible), plain = qemu_command(spec());
  EXPECT_TRUE(has(words, "-machine", "q35,memory-backend=memory"));
  EXPECT_TRUE(has(words, "-object", "memory-backend-memfd,id=memory,share=on,size=256M"));
  EXPECT_EQ(words.size(), plain.size() + 2);
}

// The stretches that have been touched, and no others: a look makes none.
TEST(Machine, ItsVisibleMemoryIsReadWhereItHasBeenTouched) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  EXPECT_FALSE(GuestMemory::open(scratch->path()).has_value());
  note_machine(scratch->path(), getpid());
  EXPECT_FALSE(GuestMemory::open(scratch->path()).has_value());  // this process is no machine yet
  constexpr std::size_t kPage = 4096, kPages = 1 << 20;
  const int memory = memfd_create(kMemoryBackend, MFD_CLOEXEC);
  ASSERT_EQ(ftruncate(memory, kPage * kPages), 0);
  for (const std::size_t page : {std::size_t{3}, std::size_t{4}, kPages - 1}) ASSERT_EQ(pwrite(memory, "touched", 7, static_cast<off_t>(page * kPage)), 7);
  const auto seen = GuestMemory::open(scratch->path());
  ASSERT_TRUE(seen.has_value()) << seen.error().cause;
  for (int look = 0; look < 2; ++look) {
    std::vector<std::size_t> pages;
    seen->for_each_touched([&](std::span<const std::byte> bytes, std::uint64_t place) {
      for (std::size_t at = 0; at < bytes.size(); at += kPage) {
        EXPECT_EQ(std::memcmp(bytes.data() + at, "touched", 7), 0) << place + at;
        pages.push_back((place + at) / kPage);
      }
    });
    EXPECT_EQ(pages, (std::vector<std::size_t>{3, 4, kPages - 1}));
  }
  forget_machine(scratch->path());
  EXPECT_FALSE(GuestMemory::open(scratch->path()).has_value());
  close(memory);
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
