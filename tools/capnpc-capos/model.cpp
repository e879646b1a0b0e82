// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "names.hpp"

namespace capnpc {

namespace {

constexpr unsigned kRegisterWords = 8;

std::string text(capnp::Text::Reader reader) { return {reader.cStr(), reader.size()}; }

bool is_group(Node node) { return node.isStruct() && node.getStruct().getIsGroup(); }

}  // namespace

Model::Model(Request request) : request_(request) {
  for (const Node node : request.getNodes()) {
    nodes_.emplace(node.getId(), node);
    if (node.getIsGeneric())
      throw Unsupported(text(node.getDisplayName()) + ": generic types are not supported");
  }
  for (const auto source : request.getSourceInfo()) sources_.emplace(source.getId(), source);
  for (const auto& [id, node] : nodes_) {
    if (!node.isInterface()) continue;
    for (const Method method : node.getInterface().getMethods()) {
      note_inline(node, method, method.getParamStructType(), "Params", "parameters");
      note_inline(node, method, method.getResultStructType(), "Results", "results");
    }
  }
}

void Model::note_inline(Node interface, Method method, Id structure, const char* cpp, const char* what) {
  const auto found = nodes_.find(structure);
  if (found == nodes_.end() || found->second.getScopeId() != 0) return;
  const std::string name = text(method.getName());
  inline_structs_[structure] = {interface.getId(), method_name(interface, method) + "::" + cpp,
                                name + " " + what};
}

Node Model::node(Id id) const {
  const auto found = nodes_.find(id);
  if (found == nodes_.end()) throw Unsupported(fmt::format("node {:#x} is not part of the request", id));
  return found->second;
}

std::string Model::simple_name(Id id) const {
  const Node n = node(id);
  return text(n.getDisplayName()).substr(n.getDisplayNamePrefixLength());
}

std::string Model::schema_name(Id id) const {
  const Node n = node(id);
  if (n.isFile()) return "";
  if (const auto found = inline_structs_.find(id); found != inline_structs_.end()) {
    return schema_name(found->second.interface) + "." + found->second.schema_path;
  }
  const std::string scope = schema_name(n.getScopeId());
  return scope.empty() ? simple_name(id) : scope + "." + simple_name(id);
}

std::string Model::cpp_simple_name(Id id) const {
  const Node n = node(id);
  const std::string name = title_case(simple_name(id));
  const Node scope = node(n.getScopeId());
  const bool like_scope =
      !scope.isFile() && !is_inline(scope.getId()) && title_case(simple_name(scope.getId())) == name;
  return like_scope ? name + "_" : name;
}

std::string Model::method_name(Node interface, Method method) const {
  const std::string name = title_case(text(method.getName()));
  const std::string owner =
      title_case(text(interface.getDisplayName()).substr(interface.getDisplayNamePrefixLength()));
  return name == owner ? name + "_" : name;
}

std::string Model::cpp_name(Id id) const {
  const Node n = node(id);
  if (n.isFile()) return "";
  if (const auto found = inline_structs_.find(id); found != inline_structs_.end()) {
    return cpp_name(found->second.interface) + "::" + found->second.cpp_path;
  }
  const std::string scope = cpp_name(n.getScopeId());
  return scope.empty() ? cpp_simple_name(id) : scope + "::" + cpp_simple_name(id);
}

std::string Model::doc(Id id) const {
  const auto found = sources_.find(id);
  return found == sources_.end() ? "" : text(found->second.getDocComment());
}

std::string Model::member_doc(Id id, unsigned index) const {
  const auto found = sources_.find(id);
  if (found == sources_.end() || index >= found->second.getMembers().size()) return "";
  return text(found->second.getMembers()[index].getDocComment());
}

std::vector<Node> Model::children(Node parent) const {
  std::vector<Node> out;
  for (const auto nested : parent.getNestedNodes()) {
    if (const auto found = nodes_.find(nested.getId()); found != nodes_.end()) out.push_back(found->second);
  }
  if (parent.isStruct()) {
    for (const Field field : fields(parent)) {
      if (field.isGroup()) out.push_back(node(field.getGroup().getTypeId()));
    }
  }
  return out;
}

std::vector<Field> Model::fields(Node structure) const {
  std::vector<Field> out;
  for (const Field field : structure.getStruct().getFields()) out.push_back(field);
  std::ranges::stable_sort(out, {}, [](const Field& f) { return f.getCodeOrder(); });
  return out;
}

std::vector<Id> Model::superclasses(Id interface) const {
  std::vector<Id> out;
  std::vector<Id> pending = {interface};
  for (std::size_t i = 0; i < pending.size(); ++i) {
    for (const auto super : node(pending[i]).getInterface().getSuperclasses()) {
      if (std::ranges::find(pending, super.getId()) != pending.end()) continue;
      pending.push_back(super.getId());
      out.push_back(super.getId());
    }
  }
  return out;
}

template <typename Wanted>
void Model::collect(Node parent, std::vector<Node>& out, Wanted wanted) const {
  if (wanted(parent)) out.push_back(parent);
  for (const Node child : children(parent)) collect(child, out, wanted);
  if (!parent.isInterface()) return;
  for (const Method method : parent.getInterface().getMethods()) {
    for (const Id id : {method.getParamStructType(), method.getResultStructType()}) {
      if (is_inline(id)) collect(node(id), out, wanted);
    }
  }
}

std::vector<Node> Model::structs(Node file) const {
  std::vector<Node> out;
  collect(file, out, [](Node n) { return n.isStruct(); });
  return out;
}
std::vector<Node> Model::enums(Node file) const {
  std::vector<Node> out;
  collect(file, out, [](Node n) { return n.isEnum(); });
  return out;
}
std::vector<Node> Model::interfaces(Node file) const {
  std::vector<Node> out;
  collect(file, out, [](Node n) { return n.isInterface(); });
  return out;
}
std::vector<Node> Model::constants(Node file) const {
  std::vector<Node> out;
  collect(file, out, [](Node n) { return n.isConst(); });
  return out;
}

bool Model::fits_registers(Id structure) const {
  const Node n = node(structure);
  const auto size = n.getStruct();
  return !is_group(n) && size.getPointerCount() == 0 && size.getDataWordCount() <= kRegisterWords;
}

bool Model::fits_registers(Method method) const {
  return fits_registers(method.getParamStructType()) && fits_registers(method.getResultStructType());
}

}  // namespace capnpc
