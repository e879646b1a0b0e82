// SPDX-License-Identifier: Apache-2.0
#include "chains.hpp"

#include <algorithm>

namespace capos::report {
namespace {

// The last job that had finished at `time`, or null.
const Job* newest_before(const std::vector<Job>& jobs, std::uint64_t time) {
  const auto after = std::upper_bound(jobs.begin(), jobs.end(), time,
                                      [](std::uint64_t t, const Job& job) { return t < job.finish_ns; });
  return after == jobs.begin() ? nullptr : &*std::prev(after);
}

const Job* first_of_chain(const std::vector<const std::vector<Job>*>& jobs, const Job& last) {
  const Job* job = &last;
  for (std::size_t hop = jobs.size() - 1; hop > 0 && job != nullptr; --hop) {
    job = newest_before(*jobs[hop - 1], job->start_ns);
  }
  return job;
}

}  // namespace

std::optional<Summary> chain_latency(const std::vector<const std::vector<Job>*>& jobs) {
  if (jobs.empty()) return std::nullopt;
  std::vector<std::uint64_t> ages;
  for (const Job& last : *jobs.back()) {
    const Job* const first = first_of_chain(jobs, last);
    if (first != nullptr && last.finish_ns >= first->release_ns)
      ages.push_back(last.finish_ns - first->release_ns);
  }
  if (ages.empty()) return std::nullopt;
  return summarise(std::move(ages));
}

}  // namespace capos::report
