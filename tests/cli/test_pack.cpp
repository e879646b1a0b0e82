// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "capos/wire/frame.hpp"
#include "manifest/check.hpp"
#include "manifest/pack.hpp"
#include "manifests.hpp"
#include "support/files.hpp"

namespace capos::cli {
namespace {

namespace fs = std::filesystem;

// The test program itself stands in for a program: any ELF file can be packed.
std::string manifest_text(const std::string& path) {
  return "using M = import \"/capos/manifest.capnp\";\n"
         "const a :M.SystemManifest = (schemaVersion = 1, binaries = [(name = \"it\", path = \"" +
         path + "\")]);\n";
}

TEST(Pack, HoldsManifestProgramsAndMachine) {
  const ScratchFile file("a.capnp", manifest_text(fs::read_symlink("/proc/self/exe").string()));
  const auto compiled = compile_manifest(test_paths(), file.path());
  const auto machine = compile_machine(test_paths(), "deterministic");
  ASSERT_TRUE(compiled.has_value() && machine.has_value());
  const PackInputs inputs{compiled->message.root<schema::SystemManifest>(),
                          machine->message.root<schema::MachineParams>(), "/", 5'000'000'000};
  const auto pack = build_pack(test_paths(), inputs);
  ASSERT_TRUE(pack.has_value()) << pack.error().cause;
  const auto root = pack->root<schema::BootPack>();
  EXPECT_EQ(root.magic(), schema::kBootPackMagic);
  EXPECT_EQ(root.machine().tsc_hz(), 1'000'000'000u);
  EXPECT_EQ(root.manifest().binaries()[0].name(), "it");
  EXPECT_EQ(root.programs()[0].name(), "it");
  EXPECT_GT(root.programs()[0].image().size(), 1000u);
  EXPECT_EQ(static_cast<char>(root.programs()[0].image()[1]), 'E');
  EXPECT_EQ(root.run().duration_ns(), 5'000'000'000u);
  EXPECT_EQ(root.run().warmup_ns(), 5'000'000u);
  const auto again = build_pack(test_paths(), inputs);
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(std::ranges::equal(pack->words(), again->words()));
}

TEST(Pack, IsFramedAsOneSegment) {
  const ScratchFile target("pack", "");
  const Message message = build_message(
      [](wire::MessageBuilder& builder) { builder.init_root<schema::BootPack>().set_magic(42); });
  ASSERT_TRUE(write_pack(message, target.path()).has_value());
  const auto bytes = read_bytes(target.path());
  ASSERT_TRUE(bytes.has_value());
  ASSERT_EQ(bytes->size(), (message.words().size() + 1) * sizeof(wire::Word));
  EXPECT_EQ(static_cast<unsigned>((*bytes)[0]), 0u);
  EXPECT_EQ(static_cast<unsigned>((*bytes)[4]), message.words().size());
}

TEST(Pack, NamesTheProgramThatIsNotThere) {
  const ScratchFile file("a.capnp", manifest_text("services/no-such-thing"));
  const auto compiled = compile_manifest(test_paths(), file.path());
  ASSERT_TRUE(compiled.has_value());
  const auto pack = build_pack(test_paths(), {compiled->message.root<schema::SystemManifest>(), {}, "/", 0});
  ASSERT_FALSE(pack.has_value());
  EXPECT_NE(pack.error().cause.find("services/no-such-thing"), std::string::npos);
}

TEST(Machine, HasNoQuantumOnOneCpu) {
  const auto machine = compile_machine(test_paths(), "deterministic");
  ASSERT_TRUE(machine.has_value());
  const auto root = machine->message.root<schema::MachineParams>();
  EXPECT_EQ(machine_for(root, 1).root<schema::MachineParams>().quantum_ns(), 0u);
  EXPECT_EQ(machine_for(root, 2).root<schema::MachineParams>().quantum_ns(), root.quantum_ns());
  EXPECT_GT(root.quantum_ns(), 0u);
}

TEST(BuildMessage, GrowsUntilItFits) {
  const Message message = build_message(
      [](wire::MessageBuilder& builder) {
        builder.init_root<schema::BootPack>().init_machine().set_description(std::string(100'000, 'x'));
      },
      16);
  EXPECT_EQ(message.root<schema::BootPack>().machine().description().size(), 100'000u);
}

}  // namespace
}  // namespace capos::cli
