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

TrialRequest trial_request(const Paths& paths, const WakeupRequest& wanted) {
  TrialRequest request;
  request.file = (paths.configs() / "wakeup.capnp").string();
  request.title = "wakeup";
  request.out_name = wanted.out_name;
  request.accelerator = wanted.accelerator;
  request.duration_ns = (wanted.samples + 1) * wanted.period_us * kMicrosecond;
  request.adjustment.load = wanted.load;
  request.adjustment.period_us = wanted.period_us;
  request.verbose = wanted.verbose;
  request.quiet = true;
  return request;
}

// Of the time stamp counter; 0 if it was not reached.
std::uint64_t ticks_of(const report::Recording& recording, schema::BootMilestone milestone) {
  for (const auto& event : recording.events) {
    if (event.kind == schema::EventKind::boot && event.values[0] == static_cast<std::uint64_t>(milestone)) return event.values[1];
  }
  return 0;
}

}  // namespace

Outcome<WakeupSamples> sample_wakeups(const Paths& paths, const WakeupRequest& request) {
  const auto trial = prepare_trial(paths, trial_request(paths, request));
  if (!trial) return std::unexpected(trial.error());
  SessionInputs inputs = trial->session_inputs();
  inputs.progress = request.progress;
  inputs.host_cpu = request.host_cpu;
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
                   "read " + session->spec.console.string());
  }
  values.resize(request.samples);
  return WakeupSamples{std::move(values), session->spec, ticks_of(*recording, schema::BootMilestone::kernel_entry),
                       ticks_of(*recording, schema::BootMilestone::init_started)};
}

}  // namespace capos::cli
