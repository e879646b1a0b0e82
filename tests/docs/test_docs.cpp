// SPDX-License-Identifier: Apache-2.0
// docs/: command lines end with the status that stands behind them, listings equal the files that they name, links lead
// somewhere, and the generated pages are those of the schema.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "support/files.hpp"
#include "support/process.hpp"
#include "support/temporary.hpp"

namespace capos::cli {
namespace {

namespace fs = std::filesystem;
const fs::path kDocs = fs::path(CAPOS_SOURCE_DIR) / "docs";

struct Block {
  std::string page, kind;  // what stands behind the fence
  std::vector<std::string> lines;
};

std::vector<fs::path> pages() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(kDocs)) {
    if (entry.path().extension() == ".md") found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

std::vector<Block> blocks_of(const fs::path& page) {
  std::vector<Block> blocks;
  std::istringstream in(read_text(page).value_or(""));
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) {
      inside = !inside;
      if (inside) blocks.push_back({page.filename().string(), line.substr(3), {}});
    } else if (inside) {
      blocks.back().lines.push_back(line);
    }
  }
  EXPECT_FALSE(inside) << page << ": a block without an end";
  return blocks;
}

struct CommandLine {
  std::vector<std::string> words;
  int status = 0;
};

// "./capos VERB ...  # exit status N"; nothing is quoted in the book.
CommandLine parse(const std::string& line) {
  CommandLine command;
  std::smatch found;
  std::string text = line;
  if (std::regex_search(line, found, std::regex("  # exit status ([0-9]+)$"))) {
    command.status = std::stoi(found[1]);
    text = found.prefix();
  }
  std::istringstream in(text);
  for (std::string word; in >> word;) command.words.push_back(word);
  return command;
}

Captured call(std::vector<std::string> words, const fs::path& out) {
  words[0] = CAPOS_COMMAND;
  SpawnOptions options;
  options.directory = CAPOS_SOURCE_DIR;
  options.environment = {{"CAPOS_ROOT", CAPOS_SOURCE_DIR}, {"CAPOS_OUT", out.string()}};
  return capture(words, std::chrono::minutes(5), options).value_or(Captured{.state = {.status = -1, .signal = 0}});
}

TEST(Book, ItsCommandLinesEndAsItSays) {
  unsigned run = 0;
  for (const fs::path& page : pages()) {
    const auto scratch = TemporaryDirectory::make();
    ASSERT_TRUE(scratch.has_value());
    for (const Block& block : blocks_of(page)) {
      if (block.kind != "sh" && block.kind != "sh long") continue;
      for (const std::string& line : block.lines) {
        auto command = parse(line);
        ASSERT_GE(command.words.size(), 2u) << block.page << ": " << line;
        ASSERT_EQ(command.words[0], "./capos") << block.page << ": " << line;
        if (block.kind == "sh long") {
          command.words.push_back("--help");
          command.status = 0;
        }
        const Captured ended = call(command.words, scratch->path());
        EXPECT_TRUE(ended.state.exited(command.status))
            << block.page << ": " << line << ": status " << ended.state.status << "\n" << ended.out << ended.err;
        ++run;
      }
    }
  }
  EXPECT_GE(run, 20u);
}

// A fence that names a file holds it, to the byte.
TEST(Book, ItsListingsAreTheTreesFiles) {
  unsigned compared = 0;
  for (const fs::path& page : pages()) {
    for (const Block& block : blocks_of(page)) {
      const auto space = block.kind.find(' ');
      if (space == std::string::npos || block.kind == "sh long") continue;
      std::string text;
      for (const std::string& line : block.lines) text += line + "\n";
      const auto file = fs::path(CAPOS_SOURCE_DIR) / block.kind.substr(space + 1);
      EXPECT_EQ(text, read_text(file).value_or("no such file")) << block.page << ": " << file;
      ++compared;
    }
  }
  EXPECT_GE(compared, 3u);
}

TEST(Book, ItsLinksLeadSomewhere) {
  const std::regex link(R"(\]\(([^)#:]+)\))");
  for (const fs::path& page : pages()) {
    const std::string text = read_text(page).value_or("");
    for (std::sregex_iterator at(text.begin(), text.end(), link), end; at != end; ++at) {
      EXPECT_TRUE(fs::exists(page.parent_path() / (*at)[1].str())) << page << ": " << (*at)[1];
    }
  }
}

TEST(Reference, IsWhatTheSchemaSays) {
  std::set<std::string> names;
  for (const fs::path directory : {fs::path(CAPOS_REFERENCE), kDocs / "reference"}) {
    for (const auto& entry : fs::directory_iterator(directory)) names.insert(entry.path().filename().string());
  }
  EXPECT_GE(names.size(), 10u);
  for (const std::string& name : names) {
    const auto made = read_text(fs::path(CAPOS_REFERENCE) / name), kept = read_text(kDocs / "reference" / name);
    EXPECT_TRUE(made.has_value() && kept.has_value() && *made == *kept)
        << "docs/reference/" << name << " is not what the schema says: cp build/release/docs/reference/*.md docs/reference/";
  }
}

}  // namespace
}  // namespace capos::cli
