// SPDX-License-Identifier: Apache-2.0
// Where in a Cap'n Proto text the value of a constant's field stands.
//
// Follows references to constants of the same file (a bound of kMaxReferences stops cycles); a reference into
// another file is itself the place. What cannot be found in the text (a default, a field left out) is placed
// at the nearest value around it. Takes any bytes; nesting deeper than kMaxNesting is not entered.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokens.hpp"

namespace capos::cli {

inline constexpr unsigned kMaxReferences = 32;
inline constexpr unsigned kMaxNesting = 128;

// A value as it is written.
struct ValueNode {
  enum class Kind { structure, list, reference, other };
  struct Field;
  Kind kind = Kind::other;
  Position at;
  std::vector<Field> fields;             // structure
  std::vector<ValueNode> items;          // list
  std::vector<std::string_view> target;  // reference: its dotted name
};
struct ValueNode::Field {
  std::string_view name;
  Position at;
  ValueNode value;
};

struct ConstantDeclaration {
  std::string name;
  std::string type;  // the last part of the declared type's name: "SystemManifest" of "M.SystemManifest"
  Position at;       // of the name
  ValueNode value;
};

// A field as it is written: which constant's type it is reached from, and through which fields.
struct FieldPlace {
  std::string type;                  // of the constant
  std::vector<std::string> parents;  // list elements are not steps
  std::string field;
};

class SourceMap {
 public:
  explicit SourceMap(std::string text);

  // Constants declared at the file's top level, in order.
  [[nodiscard]] const std::vector<ConstantDeclaration>& constants() const { return constants_; }
  // `path` is like "initConfig.islands[0].tasks[1].period"; "" is the whole value. {1, 1} if there is no such
  // constant.
  [[nodiscard]] Position locate(std::string_view constant, std::string_view path) const;
  // The field whose name, or whose value, begins there.
  [[nodiscard]] std::optional<FieldPlace> field_at(Position at) const;

 private:
  [[nodiscard]] const ConstantDeclaration* find(std::string_view name) const;
  [[nodiscard]] const ValueNode* resolve(const ValueNode* node, unsigned& references) const;
  [[nodiscard]] const ValueNode* descend(const ValueNode* node, std::string_view path, unsigned& references,
                                         const ValueNode*& deepest) const;

  std::unique_ptr<const std::string> text_;  // at a fixed address: names are views into it
  std::vector<ConstantDeclaration> constants_;
};

}  // namespace capos::cli
