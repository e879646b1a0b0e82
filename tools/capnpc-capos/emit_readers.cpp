// SPDX-License-Identifier: Apache-2.0
#include "emit.hpp"
#include "names.hpp"
#include "types.hpp"

namespace capnpc {

namespace {

constexpr std::uint16_t kNoDiscriminant = 0xffff;

struct Accessor {
  std::string type;        // what it returns
  std::string expression;  // of struct_
  bool needs_classes;      // its body must come after all classes
};

std::string pointer(Field field) { return fmt::format("struct_.pointer({})", field.getSlot().getOffset()); }

std::string text_default(Field field) {
  const auto text = field.getSlot().getDefaultValue().getText();
  if (text.size() == 0) return "";
  return fmt::format("std::string_view({}, {})", quoted({text.cStr(), text.size()}), text.size());
}

Accessor scalar_accessor(const Model& model, Field field) {
  const auto slot = field.getSlot();
  const Type type = slot.getType();
  const std::uint64_t bits = default_bits(slot.getDefaultValue());
  const unsigned at = slot.getOffset();
  const std::string returns = value_type(model, type);
  switch (shape_of(type)) {
    case Shape::boolean:
      return {returns, fmt::format("struct_.get_bit({}, {})", at, bits != 0), false};
    case Shape::enumeration:
      return {returns, fmt::format("struct_.get_enum<{}>({}, {:#x}u)", returns, at, bits), false};
    case Shape::float32:
      return {returns,
              fmt::format("wire::float32_from_bits(struct_.get<std::uint32_t>({}, {:#x}u))", at, bits),
              false};
    case Shape::float64:
      return {returns,
              fmt::format("wire::float64_from_bits(struct_.get<std::uint64_t>({}, {:#x}u))", at, bits),
              false};
    default:
      return {returns, fmt::format("struct_.get<{}>({}, {:#x}u)", returns, at, bits), false};
  }
}

Accessor accessor(const Model& model, Node node, Field field) {
  if (field.isGroup()) {
    const std::string type = "schema::" + model.cpp_name(field.getGroup().getTypeId()) + "::Reader";
    return {type, type + "(struct_)", true};
  }
  const Type type = field.getSlot().getType();
  const std::string at = pointer(field);
  const std::string words = default_name(model, node, field);
  switch (shape_of(type)) {
    case Shape::text:
      return {"std::string_view", fmt::format("{}.get_text({})", at, text_default(field)), false};
    case Shape::data:
      return {"std::span<const std::byte>", fmt::format("{}.get_data({})", at, words), false};
    case Shape::capability:
      return {"std::optional<std::uint32_t>", at + ".get_capability()", false};
    case Shape::any:
      return {"wire::AnyPointerReader", at, false};
    case Shape::structure: {
      const std::string reader = named_type(model, type) + "::Reader";
      return {reader, fmt::format("{}({}.get_struct({}))", reader, at, words), true};
    }
    case Shape::list: {
      const Type element = type.getList().getElementType();
      const std::string list = fmt::format("wire::List<{}>", element_type(model, element));
      const std::string fallback = words.empty() ? "" : ", " + words;
      return {list, fmt::format("{}({}.get_list({}{}))", list, at, element_size(element), fallback), false};
    }
    default:
      return scalar_accessor(model, field);
  }
}

void emit_field(Output& out, const Model& model, Node node, Field field) {
  const std::string name = snake_case(field.getName().cStr());
  const bool member = field.getDiscriminantValue() != kNoDiscriminant;
  if (member)
    out.line("[[nodiscard]] bool is_{}() const noexcept {{ return which() == Which::{}; }}", name, name);
  if (field.isSlot() && field.getSlot().getType().isVoid()) return;
  if (field.isSlot() && is_pointer(shape_of(field.getSlot().getType()))) {
    out.line("[[nodiscard]] bool has_{}() const noexcept {{ return {}!{}.is_null(); }}", name,
             member ? fmt::format("is_{}() && ", name) : "", pointer(field));
  }
  const Accessor get = accessor(model, node, field);
  if (get.needs_classes) {
    out.line("[[nodiscard]] inline {} {}() const noexcept;", get.type, name);
  } else {
    out.line("[[nodiscard]] {} {}() const noexcept {{ return {}; }}", get.type, name, get.expression);
  }
}

void emit_class(Output& out, const Model& model, Node node) {
  const std::string name = model.cpp_name(node.getId());
  out.line("class {}::Reader {{", name);
  out.raw(" public:");
  out.indent();
  out.raw("constexpr Reader() noexcept = default;");
  out.raw("explicit constexpr Reader(const wire::AnyStructReader& from) noexcept : struct_(from) {}");
  if (node.getStruct().getDiscriminantCount() != 0) {
    out.line("[[nodiscard]] Which which() const noexcept {{ return struct_.get_enum<Which>({}); }}",
             node.getStruct().getDiscriminantOffset());
  }
  for (const Field field : model.fields(node)) emit_field(out, model, node, field);
  out.raw("[[nodiscard]] const wire::AnyStructReader& wire_struct() const noexcept { return struct_; }");
  out.blank();
  out.dedent();
  out.raw(" private:");
  out.raw("  wire::AnyStructReader struct_;");
  out.raw("};");
}

void emit_bodies(Output& out, const Model& model, Node node) {
  for (const Field field : model.fields(node)) {
    if (field.isSlot() && field.getSlot().getType().isVoid()) continue;
    const Accessor get = accessor(model, node, field);
    if (!get.needs_classes) continue;
    out.line("inline {} {}::Reader::{}() const noexcept {{ return {}; }}", get.type,
             model.cpp_name(node.getId()), snake_case(field.getName().cStr()), get.expression);
  }
}

}  // namespace

void emit_readers(Output& out, const Model& model, Node file) {
  for (const Node node : model.structs(file)) emit_class(out, model, node);
  out.blank();
  for (const Node node : model.structs(file)) emit_bodies(out, model, node);
}

}  // namespace capnpc
