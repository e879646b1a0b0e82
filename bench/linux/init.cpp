// SPDX-License-Identifier: Apache-2.0
// The first process of the Linux that capOS is measured beside: starts the load, runs one program to its end, sends
// the file it wrote to the serial port, and ends the machine with that program's exit status.
//
// What it does comes from the kernel's command line, where the kernel finds an environment for it: bench_run, the
// program and its words, separated by commas; bench_load, the loads, each like that, separated by colons; bench_file,
// what to send. "/init cpu" and "/init memory" are the loads of capOS's service `load`, the same loops, in user mode
// without a system call. A fault here ends the machine with status 64 to 67. The time stamp counter at its own first
// instruction is told as well: how long the machine took to get there.
#include <fcntl.h>
#include <signal.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "random.hpp"

// The entry of this program: the stamp, with every register as the C library's start wants it (rdx: what to call at exit).
extern "C" std::uint64_t g_first_instruction;
std::uint64_t g_first_instruction;
asm(R"(
  .globl linux_init_entry
linux_init_entry:
  mov %rdx, %rcx
  rdtsc
  shl $32, %rdx
  or %rdx, %rax
  mov %rax, g_first_instruction(%rip)
  mov %rcx, %rdx
  jmp _start
)");

namespace {

using Words = std::vector<std::string>;
enum Fault : int { kNoSystem = 64, kNoLoad, kNoRun, kNoFile };

constexpr unsigned short kExitPort = 0xf4;  // QEMU's isa-debug-exit, as capOS ends its machine

[[noreturn]] void end_machine(int status) {
  tcdrain(STDOUT_FILENO);
  if (ioperm(kExitPort, 4, 1) == 0) asm volatile("outl %0, %1" ::"a"(status), "d"(kExitPort));
  for (;;) pause();
}

Words split(const std::string& text, char separator) {
  Words words;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(separator, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

Words parameter(const char* name, char separator) {
  const char* const value = std::getenv(name);
  return value == nullptr ? Words{} : split(value, separator);
}

[[noreturn]] void become(const Words& words) {
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  _exit(127);
}

pid_t start(const Words& words, bool silent) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  setsid();
  if (silent) {
    const int nothing = open("/dev/null", O_RDWR);
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nothing, descriptor);
  }
  become(words);
}

// As compute() of services/load.
[[noreturn]] void compute() {
  capos::load::Random random(1);
  for (double x = 1;;) {
    const std::uint64_t rounds = 1'000 + random.below(10'000);
    for (std::uint64_t i = 0; i < rounds; ++i) x = x * 1.000000119 + 1e-9;
    if (x > 1e6) x = 1;
    asm volatile("" : "+x"(x));
  }
}

// As thrash_memory() of services/load.
[[noreturn]] void thrash_memory() {
  constexpr std::size_t kWords = (8u << 20) / sizeof(std::uint64_t), kLineWords = 64 / sizeof(std::uint64_t);
  std::vector<std::uint64_t> memory(kWords);
  volatile std::uint64_t* const words = memory.data();
  capos::load::Random random(2);
  for (;;) {
    const std::size_t from = random.below(kWords), lines = 1 + random.below(4'096);
    for (std::size_t i = 0; i < lines; ++i) words[(from + i * kLineWords) % kWords] = i;
    std::uint64_t sum = 0;
    for (std::size_t i = 1 + random.below(2'048); i > 0; --i) sum += words[random.below(kWords)];
    words[sum % kWords] = sum;
  }
}

bool set_up_system() {
  for (const char* directory : {"/proc", "/sys", "/dev", "/tmp"}) mkdir(directory, 0755);
  if (mount("devtmpfs", "/dev", "devtmpfs", 0, nullptr) != 0) return false;
  if (mount("proc", "/proc", "proc", 0, nullptr) != 0 || mount("sysfs", "/sys", "sysfs", 0, nullptr) != 0) return false;
  mkdir("/dev/shm", 01777);  // cyclictest shares its results there
  const int serial = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
  if (serial < 0) return false;
  termios raw{};
  if (tcgetattr(serial, &raw) == 0) {
    cfmakeraw(&raw);
    tcsetattr(serial, TCSANOW, &raw);
  }
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(serial, descriptor);
  return true;
}

void write_all(const char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t done = write(STDOUT_FILENO, bytes, count);
    if (done <= 0) return;
    bytes += done;
    count -= static_cast<std::size_t>(done);
  }
}

void say(const std::string& text) { write_all(text.data(), text.size()); }

// The file's text between two lines that nothing else on the console has.
bool send(const std::string& file) {
  const int descriptor = open(file.c_str(), O_RDONLY);
  if (descriptor < 0) return false;
  say("\n--- begin " + file + "\n");
  char piece[4096];
  for (ssize_t got; (got = read(descriptor, piece, sizeof piece)) > 0;) write_all(piece, static_cast<std::size_t>(got));
  say("\n--- end " + file + "\n");
  return true;
}

std::string first_line(const char* file) {
  char text[256];
  const int descriptor = open(file, O_RDONLY);
  const ssize_t got = descriptor < 0 ? 0 : read(descriptor, text, sizeof text);
  const std::string all(text, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return all.substr(0, all.find('\n'));
}

int run() {
  for (const auto& load : parameter("bench_load", ':')) {
    if (start(split(load, ','), true) < 0) end_machine(kNoLoad);
  }
  const Words words = parameter("bench_run", ',');
  const pid_t pid = words.empty() ? -1 : start(words, false);
  if (pid < 0) end_machine(kNoRun);
  int status = 0;
  while (waitpid(pid, &status, 0) != pid) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

int main(int count, char** words) {
  if (getpid() != 1) {
    if (count == 2 && std::strcmp(words[1], "cpu") == 0) compute();
    if (count == 2 && std::strcmp(words[1], "memory") == 0) thrash_memory();
    return 2;
  }
  if (!set_up_system()) end_machine(kNoSystem);
  const int status = run();
  // The load would only slow what follows; nothing is measured any more.
  setpriority(PRIO_PROCESS, 0, -20);
  kill(-1, SIGKILL);
  say("\nfirst user instruction at " + std::to_string(g_first_instruction) + "\n");
  say("clock source " + first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource") + "\n");
  const char* const file = std::getenv("bench_file");
  if (file != nullptr && !send(file)) end_machine(status == 0 ? kNoFile : status);
  end_machine(status);
}
