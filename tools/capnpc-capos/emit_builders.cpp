// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <utility>

#include "emit.hpp"
#include "names.hpp"
#include "types.hpp"

namespace capnpc {

namespace {

constexpr std::uint16_t kNoDiscriminant = 0xffff;

// The statement that makes a union's member the active one; empty outside unions.
std::string select(Node node, Field field) {
  if (field.getDiscriminantValue() == kNoDiscriminant) return "";
  return fmt::format("struct_.set<std::uint16_t>({}, {}); ", node.getStruct().getDiscriminantOffset(),
                     field.getDiscriminantValue());
}

std::string pointer(Field field) { return fmt::format("struct_.pointer({})", field.getSlot().getOffset()); }

std::string store(Field field) {
  const auto slot = field.getSlot();
  const std::uint64_t bits = default_bits(slot.getDefaultValue());
  const unsigned at = slot.getOffset();
  switch (shape_of(slot.getType())) {
    case Shape::boolean:
      return fmt::format("struct_.set_bit({}, value, {});", at, bits != 0);
    case Shape::enumeration:
      return fmt::format("struct_.set({}, static_cast<std::uint16_t>(value), {:#x}u);", at, bits);
    case Shape::float32:
    case Shape::float64:
      return fmt::format("struct_.set({}, wire::bits_of(value), {:#x}u);", at, bits);
    default:
      return fmt::format("struct_.set<{}>({}, value, {:#x}u);", integer_type(slot.getType()), at, bits);
  }
}

// Statements that zero a group's own bits and pointers, nested groups included, as libcapnp's initGroup does.
void zero_slots(const Model& model, Node group, std::set<std::string>& out) {
  if (group.getStruct().getDiscriminantCount() != 0) {
    out.insert(fmt::format("struct_.set<std::uint16_t>({}, 0);", group.getStruct().getDiscriminantOffset()));
  }
  for (const Field field : model.fields(group)) {
    if (field.isGroup()) {
      zero_slots(model, model.node(field.getGroup().getTypeId()), out);
      continue;
    }
    const Type type = field.getSlot().getType();
    const unsigned at = field.getSlot().getOffset();
    switch (shape_of(type)) {
      case Shape::nothing:
        break;
      case Shape::boolean:
        out.insert(fmt::format("struct_.set_bit({}, false);", at));
        break;
      case Shape::integer:
        out.insert(fmt::format("struct_.set<{}>({}, 0);", integer_type(type), at));
        break;
      case Shape::enumeration:
        out.insert(fmt::format("struct_.set<std::uint16_t>({}, 0);", at));
        break;
      case Shape::float32:
        out.insert(fmt::format("struct_.set<std::uint32_t>({}, 0);", at));
        break;
      case Shape::float64:
        out.insert(fmt::format("struct_.set<std::uint64_t>({}, 0);", at));
        break;
      default:
        out.insert(fmt::format("struct_.pointer({}).clear();", at));
    }
  }
}

class BuilderEmitter {
 public:
  BuilderEmitter(Output& out, const Model& model, Node node)
      : out_(out), model_(model), node_(node), class_(model.cpp_name(node.getId()) + "::Builder") {}

  void emit() {
    out_.line("class {} {{", class_);
    out_.raw(" public:");
    out_.indent();
    out_.raw("constexpr Builder() noexcept = default;");
    out_.raw("explicit constexpr Builder(const wire::AnyStructBuilder& from) noexcept : struct_(from) {}");
    if (node_.getStruct().getDiscriminantCount() != 0) {
      out_.raw("[[nodiscard]] Which which() const noexcept { return as_reader().which(); }");
    }
    for (const Field field : model_.fields(node_)) emit_field(field);
    out_.raw("[[nodiscard]] Reader as_reader() const noexcept { return Reader(struct_.as_reader()); }");
    out_.raw("[[nodiscard]] const wire::AnyStructBuilder& wire_struct() const noexcept { return struct_; }");
    out_.blank();
    out_.dedent();
    out_.raw(" private:");
    out_.raw("  wire::AnyStructBuilder struct_;");
    out_.raw("};");
  }

  // Bodies that return other builders: (signature, body) collected by emit().
  void emit_bodies() {
    for (const auto& [head, body] : late_) out_.line("inline {} const noexcept {{ {} }}", head, body);
  }

 private:
  void method(const std::string& returns, const std::string& signature, const std::string& body) {
    const char* const nodiscard = returns == "void" ? "" : "[[nodiscard]] ";
    out_.line("{}{} {} const noexcept {{ {} }}", nodiscard, returns, signature, body);
  }
  // Not [[nodiscard]] for init_*: selecting a union's member is reason enough to call it.
  void late(const std::string& returns, const std::string& signature, const std::string& body) {
    out_.line("inline {} {} const noexcept;", returns, signature);
    late_.emplace_back(fmt::format("{} {}::{}", returns, class_, signature), body);
  }

