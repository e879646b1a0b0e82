// SPDX-License-Identifier: Apache-2.0
// Methods, dispatch tables, clients, and the names of enumerators.
#include <algorithm>
#include <set>

#include "emit.hpp"
#include "names.hpp"
#include "types.hpp"

namespace capnpc {

namespace {

constexpr std::uint16_t kNoDiscriminant = 0xffff;

void emit_side(Output& out, const Model& model, Id structure, const char* side) {
  if (!model.is_inline(structure)) {
    out.line("using {} = schema::{};", side, model.cpp_name(structure));
    return;
  }
  out.line("struct {} {{", side);
  out.indent();
  emit_struct_members(out, model, model.node(structure));
  out.dedent();
  out.raw("};");
}

void emit_method(Output& out, const Model& model, Node interface, unsigned ordinal) {
  const Method method = interface.getInterface().getMethods()[ordinal];
  const std::string owner = model.cpp_name(interface.getId());
  out.comment(model.member_doc(interface.getId(), ordinal));
  out.line("struct {}::{} {{", owner, model.method_name(interface, method));
  out.indent();
  out.line("static constexpr std::uint64_t kInterfaceId = {:#018x};", interface.getId());
  out.line("static constexpr std::uint16_t kOrdinal = {};", ordinal);
  out.line("static constexpr char kName[] = {};",
           quoted(model.schema_name(interface.getId()) + "." + method.getName().cStr()));
  out.line("static constexpr bool kRegisters = {};", model.fits_registers(method));
  emit_side(out, model, method.getParamStructType(), "Params");
  emit_side(out, model, method.getResultStructType(), "Results");
  out.dedent();
  out.raw("};");
}

// The interface itself, then all it inherits from.
std::vector<Node> lineage(const Model& model, Node interface) {
  std::vector<Node> out = {interface};
  for (const Id id : model.superclasses(interface.getId())) out.push_back(model.node(id));
  return out;
}

std::string method_type(const Model& model, Node interface, Method method) {
  return "schema::" + model.cpp_name(interface.getId()) + "::" + model.method_name(interface, method);
}

void emit_cases(Output& out, const Model& model, Node interface, bool registers) {
  unsigned ordinal = 0;
  for (const Method method : interface.getInterface().getMethods()) {
    const std::string type = method_type(model, interface, method);
    const std::string name = snake_case(method.getName().cStr());
    out.line("case {}:", ordinal++);
    if (registers && !model.fits_registers(method)) {
      out.raw("  return impl.wrong_path();");
      continue;
    }
    out.line("  return wire::{}<{}>({}, [&](auto&& call, auto&& answer) noexcept {{",
             registers ? "serve_registers" : "serve_message", type,
             registers ? "in, out" : "params, results");
    out.line("    return impl.{}(context, call, answer);", name);
    out.raw("  });");
  }
}

void emit_table(Output& out, const Model& model, Node node, bool registers) {
  out.raw("template <typename Impl, typename Context>");
  out.line("typename Impl::Outcome {}::{}(", model.cpp_name(node.getId()),
           registers ? "dispatch_registers" : "dispatch_message");
  out.raw(
      "    Impl& impl, [[maybe_unused]] Context& context, std::uint64_t interface_id, std::uint16_t "
      "ordinal,");
  out.raw(registers ? "    [[maybe_unused]] const std::uint64_t (&in)[8], [[maybe_unused]] std::uint64_t "
                      "(&out)[8]) noexcept {"
                    : "    [[maybe_unused]] wire::AnyStructReader params,\n"
                      "    [[maybe_unused]] wire::MessageBuilder& results) noexcept {");
  out.indent();
  out.raw("switch (interface_id) {");
  out.indent();
  for (const Node one : lineage(model, node)) {
    out.line("case {:#018x}:  // {}", one.getId(), model.schema_name(one.getId()));
    out.indent();
    out.raw("switch (ordinal) {");
    out.indent();
    emit_cases(out, model, one, registers);
    out.raw("default: return impl.unimplemented();");
    out.dedent();
    out.raw("}");
    out.dedent();
  }
  out.raw("default: return impl.unimplemented();");
  out.dedent();
  out.raw("}");
  out.dedent();
  out.raw("}");
}

// Whether each parameter can be an argument of its own: no unions, no groups.
bool is_plain(const Model& model, Node structure) {
  return std::ranges::all_of(model.fields(structure), [](const Field& f) {
    return f.isSlot() && f.getDiscriminantValue() == kNoDiscriminant;
  });
}

void emit_register_call(Output& out, const Model& model, const std::string& type, Method method) {
  const Node params = model.node(method.getParamStructType());
  const std::string name = snake_case(method.getName().cStr());
  if (!is_plain(model, params)) {
    out.line("auto {}(const typename {}::Params::Value& params) {{", name, type);
    out.line("  return transport_.template call_registers<{}>(params);", type);
    out.raw("}");
    return;
  }
  std::string arguments;
  std::string sets;
  for (const Field field : model.fields(params)) {
    if (field.getSlot().getType().isVoid()) continue;
    const std::string argument = snake_case(field.getName().cStr());
    arguments += fmt::format("{}{} {}", arguments.empty() ? "" : ", ",
                             value_type(model, field.getSlot().getType()), argument);
    sets += fmt::format(" call_value.{} = {};", argument, argument);
  }
  out.line("auto {}({}) {{", name, arguments);
  out.line("  typename {}::Params::Value call_value{{}};{}", type, sets);
  out.line("  return transport_.template call_registers<{}>(call_value);", type);
  out.raw("}");
}

void emit_client(Output& out, const Model& model, Node node) {
  out.raw("template <typename T>");
  out.line("class {}::Client {{", model.cpp_name(node.getId()));
  out.raw(" public:");
  out.indent();
  out.line("using Interface = schema::{};", model.cpp_name(node.getId()));
  out.raw("explicit Client(T transport) noexcept : transport_(static_cast<T&&>(transport)) {}");
  std::set<std::string> emitted;  // a method hides those of its ancestors that are called like it
  for (const Node one : lineage(model, node)) {
    for (const Method method : one.getInterface().getMethods()) {
      if (!emitted.insert(method.getName().cStr()).second) continue;
      const std::string type = method_type(model, one, method);
      if (model.fits_registers(method)) {
        emit_register_call(out, model, type, method);
      } else {
        out.raw("template <typename Build>");
        out.line("auto {}(Build&& build) {{", snake_case(method.getName().cStr()));
        out.line("  return transport_.template call_message<{}>(static_cast<Build&&>(build));", type);
        out.raw("}");
      }
    }
  }
  out.raw("[[nodiscard]] T& transport() noexcept { return transport_; }");
  out.blank();
  out.dedent();
  out.raw(" private:");
  out.raw("  T transport_;");
  out.raw("};");
}

void emit_names(Output& out, const std::string& type, const std::vector<std::string>& names) {
  out.line("[[nodiscard]] constexpr std::string_view name_of(schema::{} value) noexcept {{", type);
  out.indent();
  out.raw("switch (value) {");
  for (const std::string& name : names) {
    out.line("  case schema::{}::{}: return {};", type, snake_case(name), quoted(name));
  }
  out.raw("}");
  out.raw("return {};");
  out.dedent();
  out.raw("}");
}

}  // namespace

void emit_methods(Output& out, const Model& model, Node file) {
  for (const Node node : model.interfaces(file)) {
    for (unsigned i = 0; i < node.getInterface().getMethods().size(); ++i) emit_method(out, model, node, i);
  }
}

void emit_enum_names(Output& out, const Model& model, Node file) {
  for (const Node node : model.enums(file)) {
    std::vector<std::string> names;
    for (const auto enumerant : node.getEnum().getEnumerants())
      names.emplace_back(enumerant.getName().cStr());
    emit_names(out, model.cpp_name(node.getId()), names);
  }
  for (const Node node : model.structs(file)) {
    if (node.getStruct().getDiscriminantCount() == 0) continue;
    std::vector<std::string> names;
    for (const Field field : model.fields(node)) {
      if (field.getDiscriminantValue() != kNoDiscriminant) names.emplace_back(field.getName().cStr());
    }
    emit_names(out, model.cpp_name(node.getId()) + "::Which", names);
  }
}

// Which interfaces of the file inherit from which, as a question that a program can ask about ids.
void emit_inheritance(Output& out, const Model& model, Node file, const std::string& stem) {
  out.raw("// Does the interface `derived`, one of this schema's, inherit from `ancestor`, at any distance?");
  out.line("[[nodiscard]] constexpr bool {}_inherits([[maybe_unused]] std::uint64_t derived,", stem);
  out.raw("    [[maybe_unused]] std::uint64_t ancestor) noexcept {");
  out.indent();
  for (const Node node : model.interfaces(file)) {
    const auto supers = model.superclasses(node.getId());
    if (supers.empty()) continue;
    out.line("if (derived == {:#018x}) {{  // {}", node.getId(), model.schema_name(node.getId()));
    std::string any;
    for (const Id id : supers) any += fmt::format("{}ancestor == {:#018x}", any.empty() ? "" : " || ", id);
    out.line("  return {};", any);
    out.raw("}");
  }
  out.raw("return false;");
  out.dedent();
  out.raw("}");
}

void emit_dispatch(Output& out, const Model& model, Node file) {
  for (const Node node : model.interfaces(file)) {
    emit_table(out, model, node, true);
    emit_table(out, model, node, false);
    emit_client(out, model, node);
    out.blank();
  }
}

}  // namespace capnpc
