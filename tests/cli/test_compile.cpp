// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>

#include "capos/schema/manifest.hpp"
#include "manifest/check.hpp"
#include "manifests.hpp"

namespace capos::cli {
namespace {

constexpr const char* kUsing = "using M = import \"/capos/manifest.capnp\";\n";

TEST(Compile, NeedsNoFileId) {
  const ScratchFile file("a.capnp",
                         std::string(kUsing) + "const a :M.SystemManifest = (schemaVersion = 7);\n");
  const auto compiled = compile_manifest(test_paths(), file.path());
  ASSERT_TRUE(compiled.has_value());
  EXPECT_EQ(compiled->constant, "a");
  EXPECT_EQ(compiled->message.root<schema::SystemManifest>().schema_version(), 7u);
  EXPECT_EQ(compiled->place("schemaVersion"), file.path() + ":2:46");
}

TEST(Compile, TakesConstantsOfOtherFiles) {
  const ScratchFile file(
      "a.capnp",
      std::string(kUsing) + "const a :M.SystemManifest = (kernelParams = import \"b.capnp\".b);\n");
  file.add_beside("b.capnp", std::string(kUsing) + "const b :M.KernelParams = (cpus = 4);\n");
  const auto compiled = compile_manifest(test_paths(), file.path());
  ASSERT_TRUE(compiled.has_value());
  EXPECT_EQ(compiled->message.root<schema::SystemManifest>().kernel_params().cpus(), 4u);
  EXPECT_EQ(compiled->place("kernelParams.cpus"), file.path() + ":2:45");
}

TEST(Compile, HandsOnTheCompilersErrorsUnderTheGivenName) {
  const ScratchFile file("a.capnp", std::string(kUsing) + "const a :M.SystemManifest = (bugdet = 7);\n");
  EXPECT_EQ(complaints(file.path()),
            file.path() +
                ":2:30-36: error: Struct has no field named 'bugdet'.\n"
                "  hint: valid here: schemaVersion, kernelParams, binaries, initConfig\n");
}

TEST(Compile, NamesAFileAsItWasGivenFromAnyDirectory) {
  const ScratchFile file("a.capnp",
                         std::string(kUsing) + "const a :M.SystemManifest = (binaries = [(nam = 7)]);\n");
  const auto before = std::filesystem::current_path();
  for (const auto& directory :
       {std::filesystem::path("/"), std::filesystem::path(file.path()).parent_path()}) {
    std::filesystem::current_path(directory);
    EXPECT_EQ(complaints(file.path()), file.path() +
                                           ":2:43-46: error: Struct has no field named 'nam'.\n"
                                           "  hint: did you mean 'name'? valid here: name, path\n");
  }
  std::filesystem::current_path(before);
}

TEST(Compile, SuggestsTheFieldThatWasMeant) {
  const ScratchFile file("a.capnp", std::string(kUsing) +
                                        "const a :M.SystemManifest = (initConfig = (islands = [(tasks = [(\n"
                                        "  period = (usec = 1), bugdet = (ms = 1))])]));\n");
  const std::string said = complaints(file.path());
  EXPECT_NE(
      said.find(":3:24-30: error: Struct has no field named 'bugdet'.\n  hint: did you mean 'budget'? valid "
                "here: name, service, period, budget, "),
      std::string::npos)
      << said;
  EXPECT_NE(said.find("'usec'.\n  hint: valid here: unset, ns, us, ms, hz, frames\n"), std::string::npos)
      << said;
}

TEST(Compile, SuggestsTheEnumerantThatWasMeant) {
  const ScratchFile file("a.capnp", std::string(kUsing) +
                                        "const t :M.Task = (onMiss = holt);\n"
                                        "const a :M.SystemManifest = "
                                        "(initConfig = (islands = [(tasks = [.t])]));\n");
  EXPECT_EQ(complaints(file.path()),
            file.path() +
                ":2:29-33: error: Not defined: holt\n"
                "  hint: did you mean 'hold'? valid here: runLate, skip, hold, stopTask, stopIsland\n");
}

TEST(Compile, NamesTheConstantsWhenThereAreSeveral) {
  const ScratchFile file(
      "a.capnp", std::string(kUsing) + "const a :M.SystemManifest = ();\nconst b :M.SystemManifest = ();\n");
  EXPECT_EQ(complaints(file.path()),
            file.path() +
                ":3:7: error: [several-manifests] the file has 2 constants of type SystemManifest: a, b\n"
                "  hint: keep one, and move the others to files of their own\n");
}

TEST(Compile, SaysWhenThereIsNone) {
  const ScratchFile file("a.capnp", "const a :UInt8 = 1;\n");
  EXPECT_EQ(complaints(file.path()),
            file.path() +
                ":1:1: error: [no-manifest] the file has no constant of type SystemManifest\n"
                "  hint: write: const name :M.SystemManifest = ( ... );\n");
}

TEST(Compile, PrefersSyntaxErrorsToAMissingConstant) {
  const ScratchFile file("a.capnp", "const a :UInt8 = ;\n");
  EXPECT_EQ(complaints(file.path()), file.path() + ":1:17: error: Parse error.\n");
}

TEST(Compile, SaysThatTheFileIsNotThere) {
  EXPECT_EQ(complaints("/no/such.capnp"), "PROBLEM: cannot read /no/such.capnp: No such file or directory\n");
}

TEST(Compile, ReadsTheMachinesOfTheTree) {
  const auto machine = compile_machine(test_paths(), "deterministic");
  ASSERT_TRUE(machine.has_value());
  EXPECT_EQ(machine->message.root<schema::MachineParams>().tsc_hz(), 1'000'000'000u);
}

}  // namespace
}  // namespace capos::cli
