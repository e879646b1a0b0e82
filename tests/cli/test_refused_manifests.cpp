// SPDX-License-Identifier: Apache-2.0
// Every manifest under tests/manifests/refused is well formed, and `./capos admit --analyse-only` says exactly the text
// beside it of its first island. To write a missing text:
//   CAPOS_WRITE_EXPECTED=1 test_cli_manifest --gtest_filter='*RefusedManifest*'
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "manifest/admission.hpp"
#include "manifest/check.hpp"
#include "manifest/pack.hpp"
#include "manifests.hpp"
#include "support/files.hpp"

namespace capos::cli {
namespace {

namespace fs = std::filesystem;
constexpr const char* kDirectory = "tests/manifests/refused";

// A machine that does not change when the deterministic one is measured anew.
Message fixed_machine() {
  return build_message([](wire::MessageBuilder& message) {
    const auto overheads = message.init_root<schema::MachineParams>().init_overheads();
    overheads.set_release_ns(1500);
    overheads.set_switch_ns(1000);
    overheads.set_blocking_ns(4000);
    overheads.set_jitter_ns(1600);
  });
}

std::vector<std::string> names() {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(fs::path(CAPOS_SOURCE_DIR) / kDirectory)) {
    if (entry.path().extension() == ".capnp") found.push_back(entry.path().stem().string());
  }
  std::ranges::sort(found);
  return found;
}

class RefusedManifest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { fs::current_path(CAPOS_SOURCE_DIR); }
};

TEST_P(RefusedManifest, GivesItsExactText) {
  const std::string base = std::string(kDirectory) + "/" + GetParam();
  const auto file = compile_manifest(test_paths(), base + ".capnp");
  ASSERT_TRUE(file.has_value()) << complaints(base + ".capnp");
  ASSERT_EQ(format(check_manifest(*file, sched::kRunsAll)), "");
  const Message machine = fixed_machine();
  const auto verdicts = admit_islands(file->message.root<schema::SystemManifest>(),
                                      machine.root<schema::MachineParams>(), sched::kRunsAll);
  ASSERT_EQ(verdicts.size(), 1u);
  const std::string said = verdicts[0].refusal + "\n";
  if (std::getenv("CAPOS_WRITE_EXPECTED") != nullptr && !fs::exists(base + ".expected")) {
    ASSERT_TRUE(write_text(base + ".expected", said).has_value());
  }
  const auto expected = read_text(base + ".expected");
  ASSERT_TRUE(expected.has_value()) << "no " << base << ".expected; the file gives:\n" << said;
  EXPECT_EQ(said, *expected);
  EXPECT_FALSE(verdicts[0].admitted());
}

INSTANTIATE_TEST_SUITE_P(Fixtures, RefusedManifest, testing::ValuesIn(names()), [](const auto& given) {
  std::string name = given.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace capos::cli
