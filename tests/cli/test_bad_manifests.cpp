// SPDX-License-Identifier: Apache-2.0
// Every wrong manifest under tests/manifests/bad gives exactly the text beside it. To write a missing text:
//   CAPOS_WRITE_EXPECTED=1 test_cli_manifest --gtest_filter='*BadManifest*'
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "manifests.hpp"
#include "support/files.hpp"

namespace capos::cli {
namespace {

namespace fs = std::filesystem;
constexpr const char* kDirectory = "tests/manifests/bad";

std::vector<std::string> names() {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(fs::path(CAPOS_SOURCE_DIR) / kDirectory)) {
    if (entry.path().extension() == ".capnp") found.push_back(entry.path().stem().string());
  }
  std::ranges::sort(found);
  return found;
}

class BadManifest : public testing::TestWithParam<std::string> {
 protected:
  // Run from the root, files are named as a person there would name them.
  void SetUp() override { fs::current_path(CAPOS_SOURCE_DIR); }
};

TEST_P(BadManifest, GivesItsExactText) {
  const std::string base = std::string(kDirectory) + "/" + GetParam();
  const std::string said = complaints(base + ".capnp");
  if (std::getenv("CAPOS_WRITE_EXPECTED") != nullptr && !fs::exists(base + ".expected")) {
    ASSERT_TRUE(write_text(base + ".expected", said).has_value());
  }
  const auto expected = read_text(base + ".expected");
  ASSERT_TRUE(expected.has_value()) << "no " << base << ".expected; the file gives:\n" << said;
  EXPECT_EQ(said, *expected);
  EXPECT_NE(said, "") << base << " is not bad";
}

INSTANTIATE_TEST_SUITE_P(Fixtures, BadManifest, testing::ValuesIn(names()), [](const auto& given) {
  std::string name = given.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST(BadManifests, AreAtLeastTwenty) { EXPECT_GE(names().size(), 20u); }

}  // namespace
}  // namespace capos::cli
