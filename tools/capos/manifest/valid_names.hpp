// SPDX-License-Identifier: Apache-2.0
// What could have stood where the schema compiler found an unknown field or enumerant: a hint with the valid
// names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "finding.hpp"
#include "source_map.hpp"

namespace capos::cli {

// Adds a hint to the compiler's errors about names, if they are in `file` and the schema knows the place.
void add_hint(Finding& finding, const std::string& file, const SourceMap& map);

// Fields of the struct that holds `place`'s field; empty if the schema has no such way.
[[nodiscard]] std::vector<std::string> fields_beside(const FieldPlace& place);
// Enumerants of the enum that `place`'s field is of; empty if it is of another type.
[[nodiscard]] std::vector<std::string> enumerants_of(const FieldPlace& place);

// "did you mean 'budget'? one of: ..."; the first part only when a name is near.
[[nodiscard]] std::string suggest(std::string_view wrong, const std::vector<std::string>& valid);

}  // namespace capos::cli
