// SPDX-License-Identifier: Apache-2.0
// The command as a person calls it: exit statuses, and where its words go.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "support/process.hpp"
#include "support/temporary.hpp"

namespace capos::cli {
namespace {

Captured call(std::vector<std::string> words) {
  words.insert(words.begin(), CAPOS_COMMAND);
  SpawnOptions options;
  options.directory = CAPOS_SOURCE_DIR;
  options.environment = {{"CAPOS_ROOT", CAPOS_SOURCE_DIR}};
  auto run = capture(words, std::chrono::seconds(60), options);
  EXPECT_TRUE(run.has_value());
  return run.value_or(Captured{});
}

TEST(Command, HasHelpForEveryVerb) {
  for (const char* verb : {"demo", "test", "admit", "run", "bench", "image", "trace", "graph", "gdb", "probe"}) {
    const auto run = call({verb, "--help"});
    EXPECT_TRUE(run.state.exited(0)) << verb;
    EXPECT_NE(run.out.find("Options:"), std::string::npos) << verb;
    EXPECT_EQ(run.err, "") << verb;
  }
}

TEST(Command, HasAVersion) {
  const auto run = call({"--version"});
  EXPECT_TRUE(run.state.exited(0));
  EXPECT_TRUE(run.out.starts_with("capos ")) << run.out;
}

TEST(Command, TellsMistakesAsCauseAndRemedy) {
  const auto run = call({"demo", "--load", "everything"});
  EXPECT_TRUE(run.state.exited(1));
  EXPECT_EQ(run.out, "");
  EXPECT_TRUE(run.err.starts_with("capos: error: --load: everything not in")) << run.err;
  EXPECT_TRUE(run.err.ends_with("\n  remedy: ./capos demo --help lists what there is\n")) << run.err;
  EXPECT_TRUE(call({}).state.exited(1));
}

TEST(Command, DrawsWhatIsAdmittedAndWhatIsRefused) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  const auto draw = [&](const char* manifest) {
    return call({"graph", manifest, "-o", scratch->path().string(), "--json"});
  };
  const auto fits = draw("configs/demo.capnp");
  if (fits.err.find("cannot run Graphviz") != std::string::npos) GTEST_SKIP() << "Graphviz is not installed";
  EXPECT_TRUE(fits.state.exited(0)) << fits.err;
  const auto json = nlohmann::json::parse(fits.out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << fits.out;
  EXPECT_EQ(json["verdict"], "admitted");
  EXPECT_GT(std::filesystem::file_size(json["svg"].get<std::string>()), 1000u);
  EXPECT_TRUE(draw("configs/examples/too-much.capnp").state.exited(2));
  EXPECT_TRUE(draw("configs/no-such-file.capnp").state.exited(1));
}

TEST(Command, AdmitsTheDemo) {
  const auto run = call({"admit", "configs/demo.capnp"});
  EXPECT_TRUE(run.state.exited(0)) << run.out << run.err;
  EXPECT_TRUE(run.out.ends_with("configs/demo.capnp: admitted\n")) << run.out;
}

TEST(Command, AdmitsAsJson) {
  const auto run = call({"admit", "configs/demo.capnp", "--json"});
  const auto json = nlohmann::json::parse(run.out, nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << run.out;
  EXPECT_EQ(json["verdict"], "admitted");
  const auto& task = json["islands"][0]["tasks"][0];
  EXPECT_EQ(task["name"], "simulate");
  EXPECT_LE(task["response_bound_ns"], task["deadline_ns"]);
  EXPECT_EQ(task["period_ns"], 1'000'000);
}

TEST(Command, RefusesTooMuch) {
  const auto run = call({"admit", "configs/examples/too-much.capnp"});
  EXPECT_TRUE(run.state.exited(2)) << run.out << run.err;
  EXPECT_NE(run.out.find("exceeds its deadline"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("Fits if "), std::string::npos) << run.out;
  const auto json = nlohmann::json::parse(call({"admit", "configs/examples/too-much.capnp", "--json"}).out);
  EXPECT_EQ(json["verdict"], "refused");
}

TEST(Command, ShowsMarginsAndTheWorstCase) {
  const auto margins = call({"admit", "configs/demo.capnp", "--sensitivity"});
  EXPECT_TRUE(margins.state.exited(0)) << margins.err;
  EXPECT_NE(margins.out.find("all budgets together: up to x "), std::string::npos) << margins.out;
  const auto svg = std::filesystem::temp_directory_path() / "capos-explain.svg";
  const auto run = call({"admit", "configs/demo.capnp", "--explain", "balance.control", "--svg", svg.string(), "--json"});
  EXPECT_TRUE(run.state.exited(0)) << run.err;
  const auto json = nlohmann::json::parse(run.out, nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << run.out;
  EXPECT_EQ(json["explain"]["task"], "balance.control");
  EXPECT_EQ(json["explain"]["svg"], svg.string());
  EXPECT_TRUE(std::filesystem::exists(svg));
  std::filesystem::remove(svg);
  const auto nobody = call({"admit", "configs/demo.capnp", "--explain", "nobody"});
  EXPECT_TRUE(nobody.state.exited(1));
  EXPECT_EQ(nobody.err, "capos: error: no island has a task 'nobody'\n  remedy: known: balance.simulate, balance.control, audio.play, "
                        "audio.read, audio.amplify, audio.filter, audio.limit\n");
}

TEST(Command, RefusesAnEdfIslandByItsDemand) {
  const char* const file = "tests/manifests/refused/edf-demand.capnp";
  for (const auto& run : {call({"admit", file}), call({"admit", file, "--analyse-only"})}) {
    EXPECT_TRUE(run.state.exited(2)) << run.out << run.err;
    EXPECT_NE(run.out.find("is due within"), std::string::npos) << run.out;
  }
}

TEST(Command, SaysWhatIsWrongWithAFile) {
  const auto run = call({"admit", "tests/manifests/bad/unknown-field.capnp"});
  EXPECT_TRUE(run.state.exited(1));
  EXPECT_EQ(run.out, "");
  EXPECT_TRUE(run.err.starts_with("tests/manifests/bad/unknown-field.capnp:")) << run.err;
  const auto json =
      nlohmann::json::parse(call({"admit", "tests/manifests/bad/unknown-field.capnp", "--json"}).out);
  EXPECT_EQ(json["verdict"], "wrong");
  EXPECT_FALSE(json["errors"].empty());
}

TEST(Command, ShowsAManifestThatCompilesToItself) {
  const auto shown = call({"admit", "configs/demo.capnp", "--show"});
  EXPECT_TRUE(shown.state.exited(0)) << shown.err;
  const auto scratch = std::filesystem::temp_directory_path() / "capos-shown.capnp";
  SpawnOptions options;
  FILE* const file = fopen(scratch.c_str(), "w");
  ASSERT_NE(file, nullptr);
  fputs(shown.out.c_str(), file);
  fclose(file);
  const auto again = call({"admit", scratch.string(), "--show"});
  std::filesystem::remove(scratch);
  EXPECT_TRUE(again.state.exited(0)) << again.err;
  EXPECT_EQ(again.out, shown.out);
  EXPECT_NE(shown.out.find("priority = "), std::string::npos);
}

TEST(Command, RefusesToRunWhatIsRefused) {
  const auto run = call({"run", "configs/examples/too-much.capnp", "--accel", "tcg"});
  EXPECT_TRUE(run.state.exited(2)) << run.err;
  EXPECT_NE(run.err.find("exceeds its deadline"), std::string::npos) << run.err;
}

}  // namespace
}  // namespace capos::cli
