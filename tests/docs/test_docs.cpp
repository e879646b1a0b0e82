// SPDX-License-Identifier: Apache-2.0
// The README and docs/: command lines end with the status that stands behind them, listings equal the files that they name, links lead
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
  found.push_back(fs::path(CAPOS_SOURCE_DIR) / "README.md");
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

// Blocks of command lines: run; run by another test, as they stand; or looked at only.
bool is_commands(const std::string& kind) { return kind == "sh" || kind == "sh tested" || kind == "sh long"; }

struct CommandLine {
  std::vector<std::string> words;
  int status = 0;
};

// "./capos VERB ...  # exit status N", or another comment; nothing is quoted in the book.
CommandLine parse(const std::string& line) {
  CommandLine command;
  std::smatch found;
  std::string text = line;
  if (std::regex_search(line, found, std::regex("  # exit status ([0-9]+)$"))) {
    command.status = std::stoi(found[1]);
    text = found.prefix();
  } else if (const auto comment = text.find("  # "); comment != std::string::npos) {
    text.resize(comment);
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

// There are such a verb and such options, and their values are possible; nothing runs. `--help` alone would take any name.
std::string why_it_cannot_be_called(const CommandLine& command, const fs::path& out) {
  auto words = command.words;
  words.push_back("--help");
  const Captured help = call(words, out);
  if (!help.state.exited(0)) return help.err;
  std::smatch usage;
  if (!std::regex_search(help.out, usage, std::regex(R"(Usage: \./capos((?: [a-z-]+)*) \[OPTIONS\](.*))"))) return "no usage in\n" + help.out;
  std::istringstream chain(usage[1]);
  std::size_t at = 1;
  for (std::string verb; chain >> verb; ++at) {
    if (at >= command.words.size() || command.words[at] != verb) return "another verb's help:\n" + help.out;
  }
  const bool names_more = at < command.words.size() && !command.words[at].starts_with("-");
  if (at == 1 || (names_more && usage[2].str().find("SUBCOMMAND") != std::string::npos)) return "no such verb";
  for (const std::string& word : command.words) {
    if (word.starts_with("-") && help.out.find(word + " ") == std::string::npos && help.out.find(word + "\n") == std::string::npos &&
        help.out.find(word + ",") == std::string::npos) {
      return "no option " + word;
    }
  }
  return {};
}

// Nothing else in the book looks like a command line.
TEST(Book, EachBlockOfCommandLinesIsMarkedAsSuch) {
  for (const fs::path& page : pages()) {
    for (const Block& block : blocks_of(page)) {
      for (const std::string& line : block.lines) {
        if (!line.starts_with("./capos")) continue;
        EXPECT_TRUE(is_commands(block.kind)) << block.page << ": " << line;
      }
    }
  }
}

// Those within the text, and in tables; of what the launcher does by itself the tool knows nothing.
TEST(Book, CommandLinesInItsTextCanBeCalled) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  const std::regex line(R"(`(\./capos [^`\n]+)`)");
  const std::set<std::string> launchers{"fuzz", "--help", "--version"};
  std::set<std::string> seen;
  for (const fs::path& page : pages()) {
    const std::string text = read_text(page).value_or("");
    for (std::sregex_iterator at(text.begin(), text.end(), line), end; at != end; ++at) {
      const auto command = parse((*at)[1]);
      if (!seen.insert((*at)[1]).second || launchers.contains(command.words[1])) continue;
      if (command.words[1] == "test" && command.words.size() == 3) continue;  // --coverage, --sanitize
      EXPECT_EQ(why_it_cannot_be_called(command, scratch->path()), "") << page << ": " << (*at)[1];
    }
  }
  EXPECT_GE(seen.size(), 20u);
  for (const char* const wrong : {"./capos frob", "./capos bench frob", "./capos bench ipc --frob 3", "./capos bench ipc --samples x"}) {
    EXPECT_NE(why_it_cannot_be_called(parse(wrong), scratch->path()), "") << wrong;
  }
}

TEST(Book, ItsCommandLinesEndAsItSays) {
  unsigned run = 0;
  const std::string tests = read_text(fs::path(CAPOS_SOURCE_DIR) / "tests/bench/CMakeLists.txt").value_or("");
  for (const fs::path& page : pages()) {
    const auto scratch = TemporaryDirectory::make();
    ASSERT_TRUE(scratch.has_value());
    for (const Block& block : blocks_of(page)) {
      if (!is_commands(block.kind)) continue;
      for (const std::string& line : block.lines) {
        const auto command = parse(line);
        ASSERT_GE(command.words.size(), 2u) << block.page << ": " << line;
        ASSERT_EQ(command.words[0], "./capos") << block.page << ": " << line;
        if (block.kind == "sh long") {
          EXPECT_EQ(why_it_cannot_be_called(command, scratch->path()), "") << block.page << ": " << line;
          ++run;
          continue;
        }
        if (block.kind == "sh tested") {
          EXPECT_NE(tests.find(" COMMAND capos " + line.substr(line.find(' ') + 1) + ")"), std::string::npos) << block.page << ": " << line;
          ++run;
          continue;
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
      if (space == std::string::npos || is_commands(block.kind)) continue;
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
