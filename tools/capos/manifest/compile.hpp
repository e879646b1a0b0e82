// SPDX-License-Identifier: Apache-2.0
// From Cap'n Proto text to a message: the stock compiler's `capnp eval` evaluates one constant of a file.
//
// The compiler's own errors are passed on in its form, with the file's name as the user gave it. A file need
// not declare a file id.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "../support/paths.hpp"
#include "../support/problem.hpp"
#include "finding.hpp"
#include "message.hpp"
#include "source_map.hpp"

namespace capos::cli {

struct CompiledFile {
  std::string shown;  // the file's name as given
  SourceMap map;
  std::string constant;  // the one that was compiled
  Message message;
  [[nodiscard]] std::string place(std::string_view path) const;
};

// What is wrong with the file, or why it could not be tried at all.
using CompileFailure = std::variant<std::vector<Finding>, Problem>;

// The file's one constant of the struct type named `type` (the last part of its name).
[[nodiscard]] std::expected<CompiledFile, CompileFailure> compile_constant(const Paths& paths,
                                                                           const std::string& file,
                                                                           std::string_view type);

}  // namespace capos::cli
