// SPDX-License-Identifier: Apache-2.0
#include "run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>
#include <vector>

#include "../support/files.hpp"
#include "../support/interrupt.hpp"
#include "../support/process.hpp"
#include "capos/abi/exit_code.hpp"
#include "guest_memory.hpp"

namespace capos::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kStep{100};

// The guest's clock as the channel shows it; whether it stands still.
class Watch {
 public:
  Watch(const MachineSpec& spec, const Progress& progress) : spec_(spec), progress_(progress) {}

  void look() {
    if (!channel_ && !spec_.channel.empty() && !spec_.microvm) {
      if (auto opened = report::ChannelFile::open(spec_.channel)) channel_.emplace(std::move(*opened));
    }
    if (!channel_) return;
    const auto snapshot = channel_->snapshot();
    if (!snapshot) return;
    if (snapshot->now_ns != last_now_) {
      last_now_ = snapshot->now_ns;
      moved_ = Clock::now();
    }
    if (progress_) progress_(*snapshot);
  }
  [[nodiscard]] bool stalled(std::chrono::seconds limit) const {
    return channel_.has_value() && Clock::now() - moved_ > limit;
  }

 private:
  const MachineSpec& spec_;
  const Progress& progress_;
  std::optional<report::ChannelFile> channel_;
  std::uint64_t last_now_ = 0;
  Clock::time_point moved_ = Clock::now();
};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string guest_note(int code) {
  switch (static_cast<abi::RunOutcome>(code)) {
    case abi::RunOutcome::finished:
      return "";
    case abi::RunOutcome::island_refused:
      return "the guest's admission refused an island";
    case abi::RunOutcome::start_failed:
      return "init could not start a service";
    case abi::RunOutcome::refused_pack:
      return "the kernel refused the boot pack";
    case abi::RunOutcome::refused_cpu:
      return "the kernel refused this CPU";
    case abi::RunOutcome::panic:
      return "kernel panic";
  }
  return fmt::format("the guest ended with code {}", code);
}

// QEMU's own words: "qemu-system-x86_64: ..." or, of what it loads, "qemu: ...".
bool says_qemu(const std::string& said) {
  return said.find("qemu-system") != std::string::npos || said.starts_with("qemu: ") || said.find("\nqemu: ") != std::string::npos;
}

// isa-debug-exit ends QEMU with (code << 1) | 1; code 0 looks like QEMU's own failure to start, but then it
// says why.
MachineEnd judge(const ExitState& state, const std::string& said) {
  MachineEnd end;
  end.status = state.status;
  if (state.signal != 0) {
    end.note = fmt::format("QEMU was killed by signal {}: {}", state.signal, first_line(said));
  } else if (state.status == 0) {
    end.kind = MachineEnd::Kind::reset;
    end.note = "the machine reset or switched itself off (a triple fault looks like that)";
  } else if ((state.status & 1) != 0 &&
             !(state.status == 1 && says_qemu(said))) {
    end.kind = MachineEnd::Kind::guest;
    end.guest_code = state.status >> 1;
    end.note = guest_note(end.guest_code);
  } else {
    end.note = fmt::format("QEMU ended with status {}: {}", state.status, first_line(said));
  }
  return end;
}

MachineEnd cut_short(Process& process, MachineEnd::Kind kind, std::string note) {
  process.end();
  MachineEnd end;
  end.kind = kind;
  end.note = std::move(note);
  return end;
}

MachineEnd watch(Process& process, Watch& eyes, const RunLimits& limits,
                 const std::filesystem::path& stderr_file) {
  using Kind = MachineEnd::Kind;
  const auto until = Clock::now() + limits.wall;
  while (true) {
    const auto state = process.wait_for(kStep);
    eyes.look();
    if (state) return judge(*state, read_text(stderr_file).value_or(""));
    if (interrupted()) return cut_short(process, Kind::interrupted, "interrupted");
    if (Clock::now() > until) {
      return cut_short(process, Kind::timed_out,
                       fmt::format("no end within {} s of real time", limits.wall.count()));
    }
    if (eyes.stalled(limits.stall)) {
      return cut_short(
          process, Kind::stalled,
          fmt::format("the guest's clock stood still for {} s of real time", limits.stall.count()));
    }
  }
}

}  // namespace

Outcome<void> make_channel_file(const std::filesystem::path& file, std::uint64_t bytes, std::string_view head) {
  unlink(file.c_str());
  const int descriptor = open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  const bool made = descriptor >= 0 && ftruncate(descriptor, static_cast<off_t>(bytes)) == 0 &&
                    pwrite(descriptor, head.data(), head.size(), 0) == static_cast<ssize_t>(head.size());
  const int error = errno;
  if (descriptor >= 0) close(descriptor);
  if (made) return {};
  return problem(fmt::format("cannot make {}: {}", file.string(), std::strerror(error)),
                 "check that its directory is writable and the disk has room");
}

Outcome<MachineEnd> run_machine(const MachineSpec& spec, const std::filesystem::path& log_directory,
                                const RunLimits& limits, const Progress& progress) {
  if (!spec.channel.empty() && !spec.microvm) {
    if (auto made = make_channel_file(spec.channel, spec.channel_bytes, spec.channel_head); !made)
      return std::unexpected(made.error());
  }
  const auto command = qemu_command(spec);
  if (auto done = write_text(log_directory / "command.txt", shell_line(command) + "\n"); !done) {
    return std::unexpected(done.error());
  }
  unlink(spec.console.c_str());
  forget_machine(log_directory);  // of a run that was killed
  SpawnOptions options;
  options.stdout_file = log_directory / "qemu.out";
  options.stderr_file = log_directory / "qemu.log";
  const auto start = Clock::now();
  auto process = Process::start(command, options);
  if (!process) return std::unexpected(process.error());
  if (spec.visible_memory) note_machine(log_directory, process->pid());
  Watch eyes(spec, progress);
  MachineEnd end = watch(*process, eyes, limits, options.stderr_file);
  if (spec.visible_memory) forget_machine(log_directory);
  end.wall_seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return end;
}

std::string console_end(const std::filesystem::path& console, std::size_t lines) {
  const std::string text = read_text(console).value_or("");
  const auto panic = text.rfind("PANIC");
  if (panic != std::string::npos) {
    const auto start = text.rfind('\n', panic);
    return text.substr(start == std::string::npos ? 0 : start + 1);
  }
  std::size_t at = text.ends_with('\n') ? text.size() - 1 : text.size();
  for (std::size_t seen = 0; seen < lines; ++seen) {
    const auto newline = at == 0 ? std::string::npos : text.rfind('\n', at - 1);
    if (newline == std::string::npos) return text;
    at = newline;
  }
  return text.substr(at + 1);
}

}  // namespace capos::cli
