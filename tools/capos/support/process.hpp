// SPDX-License-Identifier: Apache-2.0
// Child processes: started in a process group of their own, watched with a time limit, always reaped.
//
// A child dies with this tool (PR_SET_PDEATHSIG) and is ended by the destructor, so none is left behind.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "problem.hpp"

namespace capos::cli {

// How a child ended: by exit status, or by a signal.
struct ExitState {
  int status = 0;
  int signal = 0;
  [[nodiscard]] bool exited(int wanted) const { return signal == 0 && status == wanted; }
};

struct SpawnOptions {
  std::filesystem::path stdin_file;   // empty: nothing to read, or inherited if inherit_input
  std::filesystem::path stdout_file;  // empty: inherited
  std::filesystem::path stderr_file;  // empty: inherited
  std::vector<std::pair<std::string, std::string>> environment;  // added to this process's
  std::filesystem::path directory;                               // empty: this process's
  bool own_group = true;  // false: Ctrl-C at the terminal reaches it too
  bool inherit_input = false;
};

class Process {
 public:
  [[nodiscard]] static Outcome<Process> start(const std::vector<std::string>& command,
                                              const SpawnOptions& options = {});
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  // The end state if it has ended, waiting at most `limit`.
  [[nodiscard]] std::optional<ExitState> wait_for(std::chrono::milliseconds limit);
  // Without a limit.
  ExitState wait();
  // SIGTERM, and SIGKILL a second later.
  void end();
  void signal(int number) const;
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  explicit Process(pid_t pid) : pid_(pid) {}
  std::optional<ExitState> poll(int flags);
  pid_t pid_ = -1;
  std::optional<ExitState> ended_;
};

struct Captured {
  ExitState state;
  bool timed_out = false;
  std::string out;
  std::string err;
};

// Runs a command to its end and keeps what it wrote; at `limit` it is ended.
[[nodiscard]] Outcome<Captured> capture(const std::vector<std::string>& command,
                                        std::chrono::milliseconds limit = std::chrono::minutes(10),
                                        SpawnOptions options = {});

// The command as a shell would take it.
[[nodiscard]] std::string shell_line(const std::vector<std::string>& command);

}  // namespace capos::cli
