// SPDX-License-Identifier: Apache-2.0
// ./capos top: a running guest's tasks, CPUs, trace rings and programs' rings, live, from memory that the host can read: the guest makes
// no exit for this and cannot tell.
#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <thread>

#include "../machine/guest_memory.hpp"
#include "../manifest/message.hpp"
#include "../support/files.hpp"
#include "../support/interrupt.hpp"
#include "../support/lock.hpp"
#include "capos/admission/units.hpp"
#include "capos/report/live.hpp"
#include "capos/report/rings.hpp"
#include "capos/schema/bootpack.hpp"
#include "capos/wire/frame.hpp"
#include "verbs.hpp"

namespace capos::cli {
namespace fs = std::filesystem;
namespace {

constexpr const char* kChannel = "telemetry.bin";
constexpr const char* kPack = "boot.pack";
constexpr int kDepth = 3;  // below out/
constexpr std::uint64_t kSecond = 1'000'000'000;

// The run that is under way; the newest if there are several.
std::optional<fs::path> find_running(const Paths& paths) {
  std::optional<fs::path> found;
  fs::file_time_type newest{};
  std::error_code ignored;
  for (fs::recursive_directory_iterator at(paths.out_root, fs::directory_options::skip_permission_denied, ignored), end; at != end; at.increment(ignored)) {
    if (at.depth() >= kDepth) at.disable_recursion_pending();
    if (at->path().filename() != kChannel || !is_taken(at->path().parent_path())) continue;
    const auto made = fs::last_write_time(at->path().parent_path() / kPack, ignored);
    if (ignored || (found && made < newest)) continue;
    found = at->path().parent_path();
    newest = made;
  }
  return found;
}

Outcome<fs::path> directory_of(const Paths& paths, const TopOptions& options) {
  std::error_code ignored;
  if (!options.run.empty()) {
    const auto directory = paths.out(options.run);
    if (fs::exists(directory / kChannel, ignored)) return directory;
    return problem("there is no " + (directory / kChannel).string(), "name a run that has a channel: a directory below " + paths.out_root.string());
  }
  if (auto found = find_running(paths)) return *found;
  return problem("nothing runs below " + paths.out_root.string(), "start something in another terminal, for example ./capos demo --seconds 60");
}

std::uint64_t period_ns(schema::Task::Reader task) {
  const auto period = admission::period_of(task.period());
  return period && period->denominator != 0 ? period->numerator * kSecond / period->denominator : 0;
}

// What the boot pack's manifest says; sources as telemetry.capnp numbers them, programs as init does.
struct SystemFacts {
  std::vector<report::LiveTaskFacts> tasks;
  std::vector<std::string> programs;
};

Outcome<SystemFacts> facts_of(const fs::path& pack) {
  const auto bytes = read_bytes(pack);
  if (!bytes) return std::unexpected(bytes.error());
  std::vector<wire::Word> framed(bytes->size() / sizeof(wire::Word));
  std::memcpy(framed.data(), bytes->data(), framed.size() * sizeof(wire::Word));
  const auto words = wire::read_frame(framed);
  if (!words) return problem(pack.string() + " is no boot pack", "boot it again");
  const Message message(std::vector<wire::Word>(words->begin(), words->end()));
  SystemFacts facts;
  std::uint32_t island_index = 0;
  for (const auto island : message.root<schema::BootPack>().manifest().init_config().islands()) {
    std::uint32_t task_index = 0;
    for (const auto task : island.tasks()) {
      const auto period = period_ns(task);
      facts.tasks.push_back({report::task_source(island_index, task_index++), std::string(island.name()), std::string(task.name()), period,
                       admission::time_ns(task.budget()).value_or(0), admission::time_ns_or(task.deadline(), period).value_or(0)});
    }
    ++island_index;
  }
  for (const auto service : message.root<schema::BootPack>().manifest().init_config().services()) facts.programs.emplace_back(service.name());
  if (message.error() != wire::Error::none) return problem(pack.string() + " is no boot pack", "boot it again");
  return facts;
}

// One look after another at one machine.
class Viewer {
 public:
  Viewer(report::ChannelFile channel, fs::path directory, SystemFacts facts)
      : channel_(std::move(channel)), directory_(std::move(directory)), meter_(std::move(facts.tasks), std::move(facts.programs)) {}

