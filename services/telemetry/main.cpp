// SPDX-License-Identifier: Apache-2.0
// telemetry: best-effort service that shows the host what the kernel traces, until init asks for the last of
// it.
#include <array>

#include "capos/runtime/buffer_end.hpp"
#include "capos/runtime/mapping.hpp"
#include "capos/runtime/runtime.hpp"
#include "capos/runtime/text.hpp"
#include "capos/telemetry/recorder.hpp"

namespace capos::telemetry {
namespace {

using runtime::Access;
using runtime::Runtime;

[[noreturn]] void fail_on(std::string_view what, std::string_view why) noexcept {
  runtime::Text<128> text;
  text.add(what).add(": ").add(why);
  runtime::panic(text.view());
}

// Every CPU's ring, until there is no such CPU.
std::size_t attach_rings(const Runtime& runtime, std::span<RingReader> rings) noexcept {
  auto source = runtime.need<schema::TraceRings>("rings");
  for (std::size_t cpu = 0; cpu < rings.size(); ++cpu) {
    auto answer = source->open([&](auto params) { params.set_cpu(static_cast<std::uint16_t>(cpu)); });
    if (!answer.has_value()) return cpu;
    const auto object = answer->capability<schema::MemoryObject>(answer->reader().ring()).leak();
    const auto memory = runtime::map_object(runtime, object, Access::read);
    if (!memory.has_value()) fail_on("trace ring", memory.error().text());
    const auto ring = RingReader::attach(*memory);
    if (!ring.has_value()) fail_on("trace ring", "not a ring of this version");
    rings[cpu] = *ring;
  }
  return rings.size();
}

// Nothing on a machine without the device.
std::optional<ChannelWriter> open_channel(const Runtime& runtime, std::size_t cpus) noexcept {
  auto host = runtime.need<schema::HostChannel>("host");
  auto answer = host->open([](auto) {});
  if (!answer.has_value()) return std::nullopt;
  const auto object = answer->capability<schema::MemoryObject>(answer->reader().memory()).leak();
  const auto memory = runtime::map_object(runtime, object, Access::read_write);
  if (!memory.has_value()) fail_on("host channel", memory.error().text());
  ChannelFacts facts{.cpus = static_cast<std::uint32_t>(cpus)};
  if (const auto clock = runtime.need<schema::Timer>("timer")->describe(); clock.has_value()) {
    facts.features = clock->features;
    facts.tsc_hz = clock->tsc_hz;
  }
  return ChannelWriter::create(*memory, facts);
}

// The ring "record", if one was granted: blocks that a program records for the host.
std::optional<BlockForwarder> open_recording(const Runtime& runtime) noexcept {
  const auto facet = runtime.find<schema::BufferConsumer>("record");
  if (!facet) return std::nullopt;
  auto side = runtime::BufferSide::claim(facet);
  if (!side.has_value()) fail_on("record", side.error().text());
  static_cast<void>(side->end().leak());
  static_cast<void>(side->event().leak());
  return BlockForwarder(side->memory());
}

std::uint64_t now_of(runtime::Capability<schema::Timer>& timer) noexcept {
  const auto now = timer->now();
  return now.has_value() ? now->ns : 0;
}

// Until init asks for the end.
void record(const Runtime& runtime, Recorder& recorder) noexcept {
  auto timer = runtime.need<schema::Timer>("timer");
  auto flush = runtime.need<schema::Notification>("flush");
  for (;;) {
    const auto asked = flush->poll();
    const std::uint64_t now = now_of(timer);
    if (asked.has_value() && asked->bits != 0) return recorder.finish(now);
    recorder.round(now);
    (void)timer->sleep_until(recorder.next_round(now));
  }
}

}  // namespace
}  // namespace capos::telemetry

int program_main(capos::runtime::Runtime& runtime) {
  using namespace capos;
  using namespace capos::telemetry;
  std::array<RingReader, kMaxCpus> rings;
  const std::span<RingReader> attached(rings.data(), attach_rings(runtime, rings));
  auto channel = open_channel(runtime, attached.size());
  if (channel.has_value()) {
    auto blocks = open_recording(runtime);
    Recorder recorder(attached, *channel, blocks ? &*blocks : nullptr);
    record(runtime, recorder);
  } else {
    runtime::print("telemetry: this machine has no channel to the host\n");
    (void)runtime.need<schema::Notification>("flush")->wait();
  }
  (void)runtime.need<schema::Notification>("flushed")->signal(1);
  return 0;
}
