// SPDX-License-Identifier: Apache-2.0
// What ./capos bench linux does before and after its machines: packages, archive, command line, cyclictest's JSON.
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "latency/cyclictest.hpp"
#include "linux/cpio.hpp"
#include "linux/initrd.hpp"
#include "linux/interrupts.hpp"
#include "linux/kernel_image.hpp"
#include "linux/last_comparison.hpp"
#include "linux/linux_run.hpp"
#include "linux/round_trips.hpp"
#include "support/files.hpp"
#include "support/process.hpp"
#include "support/temporary.hpp"

namespace capos::cli {
namespace {

namespace fs = std::filesystem;

// As cyclictest 2.4 of Debian 12 wrote it, shortened.
constexpr const char* kWritten = R"json({
  "file_version": 1,
  "cmdline:": "/usr/bin/cyclictest -m -p95 -i1000 -l7 -N -h100000 -q --json=/tmp/r.json",
  "rt_test_version:": "2.40",
  "return_code": 0,
  "sysinfo": { "sysname": "Linux", "nodename": "(none)", "release": "6.1.0-56-rt-amd64",
    "version": "#1 SMP PREEMPT_RT Debian 6.1.192-2 (2026-11-16)", "machine": "x86_64", "realtime": 1 },
  "num_threads": 1,
  "resolution_in_ns": 1,
  "thread": { "0": { "histogram": { "3675": 3, "3730": 2, "4467": 1 },
      "cycles": 7, "min": 3675, "max": 120034, "avg": 3870.07, "cpu": 0, "node": 0 } }
})json";

std::string with(std::string text, const std::string& old, const std::string& next) {
  const auto at = text.find(old);
  EXPECT_NE(at, std::string::npos) << old;
  return text.replace(at, old.size(), next);
}

TEST(Cyclictest, IsRead) {
  const auto result = parse_cyclictest(kWritten);
  ASSERT_TRUE(result.has_value()) << result.error().cause;
  EXPECT_EQ(result->release, "6.1.0-56-rt-amd64");
  const auto summary = result->distribution.summary();
  EXPECT_EQ(summary.samples, 7U);
  EXPECT_EQ(summary.min, 3675U);
  EXPECT_EQ(summary.p50, 3730U);
  EXPECT_EQ(summary.max, 120'034U);  // beyond its histogram
  EXPECT_EQ(result->distribution.overflow(), 1U);
}

TEST(Cyclictest, IsRefusedWhenItIsNoResult) {
  const std::string good = kWritten;
  for (const auto& text : {std::string{}, std::string("{"), std::string("[]"), good.substr(0, good.size() / 2),
                           with(good, "\"cycles\": 7", "\"cycles\": 5"), with(good, "\"cycles\": 7", "\"cycles\": \"many\""),
                           with(good, "\"3730\"", "\"often\""), with(good, "\"thread\"", "\"threads\""),
                           with(good, "\"max\": 120034", "\"most\": 1")}) {
    EXPECT_FALSE(parse_cyclictest(text).has_value()) << text;
  }
  EXPECT_FALSE(parse_cyclictest(R"({"thread": {"0": {"histogram": {}, "cycles": 0, "min": 0, "max": 0}}})").has_value());
}

TEST(Cyclictest, IsWrittenAsItIsRead) {
  CyclictestRun run{"./capos bench linux", "capOS", "0.1.0", {}};
  run.distribution.add(589, 90);
  run.distribution.add(724);
  const auto read = parse_cyclictest(render_cyclictest(run));
  ASSERT_TRUE(read.has_value()) << read.error().cause;
  EXPECT_EQ(read->distribution.counts(), run.distribution.counts());
  EXPECT_EQ(read->release, "0.1.0");
  const auto ours = nlohmann::json::parse(render_cyclictest(run)), theirs = nlohmann::json::parse(kWritten);
  for (const auto& [key, value] : theirs["thread"]["0"].items()) EXPECT_TRUE(ours["thread"]["0"].contains(key)) << key;
}

TEST(Cyclictest, IsFoundOnTheConsole) {
  const std::string console = "[ 0.1] Linux\n\n--- begin /tmp/a.json\n{\"a\": 1}\n\n--- end /tmp/a.json\n[ 2.0] end\n";
  EXPECT_EQ(sent_file(console, "/tmp/a.json").value_or(""), "{\"a\": 1}\n");
  EXPECT_FALSE(sent_file(console, "/tmp/b.json").has_value());
  EXPECT_FALSE(sent_file(console.substr(0, 40), "/tmp/a.json").has_value());
}

TEST(Packages, AreNamedByTheMetaPackage) {
  EXPECT_EQ(image_package("Package: linux-image-rt-amd64\nVersion: 6.1.192-2\nDepends: linux-image-6.1.0-56-rt-amd64 (= 6.1.192-2), x\n"),
            "linux-image-6.1.0-56-rt-amd64");
  EXPECT_EQ(image_package("Package: x\nDepends: libc6\n"), "");
  EXPECT_EQ(image_package(""), "");
}

// As bench/linux/sampler.cpp writes it.
constexpr const char* kTrips = R"json({"sysinfo": {"release": "6.1.0-56-rt-amd64", "version": "#1 SMP"}, "stamp_ticks": 1, "rows": [
{"name": "getppid", "histogram": {"326": 9, "340": 1}},
{"name": "pipe", "histogram": {"12805": 10}},
{"name": "uring", "skipped": "io_uring_setup: Function not implemented"}
]})json";

