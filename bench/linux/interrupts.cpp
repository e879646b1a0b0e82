// SPDX-License-Identifier: Apache-2.0
// interrupts CPU SECONDS FILE: how many interrupts a CPU takes while a FIFO process computes there without a system call, for
// ./capos bench linux --part isolated. Everything else stays on CPU 0. /proc/interrupts is read a second after the process has
// begun and SECONDS later.
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace {

using Counts = std::map<std::string, unsigned long long>;

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

void stay_on(int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(cpu), &one);
  if (sched_setaffinity(0, sizeof one, &one) != 0) give_up("sched_setaffinity");
}

[[noreturn]] void compute_on(int cpu) {
  stay_on(cpu);
  const sched_param wanted{.sched_priority = 50};
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0 || sched_setscheduler(0, SCHED_FIFO, &wanted) != 0) give_up("a FIFO process");
  for (;;) asm volatile("pause");
}

// A line is "NAME: COUNT COUNT ... what it is"; the first line names the CPUs.
Counts read_counts(int cpu) {
  Counts counts;
  std::ifstream in("/proc/interrupts");
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string name;
    unsigned long long count = 0;
    words >> name;
    for (int i = 0; i <= cpu; ++i) words >> count;
    if (words && name.ends_with(':')) counts[name.substr(0, name.size() - 1)] = count;
  }
  return counts;
}

void sleep_for(long seconds) {
  timespec left{seconds, 0};
  while (nanosleep(&left, &left) != 0) {
  }
}

bool write(const char* name, const Counts& before, const Counts& after) {
  std::FILE* const file = std::fopen(name, "w");
  if (file == nullptr) return false;
  utsname system{};
  uname(&system);
  std::fprintf(file, "{\"sysinfo\": {\"release\": \"%s\", \"version\": \"%s\"}, \"interrupts\": {", system.release, system.version);
  const char* between = "";
  for (const auto& [cause, count] : after) {
    const auto old = before.find(cause);
    std::fprintf(file, "%s\"%s\": %llu", between, cause.c_str(), count - (old == before.end() ? 0 : old->second));
    between = ", ";
  }
  std::fputs("}}\n", file);
  return std::fclose(file) == 0;
}

}  // namespace

int main(int count, char** words) {
  if (count != 4) {
    std::fputs("usage: interrupts CPU SECONDS FILE\n", stderr);
    return 2;
  }
  const int cpu = std::atoi(words[1]);
  stay_on(0);
  const pid_t spinner = fork();
  if (spinner < 0) give_up("fork");
  if (spinner == 0) compute_on(cpu);
  sleep_for(1);
  const Counts before = read_counts(cpu);
  sleep_for(std::atol(words[2]));
  const Counts after = read_counts(cpu);
  if (waitpid(spinner, nullptr, WNOHANG) != 0) give_up("the computing process has ended");
  kill(spinner, SIGKILL);
  return before.empty() || !write(words[3], before, after) ? 1 : 0;
}