  // False while the guest has not opened its channel.
  [[nodiscard]] Outcome<bool> look() {
    const auto snapshot = channel_.snapshot();
    if (!snapshot && snapshot.error().error == report::ChannelError::not_ready) return false;
    if (!snapshot) return problem(snapshot.error().text, "boot it again");
    std::vector<report::Event> events;
    const auto next = channel_.read_events(read_, events);
    if (!next) return problem(next.error().text, "boot it again");
    read_ = *next;
    meter_.look(*snapshot, events);
    look_at_rings();
    return true;
  }
  [[nodiscard]] const report::LiveView& view() const { return meter_.view(); }

 private:
  void look_at_rings() {
    if (!memory_) memory_ = GuestMemory::open(directory_);
    if (!memory_) return meter_.hide_rings(memory_.error().cause);
    report::RingsSeen rings;
    memory_->for_each_touched([&](std::span<const std::byte> bytes, std::uint64_t place) { report::find_rings(bytes, place, rings); });
    meter_.look_at_rings(rings);
  }

  report::ChannelFile channel_;
  fs::path directory_;
  Outcome<GuestMemory> memory_ = problem("", "");
  report::LiveMeter meter_;
  std::uint64_t read_ = 0;
};

bool wait(double seconds) {
  constexpr std::chrono::milliseconds kStep{50};
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!interrupted() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(kStep);
  return !interrupted();
}

// Whether a look from now on can show something new.
bool goes_on(const fs::path& directory, const report::LiveView& view) { return view.state != report::RunState::finished && is_taken(directory); }

Outcome<int> show_once(Viewer& viewer, const fs::path& directory, const TopOptions& options) {
  constexpr int kMostLooks = 20;  // at a guest whose clock stands still meanwhile
  bool ready = false, moved = false;
  for (int looks = 0; looks < kMostLooks && !moved; ++looks) {
    const auto seen = viewer.look();
    if (!seen) return std::unexpected(seen.error());
    moved = ready && viewer.view().window_ns != 0;
    ready = ready || *seen;
    if (!goes_on(directory, viewer.view()) || (!moved && !wait(options.interval))) break;
  }
  if (!ready) return problem("the guest of " + directory.string() + " has not opened its channel", "look again later");
  fmt::print("{}", options.json ? render_live_json(viewer.view()) : render_live_text(viewer.view()));
  return kExitFine;
}

Outcome<int> show_live(Viewer& viewer, const fs::path& directory, const TopOptions& options) {
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  do {
    const auto seen = viewer.look();
    if (!seen) return std::unexpected(seen.error());
    if (!*seen) continue;
    fmt::print("{}{}: {}\n", terminal ? "\x1b[H\x1b[J" : "", directory.string(), render_live_text(viewer.view()));
    std::fflush(stdout);
  } while (goes_on(directory, viewer.view()) && wait(options.interval));
  fmt::print("{}\n", interrupted() ? "left; the guest goes on" : "the run has ended");
  return kExitFine;
}

}  // namespace

Outcome<int> top(const Paths& paths, const TopOptions& options) {
  const auto directory = directory_of(paths, options);
  if (!directory) return std::unexpected(directory.error());
  auto facts = facts_of(*directory / kPack);
  if (!facts) return std::unexpected(facts.error());
  auto channel = report::ChannelFile::open(*directory / kChannel);
  if (!channel) return problem(channel.error().text, "boot it again");
  Viewer viewer(std::move(*channel), *directory, std::move(*facts));
  return options.once || options.json ? show_once(viewer, *directory, options) : show_live(viewer, *directory, options);
}

}  // namespace capos::cli
