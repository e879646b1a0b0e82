// SPDX-License-Identifier: Apache-2.0
// Schema types and default values as C++ text.
#pragma once

#include <cstdint>
#include <string>

#include "model.hpp"

namespace capnpc {

// What a field is to the emitters.
enum class Shape : std::uint8_t {
  nothing,
  boolean,
  integer,
  enumeration,
  float32,
  float64,
  text,
  data,
  list,
  structure,
  capability,
  any
};
[[nodiscard]] Shape shape_of(Type type);
[[nodiscard]] bool is_pointer(Shape shape);

// "std::uint32_t" for an integer type.
[[nodiscard]] std::string integer_type(Type type);
// "schema::Foo": a struct, enum or interface of any file.
[[nodiscard]] std::string named_type(const Model& model, Type type);
// The T of List<T>.
[[nodiscard]] std::string element_type(const Model& model, Type type);
// What a plain field of a Value holds: bool, integers, enums, floats.
[[nodiscard]] std::string value_type(const Model& model, Type type);
// "wire::ElementSize::pointer": how elements of a list lie.
[[nodiscard]] std::string element_size(Type element);
// As a person reads it in the schema: "List(Text)".
[[nodiscard]] std::string schema_type(const Model& model, Type type);

// A scalar's default as bits, to be xored with what is stored.
[[nodiscard]] std::uint64_t default_bits(capnp::schema::Value::Reader value);
// The default as a person writes it, "" if it is zero or null.
[[nodiscard]] std::string default_text(const Model& model, Type type, capnp::schema::Value::Reader value);
// A pointer default as a message of words, "" if null: "0x..., 0x...".
[[nodiscard]] std::string default_words(capnp::AnyPointer::Reader value);

}  // namespace capnpc