  void emit_field(Field field) {
    const std::string name = snake_case(field.getName().cStr());
    if (field.isGroup()) return emit_group(field, name);
    const Shape shape = shape_of(field.getSlot().getType());
    if (shape == Shape::nothing) {
      if (const std::string chosen = select(node_, field); !chosen.empty())
        method("void", "set_" + name + "()", chosen);
    } else if (is_pointer(shape)) {
      emit_pointer(field, name, shape);
    } else {
      method("void", fmt::format("set_{}({} value)", name, value_type(model_, field.getSlot().getType())),
             select(node_, field) + store(field));
    }
  }

  void emit_group(Field field, const std::string& name) {
    const Node group = model_.node(field.getGroup().getTypeId());
    const std::string type = "schema::" + model_.cpp_name(group.getId()) + "::Builder";
    std::set<std::string> slots;
    zero_slots(model_, group, slots);
    std::string body = select(node_, field);
    for (const std::string& slot : slots) body += slot + " ";
    late(type, name + "()", fmt::format("return {}(struct_);", type));
    late(type, "init_" + name + "()", fmt::format("{}return {}(struct_);", body, type));
  }

  void emit_pointer(Field field, const std::string& name, Shape shape) {
    const std::string chosen = select(node_, field);
    const std::string at = pointer(field);
    switch (shape) {
      case Shape::text:
        emit_bytes(field, name, "text", "char", "std::string_view");
        break;
      case Shape::data:
        emit_bytes(field, name, "data", "std::byte", "std::span<const std::byte>");
        break;
      case Shape::capability:
        method("void", fmt::format("set_{}(std::uint32_t index)", name),
               fmt::format("{}{}.set_capability(index);", chosen, at));
        break;
      case Shape::any:
        emit_any(field, name);
        break;
      case Shape::structure:
        emit_structure(field, name);
        break;
      default:
        emit_list(field, name);
    }
    method("void", fmt::format("clear_{}()", name), fmt::format("{}{}.clear();", chosen, at));
  }

  void emit_bytes(Field field, const std::string& name, const char* what, const char* unit,
                  const char* view) {
    const std::string chosen = select(node_, field);
    method("void", fmt::format("set_{}({} value)", name, view),
           fmt::format("{}{}.set_{}(value);", chosen, pointer(field), what));
    method(fmt::format("std::span<{}>", unit), fmt::format("init_{}(std::size_t bytes)", name),
           fmt::format("{}return {}.init_{}(bytes);", chosen, pointer(field), what));
  }

  void emit_any(Field field, const std::string& name) {
    const std::string chosen = select(node_, field);
    method("wire::AnyPointerBuilder", name + "()", fmt::format("return {};", pointer(field)));
    method("void", fmt::format("set_{}(const wire::AnyPointerReader& value)", name),
           fmt::format("{}{}.set(value);", chosen, pointer(field)));
    out_.line("wire::AnyPointerBuilder init_{}() const noexcept {{ {}{}.clear(); return {}; }}", name, chosen,
              pointer(field), pointer(field));
  }

  void emit_structure(Field field, const std::string& name) {
    const std::string type = named_type(model_, field.getSlot().getType());
    const std::string chosen = select(node_, field);
    const std::string words = default_name(model_, node_, field);
    const std::string fallback = words.empty() ? "" : ", " + words;
    late(
        type + "::Builder", name + "()",
        fmt::format("return {}::Builder({}.get_struct({}::kSize{}));", type, pointer(field), type, fallback));
    late(type + "::Builder", "init_" + name + "()",
         fmt::format("{}return {}::Builder({}.init_struct({}::kSize));", chosen, type, pointer(field), type));
    late("void", fmt::format("set_{}(const {}::Reader& value)", name, type),
         fmt::format("{}{}.set_struct(value.wire_struct());", chosen, pointer(field)));
  }

  void emit_list(Field field, const std::string& name) {
    const std::string element = element_type(model_, field.getSlot().getType().getList().getElementType());
    const std::string chosen = select(node_, field);
    const std::string words = default_name(model_, node_, field);
    const std::string fallback = words.empty() ? "" : ", " + words;
    const std::string builder = fmt::format("wire::ListBuilder<{}>", element);
    late(builder, name + "()", fmt::format("return {}::open({}{});", builder, pointer(field), fallback));
    late(builder, fmt::format("init_{}(std::uint32_t size)", name),
         fmt::format("{}return {}::init({}, size);", chosen, builder, pointer(field)));
    late("void", fmt::format("set_{}(const wire::List<{}>& value)", name, element),
         fmt::format("{}{}.set_list(value.any());", chosen, pointer(field)));
  }

  Output& out_;
  const Model& model_;
  Node node_;
  std::string class_;
  std::vector<std::pair<std::string, std::string>> late_;
};

}  // namespace

void emit_builders(Output& out, const Model& model, Node file) {
  std::vector<BuilderEmitter> emitters;
  for (const Node node : model.structs(file)) emitters.emplace_back(out, model, node);
  for (BuilderEmitter& emitter : emitters) emitter.emit();
  out.blank();
  for (BuilderEmitter& emitter : emitters) emitter.emit_bodies();
}

}  // namespace capnpc