TEST(RoundTrips, AreRead) {
  const auto trips = parse_round_trips(kTrips);
  ASSERT_TRUE(trips.has_value()) << trips.error().cause;
  EXPECT_EQ(trips->release, "6.1.0-56-rt-amd64");
  ASSERT_EQ(trips->rows.size(), 3U);
  EXPECT_EQ(trips->rows[0].distribution.summary().p50, 326U);
  EXPECT_EQ(trips->rows[0].distribution.summary().max, 340U);
  EXPECT_EQ(trips->rows[2].skipped, "io_uring_setup: Function not implemented");
}

TEST(RoundTrips, AreRefusedWhenTheyAreNoResult) {
  const std::string good = kTrips;
  for (const auto& text : {std::string{}, std::string("{"), std::string("[]"), good.substr(0, good.size() / 2),
                           with(good, "\"326\": 9", "\"326\": \"nine\""), with(good, "\"326\"", "\"often\""), with(good, "{\"12805\": 10}", "{}"),
                           with(good, "\"rows\"", "\"row\""), with(good, "\"release\"", "\"name\"")}) {
    EXPECT_FALSE(parse_round_trips(text).has_value()) << text;
  }
  EXPECT_FALSE(parse_round_trips(R"({"sysinfo": {"release": "", "version": ""}, "rows": []})").has_value());
}

TEST(RoundTrips, StandBesideCapos) {
  report::BenchLine call{"call_reply_8w", "instructions", {}};
  call.summary = {10, 363, 363, 363, 363, 400};
  const auto table = round_trips_table({{"default", *parse_round_trips(kTrips)}}, {call});
  ASSERT_EQ(table.rows.size(), counterparts().size());
  for (const auto& row : table.rows) ASSERT_EQ(row.size(), table.columns.size());
  const std::string text = report::render_table_text(table);
  EXPECT_NE(text.find("12805  12805"), std::string::npos) << text;
  EXPECT_NE(text.find("363  400   35.3"), std::string::npos) << text;
  EXPECT_NE(text.find("left out: io_uring_setup"), std::string::npos) << text;
  EXPECT_NE(text.find("not measured"), std::string::npos) << text;
}

