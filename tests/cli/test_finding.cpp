// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "manifest/finding.hpp"

namespace capos::cli {
namespace {

TEST(Finding, IsOneLineAndAHint) {
  EXPECT_EQ(format(Finding{"a.capnp:3:7", "zero-period", "the period is zero", "give one"}),
            "a.capnp:3:7: error: [zero-period] the period is zero\n  hint: give one\n");
}

TEST(Finding, OfTheSchemaCompilerHasNeitherRuleNorHint) {
  EXPECT_EQ(format(Finding{"a.capnp:3:7-9", "", "Parse error.", ""}), "a.capnp:3:7-9: error: Parse error.\n");
}

TEST(Finding, AsJsonNamesItsRule) {
  const auto json = to_json({{"a.capnp:1:1", "", "Parse error.", ""}, {"a.capnp:2:2", "cycle", "m", "h"}});
  EXPECT_EQ(json[0]["rule"], "syntax");
  EXPECT_EQ(json[1]["rule"], "cycle");
  EXPECT_EQ(json[1]["place"], "a.capnp:2:2");
}

}  // namespace
}  // namespace capos::cli
