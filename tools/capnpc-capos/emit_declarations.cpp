// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "emit.hpp"
#include "names.hpp"
#include "types.hpp"

namespace capnpc {

namespace {

constexpr std::uint16_t kNoDiscriminant = 0xffff;

void emit_enum(Output& out, const Model& model, Node node) {
  out.comment(model.doc(node.getId()));
  out.line("enum class {} : std::uint16_t {{", model.cpp_simple_name(node.getId()));
  out.indent();
  unsigned value = 0;
  for (const auto enumerant : node.getEnum().getEnumerants()) {
    out.line("{} = {},", snake_case(enumerant.getName().cStr()), value++);
  }
  out.dedent();
  out.raw("};");
}

void emit_which(Output& out, const Model& model, Node node) {
  out.raw("enum class Which : std::uint16_t {");
  out.indent();
  std::vector<Field> members;
  for (const Field field : model.fields(node)) {
    if (field.getDiscriminantValue() != kNoDiscriminant) members.push_back(field);
  }
  std::ranges::sort(members, {}, [](const Field& f) { return f.getDiscriminantValue(); });
  for (const Field field : members) {
    out.line("{} = {},", snake_case(field.getName().cStr()), field.getDiscriminantValue());
  }
  out.dedent();
  out.raw("};");
}

void emit_declaration(Output& out, const Model& model, Node node);

void emit_struct(Output& out, const Model& model, Node node) {
  out.comment(model.doc(node.getId()));
  out.line("struct {} {{", model.cpp_simple_name(node.getId()));
  out.indent();
  emit_struct_members(out, model, node);
  out.dedent();
  out.raw("};");
}

void emit_interface(Output& out, const Model& model, Node node) {
  const auto supers = model.superclasses(node.getId());
  out.comment(model.doc(node.getId()));
  out.line("struct {} {{", model.cpp_simple_name(node.getId()));
  out.indent();
  out.line("static constexpr std::uint64_t kInterfaceId = {:#018x};", node.getId());
  out.line("static constexpr char kName[] = {};", quoted(model.schema_name(node.getId())));
  std::string ids;
  for (const Id id : supers) ids += fmt::format("{}{:#018x}", ids.empty() ? "" : ", ", id);
  out.line("static constexpr std::array<std::uint64_t, {}> kSuperclasses{{{}}};", supers.size(), ids);
  for (const Node child : model.children(node)) emit_declaration(out, model, child);
  for (const Method method : node.getInterface().getMethods()) {
    out.line("struct {};", model.method_name(node, method));
  }
  out.raw("template <typename Impl, typename Context>");
  out.raw(
      "static typename Impl::Outcome dispatch_registers(Impl& impl, Context& context, std::uint64_t "
      "interface_id,");
  out.raw("    std::uint16_t ordinal, const std::uint64_t (&in)[8], std::uint64_t (&out)[8]) noexcept;");
  out.raw("template <typename Impl, typename Context>");
  out.raw(
      "static typename Impl::Outcome dispatch_message(Impl& impl, Context& context, std::uint64_t "
      "interface_id,");
  out.raw(
      "    std::uint16_t ordinal, wire::AnyStructReader params, wire::MessageBuilder& results) noexcept;");
  out.raw("template <typename T>");
  out.raw("class Client;");
  out.dedent();
  out.raw("};");
}

void emit_declaration(Output& out, const Model& model, Node node) {
  if (node.isStruct()) emit_struct(out, model, node);
  if (node.isEnum()) emit_enum(out, model, node);
  if (node.isInterface()) emit_interface(out, model, node);
}

}  // namespace

void emit_struct_members(Output& out, const Model& model, Node node) {
  const auto size = node.getStruct();
  const bool fits = model.fits_registers(node.getId());
  out.line("static constexpr wire::StructSize kSize{{{}, {}}};", size.getDataWordCount(),
           size.getPointerCount());
  out.line("static constexpr std::uint64_t kTypeId = {:#018x};", node.getId());
  out.line("static constexpr char kName[] = {};", quoted(model.schema_name(node.getId())));
  out.line("static constexpr bool kFitsRegisters = {};", fits);
  if (size.getDiscriminantCount() != 0) emit_which(out, model, node);
  for (const Node child : model.children(node)) emit_declaration(out, model, child);
  out.raw("class Reader;");
  out.raw("class Builder;");
  if (fits) out.raw("struct Value;");
}

void emit_declarations(Output& out, const Model& model, Node file) {
  for (const Node child : model.children(file)) {
    if (child.isStruct() || child.isEnum() || child.isInterface()) {
      emit_declaration(out, model, child);
      out.blank();
    }
  }
}

}  // namespace capnpc
