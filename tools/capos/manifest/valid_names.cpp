// SPDX-License-Identifier: Apache-2.0
#include "valid_names.hpp"

#include <capnp/schema.h>
#include <capos/bootpack.capnp.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>
#include <set>

namespace capos::cli {
namespace {

using capnp::StructSchema;
using capnp::Type;

std::string short_name(StructSchema schema) { return schema.getShortDisplayName().cStr(); }

// Lists are looked through: their elements are not steps of a way.
Type element_type(Type type) {
  while (type.isList()) type = type.asList().getElementType();
  return type;
}

// The struct of that name among those reachable from `schema`; `seen` holds type ids, for schemas are cyclic.
std::optional<StructSchema> find_struct(StructSchema schema, const std::string& name,
                                        std::set<std::uint64_t>& seen) {
  if (!seen.insert(schema.getProto().getId()).second) return std::nullopt;
  if (short_name(schema) == name) return schema;
  for (const auto field : schema.getFields()) {
    const Type type = element_type(field.getType());
    if (!type.isStruct()) continue;
    if (auto found = find_struct(type.asStruct(), name, seen)) return found;
  }
  return std::nullopt;
}

std::optional<Type> type_of(StructSchema schema, const std::string& name) {
  for (const auto field : schema.getFields()) {
    if (name == field.getProto().getName().cStr()) return element_type(field.getType());
  }
  return std::nullopt;
}

std::optional<StructSchema> holder_of(const FieldPlace& place) {
  std::set<std::uint64_t> seen;
  auto schema = find_struct(capnp::Schema::from<host::BootPack>(), place.type, seen);
  for (const auto& step : place.parents) {
    if (!schema) return std::nullopt;
    const auto type = type_of(*schema, step);
    if (!type || !type->isStruct()) return std::nullopt;
    schema = type->asStruct();
  }
  return schema;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t k = 0; k < b.size(); ++k) {
      const std::size_t change = diagonal + (a[i] == b[k] ? 0 : 1);
      diagonal = row[k + 1];
      row[k + 1] = std::min({change, row[k] + 1, row[k + 1] + 1});
    }
  }
  return row.back();
}

// "FILE:LINE:COLUMN" or "FILE:LINE:FROM-TO".
std::optional<Position> position_in(std::string_view place, const std::string& file) {
  if (!place.starts_with(file + ":")) return std::nullopt;
  place.remove_prefix(file.size() + 1);
  Position at;
  const auto colon = place.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto line = std::from_chars(place.data(), place.data() + colon, at.line);
  const auto column = std::from_chars(place.data() + colon + 1, place.data() + place.size(), at.column);
  if (line.ec != std::errc{} || column.ec != std::errc{}) return std::nullopt;
  return at;
}

// What stands between `before` and `after` in `text`.
std::optional<std::string> between(const std::string& text, std::string_view before, std::string_view after) {
  if (!text.starts_with(before) || !text.ends_with(after)) return std::nullopt;
  return text.substr(before.size(), text.size() - before.size() - after.size());
}

}  // namespace

std::vector<std::string> fields_beside(const FieldPlace& place) {
  std::vector<std::string> names;
  if (const auto holder = holder_of(place)) {
    for (const auto field : holder->getFields()) names.emplace_back(field.getProto().getName().cStr());
  }
  return names;
}

std::vector<std::string> enumerants_of(const FieldPlace& place) {
  std::vector<std::string> names;
  const auto holder = holder_of(place);
  const auto type = holder ? type_of(*holder, place.field) : std::nullopt;
  if (!type || !type->isEnum()) return names;
  for (const auto enumerant : type->asEnum().getEnumerants()) {
    names.emplace_back(enumerant.getProto().getName().cStr());
  }
  return names;
}

std::string suggest(std::string_view wrong, const std::vector<std::string>& valid) {
  if (valid.empty()) return "";
  const auto nearest = std::ranges::min_element(
      valid, {}, [&](const std::string& name) { return edit_distance(wrong, name); });
  const bool near = edit_distance(wrong, *nearest) <= std::max<std::size_t>(1, wrong.size() / 3);
  return fmt::format("{}valid here: {}", near ? fmt::format("did you mean '{}'? ", *nearest) : "",
                     fmt::join(valid, ", "));
}

void add_hint(Finding& finding, const std::string& file, const SourceMap& map) {
  const auto at = position_in(finding.place, file);
  const auto place = at ? map.field_at(*at) : std::nullopt;
  if (!place) return;
  if (const auto field = between(finding.message, "Struct has no field named '", "'.")) {
    finding.hint = suggest(*field, fields_beside(*place));
  } else if (const auto name = between(finding.message, "Not defined: ", "")) {
    finding.hint = suggest(*name, enumerants_of(*place));
  }
}

}  // namespace capos::cli
