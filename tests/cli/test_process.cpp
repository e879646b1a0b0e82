// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "support/files.hpp"
#include "support/lock.hpp"
#include "support/process.hpp"
#include "support/temporary.hpp"

namespace capos::cli {
namespace {

using std::chrono::milliseconds;

TEST(Process, CapturesBothOutputsAndTheStatus) {
  const auto run = capture({"sh", "-c", "echo out; echo err >&2; exit 3"});
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->out, "out\n");
  EXPECT_EQ(run->err, "err\n");
  EXPECT_TRUE(run->state.exited(3));
  EXPECT_FALSE(run->timed_out);
}

TEST(Process, NamesTheProgramThatIsNotThere) {
  const auto run = capture({"no-such-program-of-capos"});
  ASSERT_FALSE(run.has_value());
  EXPECT_EQ(run.error().cause, "cannot run no-such-program-of-capos: No such file or directory");
  EXPECT_FALSE(run.error().remedy.empty());
}

TEST(Process, EndsWhatDoesNotEnd) {
  const auto start = std::chrono::steady_clock::now();
  const auto run = capture({"sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"}, milliseconds(100));
  ASSERT_TRUE(run.has_value());
  EXPECT_TRUE(run->timed_out);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

TEST(Process, TellsSignalsFromStatuses) {
  const auto run = capture({"sh", "-c", "kill -SEGV $$"});
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->state.signal, SIGSEGV);
  EXPECT_FALSE(run->state.exited(0));
}

TEST(Process, HandsOnEnvironmentDirectoryAndInput) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  ASSERT_TRUE(write_text(scratch->path() / "input", "from the file\n").has_value());
  SpawnOptions options;
  options.environment = {{"CAPOS_TEST_VALUE", "seven"}};
  options.directory = scratch->path();
  options.stdin_file = scratch->path() / "input";
  const auto run = capture({"sh", "-c", "echo $CAPOS_TEST_VALUE; pwd; cat"}, milliseconds(10'000), options);
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->out, "seven\n" + scratch->path().string() + "\nfrom the file\n");
}

TEST(Process, HasNoInputUnlessGiven) {
  const auto run = capture({"cat"}, milliseconds(10'000));
  ASSERT_TRUE(run.has_value());
  EXPECT_FALSE(run->timed_out);
  EXPECT_EQ(run->out, "");
}

TEST(Process, IsEndedByItsOwner) {
  pid_t pid = 0;
  {
    const auto process = Process::start({"sleep", "1000"});
    ASSERT_TRUE(process.has_value());
    pid = process->pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST(Files, NameTheFileThatCannotBeRead) {
  const auto text = read_text("/no/such/file");
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().cause, "cannot read /no/such/file: No such file or directory");
  EXPECT_FALSE(read_text("/").has_value());
}

TEST(Files, NameTheFileThatCannotBeWritten) {
  const auto written = write_text("/no/such/file", "x");
  ASSERT_FALSE(written.has_value());
  EXPECT_NE(written.error().cause.find("/no/such/file"), std::string::npos);
}

TEST(Directory, IsTakenByOneProcessAtATime) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  EXPECT_TRUE(take_directory(scratch->path()).has_value());
  const auto again = take_directory(scratch->path());
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().cause, "another run is using " + scratch->path().string());
}

TEST(TemporaryDirectory, IsGoneWithItsOwner) {
  std::filesystem::path path;
  {
    auto scratch = TemporaryDirectory::make();
    ASSERT_TRUE(scratch.has_value());
    path = scratch->path();
    ASSERT_TRUE(write_text(path / "a", "b").has_value());
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace capos::cli
