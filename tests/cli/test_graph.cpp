// SPDX-License-Identifier: Apache-2.0
// The picture of a manifest: everything in it, once, in text that Graphviz takes.
#include <gtest/gtest.h>

#include "manifest/check.hpp"
#include "manifest/graph.hpp"
#include "manifest/pack.hpp"
#include "support/files.hpp"
#include "support/process.hpp"
#include "support/temporary.hpp"

namespace capos::cli {
namespace {

std::string dot_of(const std::string& name) {
  const Paths paths{.root = CAPOS_SOURCE_DIR, .build = {}, .out_root = {}};
  const auto file = compile_manifest(paths, (paths.configs() / name).string());
  const auto machine = compile_machine(paths, "deterministic");
  if (!file || !machine) throw std::runtime_error("does not compile: " + name);
  const auto manifest = file->message.root<schema::SystemManifest>();
  const Message fitted = machine_for(machine->message.root<schema::MachineParams>(), manifest.kernel_params().cpus());
  const auto verdicts = admit_islands(manifest, fitted.root<schema::MachineParams>());
  return render_dot(manifest, verdicts, name);
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(Graph, HasServicesTasksBuffersAndWhatJoinsThem) {
  const std::string dot = dot_of("demo.capnp");
  for (const char* node : {"\"service plant\" [label=\"plant\\n", "\"service controller\" [label=\"controller\\n",
                           "\"service actuator\" [label=\"actuator\\n", "\"buffer sensor\" [shape=cylinder",
                           "\"task balance.control\" [shape=component", "\"task balance.simulate\" [shape=component",
                           "subgraph \"cluster island balance\""}) {
    EXPECT_EQ(count(dot, node), 1u) << node << "\n" << dot;
  }
  EXPECT_EQ(count(dot, "\"task balance.simulate\" -> \"task balance.control\""), 1u);  // the chain
  EXPECT_EQ(count(dot, "\"task balance.control\" -> \"service actuator\""), 1u);      // lends its time
  EXPECT_GE(count(dot, "-> \"buffer sensor\""), 2u);
  EXPECT_NE(dot.find("120 us of each 1 000 us"), std::string::npos) << dot;
  EXPECT_NE(dot.find("answers within"), std::string::npos);
  EXPECT_EQ(count(dot, "REFUSED"), 0u);
}

TEST(Graph, ARefusedIslandSaysWhy) {
  const std::string dot = dot_of("examples/too-much.capnp");
  EXPECT_EQ(count(dot, "REFUSED: "), 1u) << dot;
}

TEST(Graph, GraphvizTakesIt) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  for (const char* name : {"demo.capnp", "wakeup.capnp", "examples/too-much.capnp", "examples/two-rate.capnp"}) {
    const auto dot = scratch->path() / "graph.dot", svg = scratch->path() / "graph.svg";
    ASSERT_TRUE(write_text(dot, dot_of(name)).has_value());
    const auto run = capture({"dot", "-Tsvg", "-o", svg.string(), dot.string()});
    if (!run) GTEST_SKIP() << "Graphviz is not installed";
    EXPECT_TRUE(run->state.exited(0)) << run->err;
    EXPECT_EQ(run->err, "");
    EXPECT_NE(read_text(svg).value_or("").find("</svg>"), std::string::npos);
  }
}

}  // namespace
}  // namespace capos::cli
