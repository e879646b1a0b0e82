// SPDX-License-Identifier: Apache-2.0
#include "process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "files.hpp"
#include "temporary.hpp"

namespace capos::cli {
namespace {

using Clock = std::chrono::steady_clock;

// Between fork and exec: only async-signal-safe calls.
void redirect(const char* file, int descriptor) {
  if (*file == '\0') return;
  const int opened = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (opened < 0 || dup2(opened, descriptor) < 0) _exit(126);
}

[[noreturn]] void become(char* const* arguments, const SpawnOptions& options, pid_t parent, int error_pipe) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);
  if (options.own_group) setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (!options.inherit_input || !options.stdin_file.empty()) {
    const int input =
        open(options.stdin_file.empty() ? "/dev/null" : options.stdin_file.c_str(), O_RDONLY | O_CLOEXEC);
    if (input < 0 || dup2(input, STDIN_FILENO) < 0) _exit(126);
  }
  redirect(options.stdout_file.c_str(), STDOUT_FILENO);
  redirect(options.stderr_file.c_str(), STDERR_FILENO);
  if (!options.directory.empty() && chdir(options.directory.c_str()) != 0) _exit(126);
  for (const auto& [name, value] : options.environment) setenv(name.c_str(), value.c_str(), 1);
  execvp(arguments[0], arguments);
  const int error = errno;
  if (write(error_pipe, &error, sizeof error) < 0) _exit(125);
  _exit(127);
}

// The child's errno of exec, or 0 once the pipe closed on a successful exec.
int exec_error(int pipe_end) {
  int error = 0;
  ssize_t got = 0;
  do got = read(pipe_end, &error, sizeof error);
  while (got < 0 && errno == EINTR);
  return got == sizeof error ? error : 0;
}

}  // namespace

Outcome<Process> Process::start(const std::vector<std::string>& command, const SpawnOptions& options) {
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) return problem("no more file descriptors", "close other programs");
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) become(arguments.data(), options, parent, pipe_ends[1]);
  close(pipe_ends[1]);
  const int error = pid < 0 ? errno : exec_error(pipe_ends[0]);
  close(pipe_ends[0]);
  if (pid < 0)
    return problem(std::string("cannot start a process: ") + std::strerror(error), "end other programs");
  Process process(pid);
  if (error == 0) return process;
  return problem("cannot run " + command[0] + ": " + std::strerror(error), "install it, or check PATH");
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), ended_(std::exchange(other.ended_, std::nullopt)) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(ended_, other.ended_);
  return *this;
}

Process::~Process() {
  if (pid_ > 0 && !ended_) end();
}

std::optional<ExitState> Process::poll(int flags) {
  if (ended_) return ended_;
  int status = 0;
  const pid_t got = waitpid(pid_, &status, flags);
  if (got == 0 || (got < 0 && errno == EINTR)) return std::nullopt;
  if (got < 0) {
    ended_ = ExitState{.status = 127};
  } else if (WIFSIGNALED(status)) {
    ended_ = ExitState{.status = 0, .signal = WTERMSIG(status)};
  } else {
    ended_ = ExitState{.status = WEXITSTATUS(status)};
  }
  return ended_;
}

std::optional<ExitState> Process::wait_for(std::chrono::milliseconds limit) {
  const auto until = Clock::now() + limit;
  auto pause = std::chrono::microseconds(500);
  while (true) {
    if (auto state = poll(WNOHANG)) return state;
    const auto now = Clock::now();
    if (now >= until) return std::nullopt;
    std::this_thread::sleep_for(std::min<Clock::duration>(pause, until - now));
    pause = std::min(pause * 2, std::chrono::microseconds(20'000));
  }
}

ExitState Process::wait() {
  while (true) {
    if (auto state = poll(0)) return *state;
  }
}

void Process::signal(int number) const {
  if (pid_ > 0 && !ended_) kill(pid_, number);
}

void Process::end() {
  signal(SIGTERM);
  if (wait_for(std::chrono::seconds(1))) return;
  signal(SIGKILL);
  wait();
}

Outcome<Captured> capture(const std::vector<std::string>& command, std::chrono::milliseconds limit,
                          SpawnOptions options) {
  auto scratch = TemporaryDirectory::make();
  if (!scratch) return std::unexpected(scratch.error());
  options.stdout_file = scratch->path() / "stdout";
  options.stderr_file = scratch->path() / "stderr";
  auto process = Process::start(command, options);
  if (!process) return std::unexpected(process.error());
  Captured result;
  if (const auto state = process->wait_for(limit)) {
    result.state = *state;
  } else {
    result.timed_out = true;
    process->end();
  }
  result.out = read_text(options.stdout_file).value_or("");
  result.err = read_text(options.stderr_file).value_or("");
  return result;
}

std::string shell_line(const std::vector<std::string>& command) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=,./:@%";
  std::string line;
  for (const auto& word : command) {
    if (!line.empty()) line += ' ';
    if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char c : word) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

}  // namespace capos::cli
