// SPDX-License-Identifier: Apache-2.0
#include "types.hpp"

#include <capnp/message.h>
#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "names.hpp"

namespace capnpc {

using Value = capnp::schema::Value;
using Which = capnp::schema::Type::Which;

Shape shape_of(Type type) {
  switch (type.which()) {
    case Which::VOID:
      return Shape::nothing;
    case Which::BOOL:
      return Shape::boolean;
    case Which::INT8:
    case Which::INT16:
    case Which::INT32:
    case Which::INT64:
    case Which::UINT8:
    case Which::UINT16:
    case Which::UINT32:
    case Which::UINT64:
      return Shape::integer;
    case Which::FLOAT32:
      return Shape::float32;
    case Which::FLOAT64:
      return Shape::float64;
    case Which::TEXT:
      return Shape::text;
    case Which::DATA:
      return Shape::data;
    case Which::LIST:
      return Shape::list;
    case Which::ENUM:
      return Shape::enumeration;
    case Which::STRUCT:
      return Shape::structure;
    case Which::INTERFACE:
      return Shape::capability;
    case Which::ANY_POINTER:
      break;
  }
  const auto any = type.getAnyPointer();
  return any.isUnconstrained() && any.getUnconstrained().isCapability() ? Shape::capability : Shape::any;
}

bool is_pointer(Shape shape) { return shape >= Shape::text; }

std::string integer_type(Type type) {
  switch (type.which()) {
    case Which::INT8:
      return "std::int8_t";
    case Which::INT16:
      return "std::int16_t";
    case Which::INT32:
      return "std::int32_t";
    case Which::INT64:
      return "std::int64_t";
    case Which::UINT8:
      return "std::uint8_t";
    case Which::UINT16:
      return "std::uint16_t";
    case Which::UINT32:
      return "std::uint32_t";
    case Which::UINT64:
      return "std::uint64_t";
    default:
      throw Unsupported("not an integer type");
  }
}

namespace {

Id named_id(Type type) {
  switch (type.which()) {
    case Which::ENUM:
      return type.getEnum().getTypeId();
    case Which::STRUCT:
      return type.getStruct().getTypeId();
    case Which::INTERFACE:
      return type.getInterface().getTypeId();
    default:
      throw Unsupported("not a named type");
  }
}

// Of builtin types only.
std::string builtin_name(Type type) {
  static constexpr const char* kNames[] = {"Void",    "Bool",    "Int8",   "Int16",  "Int32",
                                           "Int64",   "UInt8",   "UInt16", "UInt32", "UInt64",
                                           "Float32", "Float64", "Text",   "Data"};
  return kNames[static_cast<unsigned>(type.which())];
}

}  // namespace

std::string named_type(const Model& model, Type type) { return "schema::" + model.cpp_name(named_id(type)); }

std::string element_type(const Model& model, Type type) {
  switch (shape_of(type)) {
    case Shape::nothing:
      return "wire::Void";
    case Shape::text:
      return "wire::Text";
    case Shape::data:
      return "wire::Data";
    case Shape::capability:
      return "wire::Capability";
    case Shape::any:
      return "wire::AnyPointer";
    case Shape::structure:
      return named_type(model, type);
    case Shape::list:
      return fmt::format("wire::List<{}>", element_type(model, type.getList().getElementType()));
    default:
      return value_type(model, type);
  }
}

std::string value_type(const Model& model, Type type) {
  switch (shape_of(type)) {
    case Shape::boolean:
      return "bool";
    case Shape::integer:
      return integer_type(type);
    case Shape::enumeration:
      return named_type(model, type);
    case Shape::float32:
      return "wire::Float32";
    case Shape::float64:
      return "wire::Float64";
    default:
      throw Unsupported("not a scalar type");
  }
}

std::string element_size(Type element) {
  switch (element.which()) {
    case Which::VOID:
      return "wire::ElementSize::empty";
    case Which::BOOL:
      return "wire::ElementSize::bit";
    case Which::INT8:
    case Which::UINT8:
      return "wire::ElementSize::byte";
    case Which::INT16:
    case Which::UINT16:
    case Which::ENUM:
      return "wire::ElementSize::two_bytes";
    case Which::INT32:
    case Which::UINT32:
    case Which::FLOAT32:
      return "wire::ElementSize::four_bytes";
    case Which::INT64:
    case Which::UINT64:
    case Which::FLOAT64:
      return "wire::ElementSize::eight_bytes";
    case Which::STRUCT:
      return "wire::ElementSize::composite";
    default:
      return "wire::ElementSize::pointer";
  }
}

std::string schema_type(const Model& model, Type type) {
  switch (type.which()) {
    case Which::LIST:
      return fmt::format("List({})", schema_type(model, type.getList().getElementType()));
    case Which::ENUM:
    case Which::STRUCT:
    case Which::INTERFACE:
      return model.schema_name(named_id(type));
    case Which::ANY_POINTER:
      return shape_of(type) == Shape::capability ? "Capability" : "AnyPointer";
    default:
      return builtin_name(type);
  }
}

std::uint64_t default_bits(Value::Reader value) {
  switch (value.which()) {
    case Value::BOOL:
      return value.getBool() ? 1 : 0;
    case Value::INT8:
      return static_cast<std::uint8_t>(value.getInt8());
    case Value::INT16:
      return static_cast<std::uint16_t>(value.getInt16());
    case Value::INT32:
      return static_cast<std::uint32_t>(value.getInt32());
    case Value::INT64:
      return static_cast<std::uint64_t>(value.getInt64());
    case Value::UINT8:
      return value.getUint8();
    case Value::UINT16:
      return value.getUint16();
    case Value::UINT32:
      return value.getUint32();
    case Value::UINT64:
      return value.getUint64();
    case Value::FLOAT32:
      return std::bit_cast<std::uint32_t>(value.getFloat32());
    case Value::FLOAT64:
      return std::bit_cast<std::uint64_t>(value.getFloat64());
    case Value::ENUM:
      return value.getEnum();
    default:
      return 0;
  }
}

std::string default_text(const Model& model, Type type, Value::Reader value) {
  switch (value.which()) {
    case Value::BOOL:
      return value.getBool() ? "true" : "";
    case Value::FLOAT32:
      return value.getFloat32() == 0 ? "" : fmt::format("{}", value.getFloat32());
    case Value::FLOAT64:
      return value.getFloat64() == 0 ? "" : fmt::format("{}", value.getFloat64());
    case Value::INT8:
      return value.getInt8() == 0 ? "" : fmt::format("{}", value.getInt8());
    case Value::INT16:
      return value.getInt16() == 0 ? "" : fmt::format("{}", value.getInt16());
    case Value::INT32:
      return value.getInt32() == 0 ? "" : fmt::format("{}", value.getInt32());
    case Value::INT64:
      return value.getInt64() == 0 ? "" : fmt::format("{}", value.getInt64());
    case Value::TEXT:
      return value.getText().size() == 0 ? "" : quoted({value.getText().cStr(), value.getText().size()});
    case Value::ENUM: {
      const auto enumerants = model.node(type.getEnum().getTypeId()).getEnum().getEnumerants();
      return value.getEnum() < enumerants.size() ? std::string(enumerants[value.getEnum()].getName().cStr())
                                                 : "";
    }
    default:
      return default_bits(value) == 0 ? "" : fmt::format("{}", default_bits(value));
  }
}

std::string default_words(capnp::AnyPointer::Reader value) {
  if (value.isNull()) return "";
  const auto words = static_cast<unsigned>(value.targetSize().wordCount) + 2;
  capnp::MallocMessageBuilder message(words, capnp::AllocationStrategy::FIXED_SIZE);
  message.getRoot<capnp::AnyPointer>().set(value);
  const auto segments = message.getSegmentsForOutput();
  if (segments.size() != 1) throw Unsupported("a default value needs more than one segment");
  std::string out;
  for (const capnp::word& word : segments[0]) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &word, sizeof bits);
    out += fmt::format("{}{:#018x}", out.empty() ? "" : ", ", bits);
  }
  return out;
}

}  // namespace capnpc
