// SPDX-License-Identifier: Apache-2.0
// The rows of rings beside liburing: where io_uring is refused, as containers do, they are left out and say why; capOS's own are measured.
#include <gtest/gtest.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

#include "support/files.hpp"
#include "support/temporary.hpp"
#include "verbs/host_ratios.hpp"

namespace capos::cli {
namespace {

bool refuse_io_uring() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{std::size(code), code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// The bench's ratios; none if it failed.
std::vector<HostRatio> run_bench(bool permitted) {
  const auto scratch = TemporaryDirectory::make();
  if (!scratch) return {};
  const std::string file = (scratch->path() / "rings.json").string(), out = "--benchmark_out=" + file;
  const pid_t child = fork();
  if (child == 0) {
    if (!permitted && !refuse_io_uring()) _exit(99);
    execl(CAPOS_BENCH_RINGS, CAPOS_BENCH_RINGS, out.c_str(), "--benchmark_out_format=json", "--benchmark_filter=ring_nops_8_", nullptr);
    _exit(98);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  return host_ratios(read_text(file).value_or("")).value_or(std::vector<HostRatio>{});
}

TEST(HostRings, AreLeftOutWithAReasonWhereIoUringIsRefused) {
  const auto ratios = run_bench(false);
  EXPECT_EQ(ratios.size(), 2u);  // entered and polled
  for (const HostRatio& each : ratios) {
    EXPECT_NE(each.skipped.find("io_uring_setup: Operation not permitted"), std::string::npos) << each.name << ": " << each.skipped;
    EXPECT_GT(each.ours_ns, 0) << each.name;
  }
}

TEST(HostRings, HaveRatiosWhereItIsPermitted) {
  const auto ratios = run_bench(true);
  EXPECT_EQ(ratios.size(), 2u);
  for (const HostRatio& each : ratios) {
    if (each.skipped.find("io_uring_setup") != std::string::npos) GTEST_SKIP() << each.skipped;
    if (each.skipped == "two CPUs are needed") continue;
    EXPECT_EQ(each.skipped, "") << each.name << " " << each.peer;
    EXPECT_GT(each.ratio, 0) << each.name << " " << each.peer;
  }
}

}  // namespace
}  // namespace capos::cli
