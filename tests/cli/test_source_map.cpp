// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "manifest/source_map.hpp"

namespace capos::cli {
namespace {

constexpr const char* kText = R"(# a comment with ( [ and "
using M = import "/capos/manifest.capnp";
const arm :M.Island = (name = "arm", tasks = [(name = "a;b", period = (ms = 1))]);
const shared :List(UInt16) = [1, 2];
const demo :M.SystemManifest = (
  schemaVersion = 1,
  initConfig = (
    init = "init",
    islands = [
      .arm,
      (name = "two", cpus = .shared, tasks = [
        (name = "x", period = (frames = (count = 64, rate = 48000))),  # trailing
        (name = "y", budget = (us = -5)),
      ]),
      arm,
      import "other.capnp".island,
    ],
  ),
);
)";

Position at(std::string_view path) { return SourceMap(kText).locate("demo", path); }

TEST(SourceMap, FindsConstantsAndTheirTypes) {
  const SourceMap map(kText);
  ASSERT_EQ(map.constants().size(), 3u);
  EXPECT_EQ(map.constants()[0].name, "arm");
  EXPECT_EQ(map.constants()[0].type, "Island");
  EXPECT_EQ(map.constants()[2].name, "demo");
  EXPECT_EQ(map.constants()[2].type, "SystemManifest");
  EXPECT_EQ(map.constants()[2].at, (Position{5, 7}));
}

TEST(SourceMap, PlacesTheWholeValue) { EXPECT_EQ(at(""), (Position{5, 32})); }

TEST(SourceMap, PlacesFieldsAndElements) {
  EXPECT_EQ(at("schemaVersion"), (Position{6, 19}));
  EXPECT_EQ(at("initConfig.init"), (Position{8, 12}));
  EXPECT_EQ(at("initConfig.islands[1].tasks[0].period.frames.rate"), (Position{12, 61}));
  EXPECT_EQ(at("initConfig.islands[1].tasks[1].budget"), (Position{13, 31}));
}

TEST(SourceMap, FollowsConstantsOfTheSameFile) {
  EXPECT_EQ(at("initConfig.islands[0]"), (Position{3, 23}));
  EXPECT_EQ(at("initConfig.islands[0].tasks[0].period"), (Position{3, 71}));
  EXPECT_EQ(at("initConfig.islands[2].tasks[0].name"), (Position{3, 55}));
  EXPECT_EQ(at("initConfig.islands[1].cpus[1]"), (Position{4, 34}));
}

TEST(SourceMap, PlacesAnotherFilesValueAtItsReference) {
  EXPECT_EQ(at("initConfig.islands[3]"), (Position{16, 7}));
  EXPECT_EQ(at("initConfig.islands[3].tasks[0].period"), (Position{16, 7}));
}

TEST(SourceMap, PlacesWhatIsLeftOutAtTheValueAroundIt) {
  EXPECT_EQ(at("initConfig.islands[1].tasks[1].period"), (Position{13, 9}));
  EXPECT_EQ(at("kernelParams.cpus"), (Position{5, 32}));
  EXPECT_EQ(at("initConfig.islands[9]"), (Position{9, 15}));
}

TEST(SourceMap, OfAnUnknownConstantIsTheFilesStart) {
  EXPECT_EQ(SourceMap(kText).locate("nobody", "a.b"), (Position{1, 1}));
}

TEST(SourceMap, ReadsReferencesToFieldsOfConstants) {
  const SourceMap map("const a :A = (x = (y = 7));\nconst b :B = (z = .a.x, w = a.x.y);\n");
  EXPECT_EQ(map.locate("b", "z.y"), (Position{1, 24}));
  EXPECT_EQ(map.locate("b", "w"), (Position{1, 24}));
}

TEST(SourceMap, EndsOnCyclesOfConstants) {
  const SourceMap map("const a :A = .b;\nconst b :A = .a;\nconst c :A = (x = .c.x);\n");
  EXPECT_NO_FATAL_FAILURE((void)map.locate("a", "x[3].y"));
  EXPECT_NO_FATAL_FAILURE((void)map.locate("c", "x.x.x"));
}

TEST(SourceMap, TakesDeepNestingWithoutEnteringIt) {
  const SourceMap map("const a :A = " + std::string(100'000, '(') + ";\n");
  ASSERT_EQ(map.constants().size(), 1u);
  EXPECT_EQ(map.locate("a", ""), (Position{1, 14}));
}

// Any bytes: nothing to expect but that it ends and stays inside the text (run under the sanitizers preset).
TEST(SourceMap, TakesDamagedTexts) {
  std::mt19937 random(1);
  const std::string good = kText;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = good;
    for (int i = 0; i < 4; ++i) {
      const auto place = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[place] = static_cast<char>(random());
          break;
        case 1:
          text.erase(place, random() % 20);
          break;
        default:
          text.insert(place, text.substr(random() % text.size(), random() % 20));
          break;
      }
      if (text.empty()) text = "x";
    }
    const SourceMap map(text);
    const Position found = map.locate("demo", "initConfig.islands[1].tasks[0].period.frames.rate");
    ASSERT_GE(found.line, 1u);
    ASSERT_LE(found.line, static_cast<unsigned>(std::ranges::count(text, '\n')) + 1);
  }
}

TEST(SourceMap, TakesOddPaths) {
  for (const char* path :
       {"[", "]", "[[", "a[", ".", "..", "a..b", "[999999999999999999999]", "initConfig.", "[0].x"}) {
    EXPECT_NO_FATAL_FAILURE((void)at(path)) << path;
  }
}

TEST(Tokens, CountColumnsInBytesFromOne) {
  const auto tokens = tokenize("a = \"\xc3\xa4\" b # c\n  d");
  ASSERT_EQ(tokens.size(), 6u);
  EXPECT_EQ(tokens[0].at, (Position{1, 1}));
  EXPECT_EQ(tokens[2].kind, TokenKind::literal);
  EXPECT_EQ(tokens[3].at, (Position{1, 10}));
  EXPECT_EQ(tokens[4].at, (Position{2, 3}));
  EXPECT_EQ(tokens[5].kind, TokenKind::end);
}

TEST(Tokens, EndAnUnclosedStringWithTheText) {
  const auto tokens = tokenize("\"abc\\");
  ASSERT_EQ(tokens.size(), 2u);
  EXPECT_EQ(tokens[0].text, "\"abc\\");
}

}  // namespace
}  // namespace capos::cli