TEST(Boot, IsToldByTheFirstProcess) {
  EXPECT_EQ(first_user_ticks("[ 1.0] x\n\nfirst user instruction at 1651040673\nclock source tsc\n").value_or(0), 1'651'040'673U);
  EXPECT_FALSE(first_user_ticks("clock source tsc\n").has_value());
  EXPECT_FALSE(first_user_ticks("\nfirst user instruction at once\n").has_value());
}

TEST(Interrupts, AreReadByCause) {
  const auto counts = parse_interrupts(R"({"sysinfo": {}, "interrupts": {"0": 0, "LOC": 2503, "RES": 2}})");
  ASSERT_TRUE(counts.has_value()) << counts.error().cause;
  EXPECT_EQ(counts->total(), 2505U);
  EXPECT_EQ(counts->text(), "LOC 2503, RES 2");
  EXPECT_EQ(parse_interrupts(R"({"interrupts": {"LOC": 0}})")->text(), "none");
  for (const char* const wrong : {"", "{", "[]", "{}", R"({"interrupts": {}})", R"({"interrupts": {"LOC": "many"}})"}) {
    EXPECT_FALSE(parse_interrupts(wrong).has_value()) << wrong;
  }
}

TEST(LastComparison, GivesLinuxWakeups) {
  const auto rows = linux_wakeups(R"json([
    {"system": "capos", "options": "default", "load": "none", "unit": "instructions", "min": 1, "p50": 2, "p99": 3, "p999": 4, "max": 5, "samples": 6},
    {"system": "linux", "options": "tuned", "load": "none", "unit": "instructions", "min": 1, "p50": 2, "p99": 3, "p999": 4, "max": 5, "samples": 6},
    {"system": "linux", "options": "tuned", "load": "all", "unit": "ns", "min": 1, "p50": 2, "p99": 3, "p999": 4, "max": 5, "samples": 6},
    {"system": "linux", "options": "tuned", "load": "none", "unit": "instructions", "min": 1, "p50": 2, "p99": 3, "p999": 4, "max": 5, "samples": 6, "operation": "pipe"},
    {"system": "linux", "options": "tuned", "load": "cpu", "unit": "instructions", "min": 1}])json");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].options, "tuned");
  EXPECT_EQ(rows[0].summary.max, 5U);
  EXPECT_TRUE(linux_wakeups("").empty());
  EXPECT_TRUE(linux_wakeups("{}").empty());
}

// A machine without network: apt's lists are empty, and nobody answers.
TEST(Packages, AreMissedClearlyWithoutANetwork) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  const auto config = scratch->path() / "apt.conf", lists = scratch->path() / "lists";
  ASSERT_TRUE(make_directory(lists / "partial").has_value());
  ASSERT_TRUE(write_text(config, "Acquire::http::Proxy \"http://127.0.0.1:9/\";\nAcquire::https::Proxy \"http://127.0.0.1:9/\";\n"
                                 "Acquire::Retries \"0\";\nAPT::Sandbox::User \"root\";\nDir::State::Lists \"" + lists.string() + "\";\n"
                                 "Dir::Cache \"" + lists.string() + "\";\n").has_value());
  const auto image = find_kernel_image(scratch->path() / "kernel", {{"APT_CONFIG", config.string()}});
  ASSERT_FALSE(image.has_value());
  EXPECT_NE(image.error().cause.find("linux-image-rt-amd64"), std::string::npos) << image.error().cause;
  EXPECT_NE(image.error().cause.find("E: "), std::string::npos) << image.error().cause;
  EXPECT_NE(image.error().remedy.find((scratch->path() / "kernel").string()), std::string::npos) << image.error().remedy;
}

Outcome<Captured> make_package(const fs::path& root, const fs::path& file, const char* kernel) {
  const fs::path boot = root / "boot", control = root / "DEBIAN";
  if (auto made = make_directory(boot); !made) return std::unexpected(made.error());
  if (auto made = make_directory(control); !made) return std::unexpected(made.error());
  if (auto done = write_text(control / "control", "Package: x\nVersion: 1\nArchitecture: amd64\nMaintainer: x <x@example.org>\nDescription: x\n"); !done)
    return std::unexpected(done.error());
  if (auto done = write_text(boot / kernel, "an image"); !done) return std::unexpected(done.error());
  return capture({"dpkg-deb", "--build", "--root-owner-group", root.string(), file.string()});
}

