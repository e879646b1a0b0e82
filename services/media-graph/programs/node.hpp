// SPDX-License-Identifier: Apache-2.0
// What every node's program has: its configuration, its ends of rings, and a way to tell of an xrun.
#pragma once

#include "capos/media/link.hpp"
#include "capos/runtime/buffer_end.hpp"
#include "capos/runtime/mapping.hpp"
#include "capos/runtime/periodic_job.hpp"
#include "capos/runtime/text.hpp"
#include "capos/schema/manifest.hpp"

namespace capos::media {

inline constexpr std::uint32_t kXrunCode = 5;  // of user events: schema::Xrun

[[noreturn]] inline void refuse(std::string_view what) noexcept {
  runtime::Text<96> text;
  text.add("media node: ").add(what);
  runtime::panic(text.view());
}

// The ServiceConfig's node; the program ends if there is none. `message` holds its words.
[[nodiscard]] inline schema::NodeConfig::Reader node_config(wire::MessageReader& message) noexcept {
  const auto service = message.root<schema::ServiceConfig>();
  if (service.which() != schema::ServiceConfig::Which::media) refuse("no NodeConfig was given");
  return service.media();
}

// Memory of the side that was granted as `name`, claimed for as long as the program lives.
template <typename Facet>
[[nodiscard]] std::span<std::byte> need_side(const runtime::Runtime& runtime, std::string_view name) noexcept {
  auto claimed = runtime::BufferSide::claim(runtime.need<Facet>(name));
  if (!claimed.has_value()) refuse(claimed.error().text());
  static_cast<void>(claimed->end().leak());
  static_cast<void>(claimed->event().leak());
  return claimed->memory();
}

[[nodiscard]] inline BlockOutput need_output(const runtime::Runtime& runtime) noexcept {
  const auto output = BlockOutput::create(need_side<schema::BufferProducer>(runtime, "out"));
  if (!output) refuse("the ring \"out\" holds less than two blocks");
  return *output;
}
[[nodiscard]] inline BlockInput need_input(const runtime::Runtime& runtime) noexcept {
  return BlockInput(need_side<schema::BufferConsumer>(runtime, "in"));
}

class XrunTeller {
 public:
  explicit XrunTeller(const runtime::Runtime& runtime) noexcept : trace_(runtime.need<schema::TraceSource>("trace")) {}
  // One system call if there is something to tell.
  void tell(std::uint64_t cycle, const std::optional<XrunReport>& report) noexcept {
    if (!report) return;
    const schema::Xrun::Value value{
        .cycle = cycle, .kind = report->kind, .cause = report->cause, .dropped = report->dropped};
    std::uint64_t words[6] = {};
    static_assert(schema::Xrun::Value::kWords <= 6);
    value.to_words(words);
    (void)trace_->emit(kXrunCode, words[0], words[1], words[2], words[3], words[4], words[5]);
  }

 private:
  runtime::Capability<schema::TraceSource> trace_;
};

// The fault that the node was told to have.
class Slowness {
 public:
  Slowness(schema::NodeFault::Reader fault, runtime::PeriodicJob& job) noexcept
      : from_(fault.slow_from()), cycles_(fault.slow_cycles()) {
    const auto parameters = job.context()->parameters();
    if (!parameters.has_value()) refuse("its scheduling context does not answer");
    rounds_ = kRoundsPerNs * parameters->budget_ns;
  }
  // In a cycle of the fault: several budgets of work. A round is a multiplication that waits for the one before: on no
  // processor of some GHz is it done in a quarter of a nanosecond.
  void strike(std::uint64_t cycle) const noexcept {
    if (cycle < from_ || cycle - from_ >= cycles_) return;
    std::uint64_t value = cycle | 1;
    for (std::uint64_t round = 0; round < rounds_; ++round) asm volatile("imul %0, %0" : "+r"(value));
  }

 private:
  static constexpr std::uint64_t kRoundsPerNs = 4;
  std::uint64_t from_;
  std::uint32_t cycles_;
  std::uint64_t rounds_ = 0;
};

}  // namespace capos::media
