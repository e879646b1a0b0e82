// SPDX-License-Identifier: Apache-2.0
// The request of `capnp compile` as the emitters want it: nodes by id, C++ names, documentation, and the
// structs, enums and interfaces of one file in the order of their declaration.
#pragma once

#include <capnp/schema.capnp.h>

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace capnpc {

using Id = std::uint64_t;
using Node = capnp::schema::Node::Reader;
using Field = capnp::schema::Field::Reader;
using Type = capnp::schema::Type::Reader;
using Method = capnp::schema::Method::Reader;
using Request = capnp::schema::CodeGeneratorRequest::Reader;
using RequestedFile = capnp::schema::CodeGeneratorRequest::RequestedFile::Reader;

// A schema that this generator does not support; what() names the place.
struct Unsupported : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Model {
 public:
  explicit Model(Request request);

  [[nodiscard]] Request request() const { return request_; }
  [[nodiscard]] Node node(Id id) const;
  // The name in the schema file: "Timer", "Service.Export".
  [[nodiscard]] std::string schema_name(Id id) const;
  // Last part of a name, as written.
  [[nodiscard]] std::string simple_name(Id id) const;
  // Within namespace capos::schema: "Timer", "Timer::Now::Params", "Period::Frames".
  [[nodiscard]] std::string cpp_name(Id id) const;
  // Last component of cpp_name.
  [[nodiscard]] std::string cpp_simple_name(Id id) const;

  // The struct that stands for a method: "Now"; "Echo_" for a method `echo` of Echo.
  [[nodiscard]] std::string method_name(Node interface, Method method) const;

  [[nodiscard]] std::string doc(Id id) const;
  // Of the field, enumerant or method at `index` in the node's list.
  [[nodiscard]] std::string member_doc(Id id, unsigned index) const;

  // Everything declared inside: nested nodes, then groups; for an interface not its methods' structs.
  [[nodiscard]] std::vector<Node> children(Node node) const;
  // Declared in the method itself, as `foo @0 (a :Int32)`.
  [[nodiscard]] bool is_inline(Id struct_id) const { return inline_structs_.contains(struct_id); }
  // Fields in the order of the text.
  [[nodiscard]] std::vector<Field> fields(Node structure) const;
  // All inherited interfaces, nearest first, each once.
  [[nodiscard]] std::vector<Id> superclasses(Id interface) const;
  // Every struct of a file: nested ones, groups, methods' own parameters and results.
  [[nodiscard]] std::vector<Node> structs(Node file) const;
  [[nodiscard]] std::vector<Node> enums(Node file) const;
  [[nodiscard]] std::vector<Node> interfaces(Node file) const;
  [[nodiscard]] std::vector<Node> constants(Node file) const;

  // Whether its values travel in registers: data only, at most 8 words.
  [[nodiscard]] bool fits_registers(Id structure) const;
  [[nodiscard]] bool fits_registers(Method method) const;

 private:
  struct Origin {
    Id interface;
    std::string cpp_path;     // "WaitNextRelease::Params"
    std::string schema_path;  // "waitNextRelease (parameters)"
  };
  using Source = capnp::schema::Node::SourceInfo::Reader;

  void note_inline(Node interface, Method method, Id structure, const char* cpp, const char* text);
  template <typename Wanted>
  void collect(Node node, std::vector<Node>& out, Wanted wanted) const;

  Request request_;
  std::map<Id, Node> nodes_;
  std::map<Id, Source> sources_;
  std::map<Id, Origin> inline_structs_;
};

}  // namespace capnpc
