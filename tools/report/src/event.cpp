// SPDX-License-Identifier: Apache-2.0
#include "capos/report/event.hpp"

#include <algorithm>
#include <bit>
#include <span>

namespace capos::report {
namespace {

constexpr std::uint64_t head_word(Kind kind, std::uint16_t cpu, std::uint32_t source) noexcept {
  return static_cast<std::uint64_t>(kind) | std::uint64_t{cpu} << 16 | std::uint64_t{source} << 32;
}

std::string_view name_at(std::span<const std::string_view> names, std::uint64_t index) noexcept {
  return index < names.size() ? names[index] : std::string_view("unknown");
}

}  // namespace

Event Event::from_words(const std::array<std::uint64_t, 8>& words) noexcept {
  Event event;
  event.time_ns = words[0];
  event.kind = static_cast<Kind>(words[1] & 0xffff);
  event.cpu = static_cast<std::uint16_t>(words[1] >> 16);
  event.source = static_cast<std::uint32_t>(words[1] >> 32);
  std::copy_n(words.begin() + 2, 6, event.values.begin());
  return event;
}

std::array<std::uint64_t, 8> Event::to_words() const noexcept {
  std::array<std::uint64_t, 8> words{time_ns, head_word(kind, cpu, source)};
  std::copy_n(values.begin(), 6, words.begin() + 2);
  return words;
}

Job Job::from_event(const Event& event) noexcept {
  Job job;
  job.finish_ns = event.time_ns;
  job.cpu = event.cpu;
  job.source = event.source;
  job.release_ns = event.values[0];
  job.start_ns = event.values[1];
  job.deadline_ns = event.values[2];
  job.consumed_ns = event.values[3];
  job.index = static_cast<std::uint32_t>(event.values[4]);
  job.cause = static_cast<Cause>(event.values[4] >> 32 & 0xffff);
  job.overran = (event.values[4] >> 48 & 1) != 0;
  job.abandoned = (event.values[4] >> 49 & 1) != 0;
  job.preemptions = static_cast<std::uint32_t>(event.values[5]);
  job.by_whom = static_cast<std::uint32_t>(event.values[5] >> 32);
  return job;
}

Event Job::to_event() const noexcept {
  const std::uint64_t flags = std::uint64_t{index} | static_cast<std::uint64_t>(cause) << 32 |
                              std::uint64_t{overran} << 48 | std::uint64_t{abandoned} << 49;
  return {finish_ns,
          Kind::job,
          cpu,
          source,
          {release_ns, start_ns, deadline_ns, consumed_ns, flags,
           std::uint64_t{preemptions} | std::uint64_t{by_whom} << 32}};
}

std::uint64_t Job::response_ns() const noexcept {
  return finish_ns > release_ns ? finish_ns - release_ns : 0;
}
std::uint64_t Job::wakeup_ns() const noexcept { return start_ns > release_ns ? start_ns - release_ns : 0; }

std::string_view name_of(Kind kind) noexcept {
  static constexpr std::string_view kNames[] = {"none",    "job",         "release",  "miss",
                                                "overrun", "consequence", "dispatch", "fault",
                                                "exit",    "user",        "island",   "boot"};
  return name_at(kNames, static_cast<std::uint64_t>(kind));
}

std::string_view name_of(Cause cause) noexcept {
  static constexpr std::string_view kNames[] = {"none",      "budget spent", "late wake-up",
                                                "preempted", "ran long",     "previous job late"};
  return name_at(kNames, static_cast<std::uint64_t>(cause));
}

std::string_view name_of(DriveState state) noexcept {
  static constexpr std::string_view kNames[] = {"idle", "driving", "holding", "released", "stopped"};
  return name_at(kNames, static_cast<std::uint64_t>(state));
}

std::string_view interrupt_cause_name(unsigned index) noexcept {
  static constexpr std::string_view kNames[] = {"timer: release", "timer: budget end", "timer: slice",
                                                "timer: quantum", "timer: sleep",      "mailbox",
                                                "device",         "spurious",          "timer: early"};
  return name_at(kNames, index);
}

std::string_view interrupt_cause_key(unsigned index) noexcept {
  static constexpr std::string_view kNames[] = {"timerRelease", "timerBudget", "timerSlice",
                                                "timerQuantum", "timerSleep",  "mailbox",
                                                "device",       "spurious",    "timerEarly"};
  return name_at(kNames, index);
}

std::string_view consequence_name(std::uint64_t value) noexcept {
  static constexpr std::string_view kNames[] = {"runs late", "skips releases", "held until its next release",
                                                "stopped for good"};
  return name_at(kNames, value);
}

std::string_view feature_name(unsigned bit) noexcept {
  static constexpr std::string_view kNames[] = {
      "nx",           "smep",          "smap", "umip",    "xsave",    "avx",    "x2apic",
      "tsc_deadline", "invariant_tsc", "pcid", "page_1g", "fsgsbase", "rdtscp", "hypervisor"};
  return name_at(kNames, bit);
}

}  // namespace capos::report
