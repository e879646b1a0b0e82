// SPDX-License-Identifier: Apache-2.0
// media-filter: a gain, a biquad or the sink: takes a block, changes it, hands it on, in each cycle.
//
// Capabilities: "in" (BufferConsumer), "out" (BufferProducer), "trace" (TraceSource).
#include "capos/media/filter.hpp"

#include "node.hpp"

int program_main(capos::runtime::Runtime& runtime) {
  using namespace capos;
  using namespace capos::media;
  wire::MessageReader message(runtime::read_config(runtime));
  const auto config = node_config(message);
  auto filter = Filter::make(config);
  if (!filter) refuse("no filter, or a figure is out of range");
  BlockInput input = need_input(runtime);
  BlockOutput output = need_output(runtime);
  XrunTeller xruns(runtime);
  runtime::PeriodicJob job(runtime);
  const Slowness slowness(config.fault(), job);
  while (const auto release = job.wait_next_release()) {
    auto taken = input.take(release->index);
    xruns.tell(release->index, taken.xrun);
    filter->process(taken.block.samples);
    slowness.strike(release->index);
    xruns.tell(release->index, output.put(taken.block));
  }
  return 0;
}
