// SPDX-License-Identifier: Apache-2.0
// media-source: plays a WAV file into the graph, a block in each cycle.
//
// Capabilities: "wav" (buffer with the file, read), "out" (BufferProducer), "trace" (TraceSource).
#include "capos/media/source.hpp"

#include "node.hpp"

int program_main(capos::runtime::Runtime& runtime) {
  using namespace capos;
  using namespace capos::media;
  wire::MessageReader message(runtime::read_config(runtime));
  const auto config = node_config(message);
  if (!config.is_source()) refuse("not a source's configuration");
  const auto wav = parse_wav(runtime::need_buffer(runtime, "wav", runtime::Access::read));
  if (!wav.has_value()) {
    runtime::Text<96> text;
    text.add("the WAV file cannot be played: ").add(describe(wav.error()));
    refuse(text.view());
  }
  const WavSource source(*wav, config.source().loop());
  BlockOutput output = need_output(runtime);
  XrunTeller xruns(runtime);
  runtime::PeriodicJob job(runtime);
  const Slowness slowness(config.fault(), job);
  while (const auto release = job.wait_next_release()) {
    AudioBlock block{.cycle = release->index, .released_ns = release->scheduled.ns()};
    source.fill(block.cycle, block.samples);
    slowness.strike(block.cycle);
    xruns.tell(block.cycle, output.put(block));
  }
  return 0;
}
