// SPDX-License-Identifier: Apache-2.0
// round_trips SAMPLES FILE: what entering Linux and passing a word between two processes cost, on one CPU, for
// ./capos bench linux. Locked memory, SCHED_FIFO; both sides of a round trip have the same priority.
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "rows.hpp"

namespace linux_bench {

void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

void take_priority(int priority, int pid) {
  const sched_param wanted{.sched_priority = priority};
  if (sched_setscheduler(pid, SCHED_FIFO, &wanted) != 0) give_up("sched_setscheduler");
}

namespace {

// Without its peer this program would wait for ever.
void lost_peer(int) {
  constexpr char kText[] = "round_trips: the peer is gone\n";
  const bool told = write(STDERR_FILENO, kText, sizeof kText - 1) > 0;
  _exit(told ? 1 : 2);
}

}  // namespace

Peer::Peer(const std::function<void()>& part, int above) {
  signal(SIGCHLD, lost_peer);
  pid_ = fork();
  if (pid_ < 0) give_up("fork");
  if (pid_ != 0) {
    // It runs at once then, until it waits.
    if (above != 0) take_priority(kPriority + above, pid_);
    return;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) give_up("mlockall");
  for (;;) part();
}

Peer::~Peer() {
  signal(SIGCHLD, SIG_DFL);
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

namespace {

void stay_on_one_cpu() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  if (sched_setaffinity(0, sizeof one, &one) != 0) give_up("sched_setaffinity");
}

}  // namespace
}  // namespace linux_bench

int main(int count, char** words) {
  using namespace linux_bench;
  const std::uint64_t samples = count == 3 ? std::strtoull(words[1], nullptr, 10) : 0;
  if (samples == 0) {
    std::fputs("usage: round_trips SAMPLES FILE\n", stderr);
    return 2;
  }
  stay_on_one_cpu();
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) give_up("mlockall");
  take_priority(kPriority);
  Sampler sampler(samples);
  process_rows(sampler);
  ring_rows(sampler);
  if (!sampler.write(words[2])) give_up(words[2]);
  return 0;
}
