// SPDX-License-Identifier: Apache-2.0
#include "wakeup_samples.hpp"

#include <fmt/format.h>

#include "../support/interrupt.hpp"
#include "capos/report/analyse.hpp"
#include "capos/report/channel.hpp"
#include "capos/report/event.hpp"
#include "trial.hpp"

namespace capos::cli {
namespace {

constexpr std::uint64_t kMicrosecond = 1000;
constexpr std::uint64_t kSpareInRealTime = 2'000'000'000;  // ns

// On the host's clock, a machine that does not run for a while skips releases: there is time for others.
std::uint64_t duration_ns(const WakeupRequest& wanted) {
  const std::uint64_t least = (wanted.samples + 1) * wanted.period_us * kMicrosecond;
  return wanted.accelerator == name_of(Accelerator::tcg) ? least : 2 * least + kSpareInRealTime;
}

TrialRequest trial_request(const Paths& paths, const WakeupRequest& wanted) {
  TrialRequest request;
  request.file = (paths.configs() / "wakeup.capnp").string();
  request.title = "wakeup";
  request.out_name = wanted.out_name;
  request.accelerator = wanted.accelerator;
  request.duration_ns = duration_ns(wanted);
  request.adjustment.load = wanted.load;
  request.adjustment.period_us = wanted.period_us;
  request.verbose = wanted.verbose;
  request.quiet = true;
  return request;
}

// Where a tick is a nanosecond: what else is stamped in ns of the clock is as far from its start as a milestone that has both.
BootStamps boot_stamps(const report::Recording& recording) {
  BootStamps stamps;
  std::uint64_t clock_start = 0;
  const auto note = [&](std::uint64_t& stamp, std::uint64_t time_ns) {
    if (stamp == 0) stamp = clock_start + time_ns;
  };
  for (const auto& event : recording.events) {
    if (event.kind == report::Kind::boot && event.values[0] == static_cast<std::uint64_t>(schema::BootMilestone::kernel_entry))
      stamps.entry_ticks = event.values[1];
    if (event.kind == report::Kind::boot && event.values[0] == static_cast<std::uint64_t>(schema::BootMilestone::init_started)) {
      stamps.first_user_ticks = event.values[1];
      clock_start = event.values[1] - event.time_ns;
    }
    constexpr std::uint64_t kActivated = 1;
    if (event.kind == report::Kind::island && event.values[0] == kActivated) note(stamps.islands_ticks, event.time_ns);
    if (event.kind == report::Kind::job) note(stamps.first_job_ticks, report::Job::from_event(event).start_ns);
  }
  return stamps;
}

}  // namespace

Outcome<WakeupSamples> sample_wakeups(const Paths& paths, const WakeupRequest& request) {
  const auto trial = prepare_trial(paths, trial_request(paths, request));
  if (!trial) return std::unexpected(trial.error());
  SessionInputs inputs = trial->session_inputs();
  inputs.progress = request.progress;
  inputs.host_cpu = request.host_cpu;
  inputs.plugin = request.plugin;
  const auto session = boot(paths, inputs);
  if (!session) return std::unexpected(session.error());
  if (interrupted()) return problem("interrupted", "run it again for all of it");
  tell_end(*session);
  const auto recording = report::read_recording(session->spec.channel);
  if (!recording)
    return problem("the run left no recording: " + recording.error().text, "read " + session->spec.console.string());
  auto values = report::user_values(*recording, report::kUserCodeWakeup);
  if (values.size() < request.samples || recording->header.lost_in_all() != 0 || !session->end.fine()) {
    return problem(fmt::format("{} of {} samples arrived, {} events were lost", values.size(), request.samples,
                               recording->header.lost_in_all()),
                   "read " + session->spec.console.string() + "; in real time, try again on a host that has less to do");
  }
  values.resize(request.samples);
  return WakeupSamples{std::move(values), session->spec, boot_stamps(*recording)};
}

}  // namespace capos::cli
