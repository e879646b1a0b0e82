// SPDX-License-Identifier: Apache-2.0
#include "compile.hpp"

#include <fmt/format.h>

#include <cstring>
#include <filesystem>
#include <sstream>

#include "../support/files.hpp"
#include "../support/process.hpp"
#include "valid_names.hpp"

namespace capos::cli {
namespace fs = std::filesystem;
namespace {

using Findings = std::vector<Finding>;
template <typename T>
using Compiled = std::expected<T, CompileFailure>;

std::string format_place(const std::string& file, Position at) {
  return fmt::format("{}:{}:{}", file, at.line, at.column);
}

// `capnp eval` of a name that is not there still reports everything else that is wrong with the file.
constexpr const char* kNoName = "none";

Compiled<Captured> evaluate(const Paths& paths, const fs::path& file, const std::string& constant) {
  auto result = capture({"capnp", "eval", "--flat", "-I" + paths.schema().string(), file.string(), constant},
                        std::chrono::seconds(60));
  if (!result) return std::unexpected(CompileFailure(result.error()));
  if (result->timed_out) {
    return std::unexpected(CompileFailure(Problem{
        "the schema compiler did not end within 60 s on " + file.string(), "look for a cycle of constants"}));
  }
  return std::move(*result);
}

// The compiler names a file below the working directory without that directory.
std::string named_by_compiler(const fs::path& file) {
  std::error_code error;
  const fs::path below = file.lexically_relative(fs::current_path(error));
  return error || below.empty() || below.native().starts_with("..") ? file.string() : below.string();
}

// The errors among what the compiler wrote, with `file` named as `shown`. The demand for a file id is left
// out: a manifest is never imported by its id.
Findings errors_in(const std::string& text, const fs::path& file, const std::string& shown) {
  constexpr std::string_view kMark = ": error: ";
  const std::string prefix = named_by_compiler(file) + ":";
  Findings findings;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto mark = line.find(kMark);
    if (mark == std::string::npos || line.find("File does not declare an ID") != std::string::npos) continue;
    std::string place = line.substr(0, mark);
    if (place.starts_with(prefix)) place.replace(0, prefix.size(), shown + ":");
    findings.push_back({place, "", line.substr(mark + kMark.size()), ""});
  }
  return findings;
}

std::string names_of(const std::vector<const ConstantDeclaration*>& constants) {
  std::string names;
  for (const auto* constant : constants) names += (names.empty() ? "" : ", ") + constant->name;
  return names;
}

std::expected<const ConstantDeclaration*, Findings> the_one(const SourceMap& map, const std::string& shown,
                                                            std::string_view type) {
  std::vector<const ConstantDeclaration*> found;
  for (const auto& constant : map.constants()) {
    if (constant.type == type) found.push_back(&constant);
  }
  if (found.size() == 1) return found[0];
  Finding finding{format_place(shown, {}), "no-manifest",
                  fmt::format("the file has no constant of type {}", type),
                  fmt::format("write: const name :M.{} = ( ... );", type)};
  if (found.size() > 1) {
    finding = {format_place(shown, found[1]->at), "several-manifests",
               fmt::format("the file has {} constants of type {}: {}", found.size(), type, names_of(found)),
               "keep one, and move the others to files of their own"};
  }
  return std::unexpected(Findings{finding});
}

std::vector<wire::Word> words_of(const std::string& bytes) {
  std::vector<wire::Word> words((bytes.size() + sizeof(wire::Word) - 1) / sizeof(wire::Word));
  std::memcpy(words.data(), bytes.data(), bytes.size());
  return words;
}

}  // namespace

std::string CompiledFile::place(std::string_view path) const {
  return format_place(shown, map.locate(constant, path));
}

Compiled<CompiledFile> compile_constant(const Paths& paths, const std::string& file, std::string_view type) {
  auto text = read_text(file);
  if (!text) return std::unexpected(CompileFailure(text.error()));
  std::error_code ignored;
  const fs::path absolute = fs::absolute(file, ignored).lexically_normal();
  SourceMap map(std::move(*text));
  const auto chosen = the_one(map, file, type);
  const std::string name = chosen ? (*chosen)->name : kNoName;
  auto run = evaluate(paths, absolute, name);
  if (!run) return std::unexpected(run.error());
  if (auto findings = errors_in(run->err, absolute, file); !findings.empty()) {
    for (auto& finding : findings) add_hint(finding, file, map);
    return std::unexpected(CompileFailure(std::move(findings)));
  }
  if (!chosen) return std::unexpected(CompileFailure(chosen.error()));
  if (run->out.empty() || run->out.size() % sizeof(wire::Word) != 0) {
    const std::string said = run->err.substr(0, run->err.find('\n'));
    return std::unexpected(
        CompileFailure(Problem{"the schema compiler gave no message for " + file + ": " + said,
                               "check `capnp --version`: 0.9 or later"}));
  }
  return CompiledFile{file, std::move(map), name, Message(words_of(run->out))};
}

}  // namespace capos::cli
