// SPDX-License-Identifier: Apache-2.0
// Value structs, and everything that is a constant: default words, schema constants.
#include "emit.hpp"
#include "names.hpp"
#include "types.hpp"

namespace capnpc {

namespace {

constexpr std::uint16_t kNoDiscriminant = 0xffff;

bool in_union(Field field) { return field.getDiscriminantValue() != kNoDiscriminant; }
bool is_void(Field field) { return field.isSlot() && field.getSlot().getType().isVoid(); }

std::string initial(const Model& model, Type type, std::uint64_t bits) {
  switch (shape_of(type)) {
    case Shape::boolean:
      return bits != 0 ? "true" : "false";
    case Shape::enumeration:
      return fmt::format("static_cast<{}>({})", named_type(model, type), bits);
    case Shape::float32:
      return fmt::format("wire::float32_from_bits({:#x}u)", bits);
    case Shape::float64:
      return fmt::format("wire::float64_from_bits({:#x}u)", bits);
    default:
      return fmt::format("static_cast<{}>({:#x}u)", integer_type(type), bits);
  }
}

void emit_members(Output& out, const Model& model, Node node) {
  if (node.getStruct().getDiscriminantCount() != 0) {
    const std::string which = "schema::" + model.cpp_name(node.getId()) + "::Which";
    out.line("{} which = static_cast<{}>(0);", which, which);
  }
  for (const Field field : model.fields(node)) {
    const std::string name = snake_case(field.getName().cStr());
    if (field.isGroup()) {
      const Id id = field.getGroup().getTypeId();
      out.line("struct {} {{", model.cpp_simple_name(id));
      out.indent();
      emit_members(out, model, model.node(id));
      out.line("bool operator==(const {}&) const noexcept = default;", model.cpp_simple_name(id));
      out.dedent();
      out.line("}} {}{{}};", name);
    } else if (!is_void(field)) {
      const Type type = field.getSlot().getType();
      out.line("{} {} = {};", value_type(model, type), name,
               initial(model, type, default_bits(field.getSlot().getDefaultValue())));
    }
  }
}

std::string take(const Model& model, Field field) {
  const auto slot = field.getSlot();
  const std::uint64_t bits = default_bits(slot.getDefaultValue());
  const unsigned at = slot.getOffset();
  switch (shape_of(slot.getType())) {
    case Shape::boolean:
      return fmt::format("wire::word_bit(words.word, {}, {})", at, bits != 0);
    case Shape::enumeration:
      return fmt::format("static_cast<{}>(wire::word_field<std::uint16_t>(words.word, {}, {:#x}u))",
                         named_type(model, slot.getType()), at, bits);
    case Shape::float32:
      return fmt::format("wire::float32_from_bits(wire::word_field<std::uint32_t>(words.word, {}, {:#x}u))",
                         at, bits);
    case Shape::float64:
      return fmt::format("wire::float64_from_bits(wire::word_field<std::uint64_t>(words.word, {}, {:#x}u))",
                         at, bits);
    default:
      return fmt::format("wire::word_field<{}>(words.word, {}, {:#x}u)", integer_type(slot.getType()), at,
                         bits);
  }
}

std::string put(Field field, const std::string& value) {
  const auto slot = field.getSlot();
  const std::uint64_t bits = default_bits(slot.getDefaultValue());
  const unsigned at = slot.getOffset();
  switch (shape_of(slot.getType())) {
    case Shape::boolean:
      return fmt::format("wire::set_word_bit(words, {}, {}, {});", at, value, bits != 0);
    case Shape::enumeration:
      return fmt::format("wire::set_word_field(words, {}, static_cast<std::uint16_t>({}), {:#x}u);", at,
                         value, bits);
    case Shape::float32:
    case Shape::float64:
      return fmt::format("wire::set_word_field(words, {}, wire::bits_of({}), {:#x}u);", at, value, bits);
    default:
      return fmt::format("wire::set_word_field(words, {}, {}, {:#x}u);", at, value, bits);
  }
}

// One field's transfer between `words` and `path` ("value.frames."), in either direction.
using Transfer = void (*)(Output&, const Model&, Node, const std::string& path);

void emit_field(Output& out, const Model& model, Field field, const std::string& path, Transfer group,
                bool taking) {
  const std::string name = path + snake_case(field.getName().cStr());
  if (field.isGroup()) {
    group(out, model, model.node(field.getGroup().getTypeId()), name + ".");
  } else if (!is_void(field)) {
    out.raw(taking ? fmt::format("{} = {};", name, take(model, field)) : put(field, name));
  }
}

// Of a union only the member that `which` names is transferred.
void emit_transfer(Output& out, const Model& model, Node node, const std::string& path, Transfer self,
                   bool taking) {
  for (const Field field : model.fields(node)) {
    if (!in_union(field)) emit_field(out, model, field, path, self, taking);
  }
  if (node.getStruct().getDiscriminantCount() == 0) return;
  const std::string which = "schema::" + model.cpp_name(node.getId()) + "::Which";
  const unsigned at = node.getStruct().getDiscriminantOffset();
  if (taking) {
    out.line("{}which = static_cast<{}>(wire::word_field<std::uint16_t>(words.word, {}));", path, which, at);
  } else {
    out.line("wire::set_word_field(words, {}, static_cast<std::uint16_t>({}which));", at, path);
  }
  out.line("switch ({}which) {{", path);
  out.indent();
  for (const Field field : model.fields(node)) {
    if (!in_union(field)) continue;
    out.line("case {}::{}:", which, snake_case(field.getName().cStr()));
    out.indent();
    emit_field(out, model, field, path, self, taking);
    out.raw("break;");
    out.dedent();
  }
  out.dedent();
  out.raw("}");
}

void emit_taking(Output& out, const Model& model, Node node, const std::string& path) {
  emit_transfer(out, model, node, path, emit_taking, true);
}
void emit_putting(Output& out, const Model& model, Node node, const std::string& path) {
  emit_transfer(out, model, node, path, emit_putting, false);
}

void emit_value(Output& out, const Model& model, Node node) {
  const unsigned words = node.getStruct().getDataWordCount();
  const std::string name = model.cpp_name(node.getId());
  out.line("struct {}::Value {{", name);
  out.indent();
  emit_members(out, model, node);
  out.line("static constexpr unsigned kWords = {};", words);
  out.raw("[[nodiscard]] static constexpr Value from_words([[maybe_unused]] const std::uint64_t* from,");
  out.raw("                                                [[maybe_unused]] unsigned count) noexcept {");
  out.indent();
  out.raw("[[maybe_unused]] const auto words = wire::take_words<kWords>(from, count);");
  out.raw("Value value{};");
  emit_taking(out, model, node, "value.");
  out.raw("return value;");
  out.dedent();
  out.raw("}");
  out.raw("constexpr void to_words([[maybe_unused]] std::uint64_t* words) const noexcept {");
  out.indent();
  out.raw("for (unsigned i = 0; i < kWords; ++i) words[i] = 0;");
  emit_putting(out, model, node, "this->");
  out.dedent();
  out.raw("}");
  out.raw("bool operator==(const Value&) const noexcept = default;");
  out.dedent();
  out.raw("};");
}

std::string flat_name(std::string name) {
  for (char& c : name) {
    if (c == ':') c = '_';
  }
  return name;
}

capnp::AnyPointer::Reader pointer_of(capnp::schema::Value::Reader value) {
  switch (value.which()) {
    case capnp::schema::Value::STRUCT:
      return value.getStruct();
    case capnp::schema::Value::LIST:
      return value.getList();
    case capnp::schema::Value::ANY_POINTER:
      return value.getAnyPointer();
    default:
      return {};
  }
}

void emit_words(Output& out, const std::string& name, const std::string& words) {
  out.line("inline constexpr wire::Word {}[] = {{{}}};", name, words);
}

void emit_constant(Output& out, const Model& model, Node node) {
  const auto constant = node.getConst();
  const Type type = constant.getType();
  const std::string name = flat_name("k" + model.cpp_name(node.getId()));
  out.comment(model.doc(node.getId()));
  switch (shape_of(type)) {
    case Shape::nothing:
    case Shape::capability:
    case Shape::any:
      return;
    case Shape::text:
      out.line("inline constexpr std::string_view {}{{{}, {}}};", name,
               quoted(constant.getValue().getText().cStr()), constant.getValue().getText().size());
      return;
    case Shape::data: {
      const auto data = constant.getValue().getData();
      out.line("inline constexpr std::array<std::byte, {}> {}{{", data.size(), name);
      for (const auto byte : data) out.line("  std::byte{{{:#04x}}},", byte);
      out.raw("};");
      return;
    }
    case Shape::structure:
      out.line("[[nodiscard]] inline {}::Reader {}() noexcept {{", named_type(model, type),
               snake_case(name.substr(1)));
      out.line(
          "  return {}::Reader(wire::AnyPointerReader(nullptr, {}Words, wire::kBuilderDepth).get_struct());",
          named_type(model, type), name);
      out.raw("}");
      return;
    case Shape::list: {
      const std::string element = element_type(model, type.getList().getElementType());
      out.line("[[nodiscard]] inline wire::List<{}> {}() noexcept {{", element, snake_case(name.substr(1)));
      out.line("  return wire::AnyPointerReader(nullptr, {}Words, wire::kBuilderDepth).as_list<{}>();", name,
               element);
      out.raw("}");
      return;
    }
    default:
      out.line("inline constexpr {} {} = {};", value_type(model, type), name,
               initial(model, type, default_bits(constant.getValue())));
  }
}

}  // namespace

std::string default_name(const Model& model, Node structure, Field field) {
  if (!field.isSlot()) return "";
  const auto value = field.getSlot().getDefaultValue();
  const Shape shape = shape_of(field.getSlot().getType());
  const std::string name =
      flat_name("kDefault_" + model.cpp_name(structure.getId()) + "_" + snake_case(field.getName().cStr()));
  if (shape == Shape::data) return value.getData().size() == 0 ? "" : name;
  if (shape != Shape::structure && shape != Shape::list) return "";
  return default_words(pointer_of(value)).empty() ? "" : name;
}

void emit_default_words(Output& out, const Model& model, Node file) {
  for (const Node node : model.structs(file)) {
    for (const Field field : model.fields(node)) {
      const std::string name = default_name(model, node, field);
      if (name.empty()) continue;
      const auto value = field.getSlot().getDefaultValue();
      if (value.isData()) {
        out.line("inline constexpr std::byte {}[] = {{", name);
        for (const auto byte : value.getData()) out.line("    std::byte{{{:#04x}}},", byte);
        out.raw("};");
      } else {
        emit_words(out, name, default_words(pointer_of(value)));
      }
    }
  }
  for (const Node node : model.constants(file)) {
    const Shape shape = shape_of(node.getConst().getType());
    if (shape != Shape::structure && shape != Shape::list) continue;
    const std::string words = default_words(pointer_of(node.getConst().getValue()));
    emit_words(out, flat_name("k" + model.cpp_name(node.getId())) + "Words", words.empty() ? "0" : words);
  }
}

void emit_values(Output& out, const Model& model, Node file) {
  for (const Node node : model.structs(file)) {
    if (model.fits_registers(node.getId())) emit_value(out, model, node);
  }
}

void emit_constants(Output& out, const Model& model, Node file) {
  for (const Node node : model.constants(file)) emit_constant(out, model, node);
}

}  // namespace capnpc
