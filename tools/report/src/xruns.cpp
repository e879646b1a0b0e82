// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "media.hpp"

namespace capos::report {
namespace {

using schema::XrunCause;
using schema::XrunKind;
using JobKey = std::pair<std::uint32_t, std::uint64_t>;  // source, index
using Jobs = std::map<JobKey, Job>;

std::optional<std::size_t> place_of(const MediaInput& input, std::uint32_t program) {
  for (std::size_t place = 0; place < input.nodes.size(); ++place) {
    if (input.nodes[place].number == program) return place;
  }
  return std::nullopt;
}

Jobs jobs_of(const std::vector<Event>& events, const MediaInput& input) {
  Jobs jobs;
  for (const Event& event : events) {
    if (event.kind != Kind::job) continue;
    for (const MediaNodeInput& node : input.nodes) {
      if (node.source != event.source) continue;
      const Job job = Job::from_event(event);
      jobs.emplace(JobKey{job.source, job.index}, job);
    }
  }
  return jobs;
}

// What was wrong with a job; `unknown` if nothing was.
XrunCause wrong_with(const Job& job) {
  if (job.overran) return XrunCause::budget_spent;
  if (job.cause == Cause::preempted) return XrunCause::preempted;
  const bool late = job.cause != Cause::none || job.abandoned || job.finish_ns > job.deadline_ns;
  return late ? XrunCause::deadline_missed : XrunCause::unknown;
}

// The job of that cycle, or the one before: what that left undone delays its successor.
void blame(XrunItem& xrun, const MediaNodeInput& culprit, std::uint64_t index, const Jobs& jobs, const Names& names) {
  xrun.culprit = culprit.service;
  const auto own = jobs.find({culprit.source, index});
  if (own == jobs.end()) {
    xrun.cause = XrunCause::skipped;
    return;
  }
  for (std::uint64_t back = 0; back <= 1 && back <= index; ++back) {
    const auto job = jobs.find({culprit.source, index - back});
    if (job == jobs.end()) continue;
    const XrunCause found = wrong_with(job->second);
    if (found == XrunCause::unknown) continue;
    xrun.cause = found;
    if (found == XrunCause::preempted) xrun.by_whom = names.of_source(job->second.by_whom);
    return;
  }
}

// One xrun after the other, in time order.
class Explainer {
 public:
  Explainer(const std::vector<Event>& events, const MediaInput& input, const Names& names)
      : nodes_(input.nodes), names_(names), jobs_(jobs_of(events, input)) {}

  XrunItem explain(std::uint64_t time_ns, std::size_t place, const schema::Xrun::Value& told) {
    XrunItem xrun{.time_ns = time_ns,
                  .cycle = told.cycle,
                  .kind = told.kind,
                  .cause = told.cause,
                  .node = nodes_[place].service,
                  .culprit = {},
                  .by_whom = {},
                  .dropped = told.dropped};
    if (told.kind == XrunKind::overrun) lost_.insert({place, told.cycle});
    const bool has_upstream = place > 0, has_downstream = place + 1 < nodes_.size();
    switch (told.cause) {
      case XrunCause::upstream_late:
        if (has_upstream) blame_for_nothing(xrun, place);
        break;
      case XrunCause::upstream_gone:
        if (has_upstream) xrun.culprit = nodes_[place - 1].service;
        break;
      case XrunCause::downstream_late:
        // Its job of this cycle comes later.
        if (has_downstream && told.cycle > 0) blame(xrun, nodes_[place + 1], told.cycle - 1, jobs_, names_);
        break;
      case XrunCause::downstream_gone:
        if (has_downstream) xrun.culprit = nodes_[place + 1].service;
        break;
      default: break;
    }
    return xrun;
  }

 private:
  // No block of the cycle: its maker was late, unless it had made one and found no room, for which its reader is to blame.
  void blame_for_nothing(XrunItem& xrun, std::size_t place) {
    const bool was_lost = xrun.cycle > 0 && lost_.contains({place - 1, xrun.cycle});
    if (was_lost) return blame(xrun, nodes_[place], xrun.cycle - 1, jobs_, names_);
    blame(xrun, nodes_[place - 1], xrun.cycle, jobs_, names_);
  }

  const std::vector<MediaNodeInput>& nodes_;
  const Names& names_;
  Jobs jobs_;
  std::set<std::pair<std::size_t, std::uint64_t>> lost_;  // place, cycle
};

bool is_xrun(const Event& event, std::uint64_t start_ns) {
  return event.kind == Kind::user && event.user_code() == kUserCodeXrun && event.time_ns >= start_ns;
}

}  // namespace

std::vector<XrunItem> explain_xruns(const std::vector<Event>& events, const MediaInput& input, const Names& names,
                                    std::uint64_t start_ns) {
  std::vector<XrunItem> xruns;
  std::optional<Explainer> explainer;  // most runs need none
  for (const Event& event : events) {
    if (!is_xrun(event, start_ns)) continue;
    const auto place = place_of(input, event.program());
    if (!place) continue;
    if (!explainer) explainer.emplace(events, input, names);
    xruns.push_back(explainer->explain(event.time_ns, *place, schema::Xrun::Value::from_words(event.values.data(), 6)));
  }
  return xruns;
}

}  // namespace capos::report
