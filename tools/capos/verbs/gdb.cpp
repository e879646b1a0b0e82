// SPDX-License-Identifier: Apache-2.0
// ./capos gdb [MANIFEST]: the machine stopped before its first instruction, and gdb at the kernel's C++
// entry.
#include <fmt/core.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "../support/files.hpp"
#include "../support/interrupt.hpp"
#include "../support/process.hpp"
#include "../support/temporary.hpp"
#include "trial.hpp"
#include "verbs.hpp"

namespace capos::cli {
namespace {

namespace fs = std::filesystem;
constexpr const char* kEntry = "capos::hal::kernel_main";

std::vector<std::string> gdb_command(const Paths& paths, const MachineSpec& spec, const fs::path& socket,
                                     const GdbOptions& options) {
  std::vector<std::string> words{"gdb", "-q", "-nx", spec.kernel.string()};
  if (options.batch) words.emplace_back("-batch");
  const auto add = [&words](const std::string& command) { words.insert(words.end(), {"-ex", command}); };
  add("set confirm off");
  add("set pagination off");
  add("source " + (paths.root / "tools" / "capos" / "gdb" / "capos_printers.py").string());
  add("target remote " + socket.string());
  add(fmt::format("hbreak {}", kEntry));  // the memory is not mapped yet: no software breakpoint can be set
  add("continue");
  for (const auto& command : options.commands) add(command);
  return words;
}

bool wait_for_socket(const fs::path& socket, Process& machine) {
  for (int i = 0; i < 100; ++i) {
    std::error_code ignored;
    if (fs::exists(socket, ignored)) return true;
    if (machine.wait_for(std::chrono::milliseconds(50))) return false;
  }
  return false;
}

int serve(const GdbOptions& options, const MachineSpec& spec, const fs::path& socket, Process& machine) {
  const std::string line = fmt::format("gdb {} -ex 'target remote {}' -ex 'hbreak {}' -ex continue",
                                       spec.kernel.string(), socket.string(), kEntry);
  if (options.json) {
    fmt::print("{}\n", nlohmann::ordered_json(
                           {{"socket", socket.string()}, {"kernel", spec.kernel.string()}, {"connect", line}})
                           .dump(2));
  } else {
    fmt::print("connect with:\n  {}\nCtrl-C ends the machine.\n", line);
  }
  std::fflush(stdout);
  while (!interrupted() && !machine.wait_for(std::chrono::milliseconds(200))) {
  }
  return kExitFine;
}

// gdb has the terminal: Ctrl-C is for it, and stops the guest, not us.
Outcome<int> debug(const std::vector<std::string>& command) {
  const auto before = std::signal(SIGINT, SIG_IGN);
  SpawnOptions options;
  options.inherit_input = true;
  options.own_group = false;
  auto gdb = Process::start(command, options);
  if (!gdb) return std::unexpected(gdb.error());
  const ExitState state = gdb->wait();
  std::signal(SIGINT, before);
  return state.exited(0) ? kExitFine : kExitFailed;
}

}  // namespace

Outcome<int> gdb(const Paths& paths, const GdbOptions& options) {
  TrialRequest request;
  request.file = options.file.empty() ? (paths.configs() / "demo.capnp").string() : options.file;
  request.out_name = "gdb";
  request.accelerator = options.accelerator;
  request.force = true;
  request.quiet = true;
  const auto trial = prepare_trial(paths, request);
  if (!trial) return std::unexpected(trial.error());
  auto spec = prepare_machine(paths, trial->session_inputs());
  if (!spec) return std::unexpected(spec.error());
  const auto scratch = TemporaryDirectory::make();  // a short path: a socket's may have 107 bytes
  if (!scratch) return std::unexpected(scratch.error());
  const fs::path socket = scratch->path() / "gdb";
  spec->gdb = fmt::format("unix:{},server=on,wait=off", socket.string());
  spec->stopped = true;
  if (!spec->channel.empty()) {
    if (auto made = make_channel_file(spec->channel, spec->channel_bytes); !made)
      return std::unexpected(made.error());
  }
  SpawnOptions spawn;
  spawn.stderr_file = paths.out("gdb") / "qemu.log";
  auto machine = Process::start(qemu_command(*spec), spawn);
  if (!machine) return std::unexpected(machine.error());
  if (!wait_for_socket(socket, *machine)) {
    return problem("QEMU did not start: " + read_text(spawn.stderr_file).value_or(""),
                   "read " + spawn.stderr_file.string());
  }
  if (options.server_only) return serve(options, *spec, socket, *machine);
  return debug(gdb_command(paths, *spec, socket, options));
}

}  // namespace capos::cli
