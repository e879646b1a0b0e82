// SPDX-License-Identifier: Apache-2.0
#include "source_map.hpp"

#include <algorithm>
#include <charconv>

#include "value_parser.hpp"

namespace capos::cli {
namespace {

// One step of a path: a field's name, or an element's index.
struct Step {
  std::string_view field;
  std::size_t index = 0;
};

// Takes the first step off `path`: "a[1].b" gives "a", then [1], then "b".
Step take_step(std::string_view& path) {
  Step step;
  if (path.front() == '[') {
    const auto close = std::min(path.find(']'), path.size() - 1);
    std::from_chars(path.data() + 1, path.data() + close, step.index);
    path.remove_prefix(close + 1);
  } else {
    const auto end = std::min(path.find_first_of(".["), path.size());
    step.field = path.substr(0, end);
    path.remove_prefix(end);
  }
  if (!path.empty() && path.front() == '.') path.remove_prefix(1);
  return step;
}

const ValueNode* child(const ValueNode& node, const Step& step) {
  if (step.field.empty()) {
    const bool present = node.kind == ValueNode::Kind::list && step.index < node.items.size();
    return present ? &node.items[step.index] : nullptr;
  }
  const auto found = std::ranges::find(node.fields, step.field, &ValueNode::Field::name);
  return found == node.fields.end() ? nullptr : &found->value;
}

// Leaves in `place` the way to the field, if it is in `node`. Depth: bounded by kMaxNesting.
bool find_field(const ValueNode& node, Position at, FieldPlace& place) {
  for (const auto& item : node.items) {
    if (find_field(item, at, place)) return true;
  }
  for (const auto& field : node.fields) {
    if (field.at == at || field.value.at == at) {
      place.field = field.name;
      return true;
    }
    place.parents.emplace_back(field.name);
    if (find_field(field.value, at, place)) return true;
    place.parents.pop_back();
  }
  return false;
}

}  // namespace

SourceMap::SourceMap(std::string text)
    : text_(std::make_unique<const std::string>(std::move(text))),
      constants_(parse_constants(tokenize(*text_))) {}

const ConstantDeclaration* SourceMap::find(std::string_view name) const {
  const auto found = std::ranges::find(constants_, name, &ConstantDeclaration::name);
  return found == constants_.end() ? nullptr : &*found;
}

// What a reference stands for, if that is in this file; else the node itself.
const ValueNode* SourceMap::resolve(const ValueNode* node, unsigned& references) const {
  while (node->kind == ValueNode::Kind::reference && references < kMaxReferences) {
    ++references;
    const ConstantDeclaration* const target = find(node->target[0]);
    if (target == nullptr) return node;
    const ValueNode* reached = &target->value;
    for (std::size_t i = 1; reached != nullptr && i < node->target.size(); ++i) {
      reached = child(*resolve(reached, references), {node->target[i], 0});
    }
    if (reached == nullptr) return node;
    node = reached;
  }
  return node;
}

const ValueNode* SourceMap::descend(const ValueNode* node, std::string_view path, unsigned& references,
                                    const ValueNode*& deepest) const {
  deepest = node;
  while (!path.empty()) {
    const Step step = take_step(path);
    const ValueNode* const next = child(*resolve(node, references), step);
    if (next == nullptr) return nullptr;
    node = deepest = next;
  }
  return node;
}

std::optional<FieldPlace> SourceMap::field_at(Position at) const {
  for (const auto& constant : constants_) {
    FieldPlace place{constant.type, {}, ""};
    if (find_field(constant.value, at, place)) return place;
  }
  return std::nullopt;
}

Position SourceMap::locate(std::string_view constant, std::string_view path) const {
  const ConstantDeclaration* const declaration = find(constant);
  if (declaration == nullptr) return {};
  unsigned references = 0;
  const ValueNode* deepest = nullptr;
  const ValueNode* const found = descend(&declaration->value, path, references, deepest);
  if (found != nullptr) return resolve(found, references)->at;
  return resolve(deepest, references)->at;
}

}  // namespace capos::cli