TEST(Packages, AreTakenFromTheirDirectory) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  const fs::path kernel = scratch->path() / "kernel";
  ASSERT_TRUE(make_directory(kernel).has_value());
  const auto made = make_package(scratch->path() / "root", kernel / "linux-image-9.9-rt-amd64_9.9-1_amd64.deb", "vmlinuz-9.9-rt-amd64");
  ASSERT_TRUE(made && made->state.exited(0));
  for (const char* const when : {"unpacked", "found again"}) {
    const auto image = find_kernel_image(kernel);
    ASSERT_TRUE(image.has_value()) << when << image.error().cause;
    EXPECT_EQ(image->package, "linux-image-9.9-rt-amd64 9.9-1");
    EXPECT_EQ(read_text(image->file).value_or(""), "an image");
  }
}

// As a bzImage is made: sectors of setup, then the payload somewhere behind them.
std::string packed_kernel(const std::string& payload) {
  std::string image(1024 + 100, '\0');
  image[0x1f1] = 1;
  image.replace(0x202, 4, "HdrS");
  image[0x248] = 100;
  image[0x24c] = static_cast<char>(payload.size());
  return image + payload + "what follows";
}

TEST(Packages, GiveTheirKernelUncompressed) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  const auto xz = capture({"sh", "-c", "printf 'an ELF file' | xz -c"});
  ASSERT_TRUE(xz && xz->state.exited(0));
  ASSERT_LT(xz->out.size(), 128U);
  ASSERT_TRUE(write_text(scratch->path() / "package.txt", "linux-image-9.9-rt-amd64 9.9-1\n").has_value());
  ASSERT_TRUE(write_text(scratch->path() / "vmlinuz", packed_kernel(xz->out)).has_value());
  const auto image = find_kernel_image(scratch->path());
  ASSERT_TRUE(image.has_value()) << image.error().cause;
  EXPECT_EQ(image->file.filename(), "vmlinux");
  EXPECT_EQ(read_text(image->file).value_or(""), "an ELF file");
}

TEST(Packages, WhoseKernelIsPackedOtherwiseGiveItAsItIs) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  std::string too_long = packed_kernel("\xfd" "7zXZ");
  too_long[0x24f] = 1;  // 16 MiB of it
  for (const auto& content : {packed_kernel("\x28\xb5\x2f\xfd zstandard"), too_long, std::string("short")}) {
    ASSERT_TRUE(write_text(scratch->path() / "package.txt", "x 1\n").has_value());
    ASSERT_TRUE(write_text(scratch->path() / "vmlinuz", content).has_value());
    const auto image = find_kernel_image(scratch->path());
    ASSERT_TRUE(image.has_value()) << image.error().cause;
    EXPECT_EQ(image->file.filename(), "vmlinuz");
  }
}

TEST(Packages, AreRefusedWhenTheyHoldNoKernel) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  const fs::path kernel = scratch->path() / "kernel";
  ASSERT_TRUE(make_directory(kernel).has_value());
  ASSERT_TRUE(write_text(kernel / "linux-image-9.9-rt-amd64_9.9-1_amd64.deb", "no archive").has_value());
  const auto image = find_kernel_image(kernel);
  ASSERT_FALSE(image.has_value());
  EXPECT_TRUE(image.error().cause.starts_with("cannot unpack")) << image.error().cause;
}

std::vector<std::byte> bytes(std::string_view text) {
  std::vector<std::byte> result;
  for (const char c : text) result.push_back(static_cast<std::byte>(c));
  return result;
}

TEST(Archive, IsNewcWithoutTimesAndOwners) {
  CpioArchive archive;
  archive.add("usr/x", bytes("12345"));
  const auto made = archive.finish();
  std::string text;
  for (const auto byte : made) text += static_cast<char>(byte);
  EXPECT_EQ(made.size() % 512, 0U);
  //                  number  mode    uid     gid     links   time    size    device                          name    check
  EXPECT_EQ(text.substr(0, 110), "07070100000001000041ed00000000000000000000000200000000000000000000000000000000000000000000000000000004" "00000000");
  EXPECT_EQ(text.substr(110, 4), std::string("usr\0", 4));
  EXPECT_EQ(text.substr(116, 110), "07070100000002000081ed00000000000000000000000100000000000000050000000000000000000000000000000000000006" "00000000");
  EXPECT_EQ(text.substr(226, 6), std::string("usr/x\0", 6));
  EXPECT_EQ(text.substr(232, 8), std::string("12345\0\0\0", 8));
  EXPECT_NE(text.find("TRAILER!!!"), std::string::npos);
}

TEST(Archive, DoesNotDependOnTheOrder) {
  CpioArchive one, other;
  one.add("b", bytes("b"));
  one.add("a/c", bytes("c"));
  other.add("a/c", bytes("c"));
  other.add("b", bytes("b"));
  EXPECT_EQ(one.finish(), other.finish());
}

TEST(Archive, TakesTheLibrariesThatLddNames) {
  const std::vector<std::string> expected{"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"};
  EXPECT_EQ(libraries_in("\tlinux-vdso.so.1 (0x00007f4f8044e000)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f4f80230000)\n"
                         "\t/lib64/ld-linux-x86-64.so.2 (0x00007f4f80450000)\n"),
            expected);
  EXPECT_TRUE(libraries_in("\tnot a dynamic executable\n").empty());
}

LinuxRequest request() {
  LinuxRequest request;
  request.kernel = "/k";
  request.initrd = "/i";
  request.directory = "/d";
  request.samples = 300;
  request.period_us = 1009;
  return request;
}

TEST(LinuxMachine, IsTheMachineOfTheWakeupBench) {
  EXPECT_EQ(shell_line(qemu_command(linux_machine(request()))),
            "qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none -machine q35 -accel tcg -icount shift=0,sleep=off "
            "-cpu max,+rdtscp -rtc base=2026-01-01T00:00:00,clock=vm -seed 1 -smp 1 -m 256M -kernel /k -initrd /i -append "
            "'console=ttyS0 quiet bench_file=/tmp/cyclictest.json "
            "bench_run=/usr/bin/cyclictest,-m,-q,-N,-p95,-i1009,-l300,-h100000,--histfile=/dev/null,--json=/tmp/cyclictest.json' "
            "-serial file:/d/console.log -device isa-debug-exit,iobase=0xf4,iosize=0x04");
}

TEST(LinuxMachine, MaySetACpuApart) {
  LinuxRequest wanted = request();
  wanted.options = "isolated";
  wanted.cpus = 2;
  wanted.accelerator = Accelerator::tcg_real_time;
  const auto command = shell_line(qemu_command(linux_machine(wanted)));
  EXPECT_NE(command.find("-accel tcg,thread=multi "), std::string::npos) << command;
  EXPECT_NE(command.find("-smp 2 "), std::string::npos);
  EXPECT_NE(command.find(" nohz_full=1 rcu_nocbs=1 "), std::string::npos);
  EXPECT_EQ(command.find("idle=poll"), std::string::npos);
  EXPECT_EQ(command.find("-icount"), std::string::npos);
}

TEST(LinuxMachine, TakesOptionsLoadsAndACpu) {
  LinuxRequest wanted = request();
  wanted.options = "tuned";
  wanted.load = "all";
  wanted.accelerator = Accelerator::kvm;
  wanted.host_cpu = 3;
  const auto command = shell_line(qemu_command(linux_machine(wanted)));
  EXPECT_TRUE(command.starts_with("taskset -c 3 qemu-system-x86_64 ")) << command;
  EXPECT_NE(command.find(" idle=poll "), std::string::npos);
  EXPECT_NE(command.find(" bench_load=/init,cpu:/init,memory:/usr/bin/hackbench,"), std::string::npos);
  EXPECT_NE(command.find("-h1000000,"), std::string::npos);
  EXPECT_EQ(command.find("-icount"), std::string::npos);
}

}  // namespace
}  // namespace capos::cli
