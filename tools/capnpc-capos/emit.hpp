// SPDX-License-Identifier: Apache-2.0
// The parts of a generated header, in the order in which they must appear, and the reference page.
#pragma once

#include <string>

#include "model.hpp"
#include "output.hpp"

namespace capnpc {

// 1. Types as declared: sizes, ids, enums, nested types; Readers and the like are only named.
void emit_declarations(Output& out, const Model& model, Node file);
// What a struct's declaration holds between its braces (also for methods' own structs).
void emit_struct_members(Output& out, const Model& model, Node structure);
// 2. Method structs of all interfaces, and name_of() of all enumerations.
void emit_methods(Output& out, const Model& model, Node file);
void emit_enum_names(Output& out, const Model& model, Node file);
// 3. Words of pointer defaults and of constants.
void emit_default_words(Output& out, const Model& model, Node file);
// 4. Values: structs in registers.
void emit_values(Output& out, const Model& model, Node file);
// 5. Readers, then builders: classes first, bodies that need other classes afterwards.
void emit_readers(Output& out, const Model& model, Node file);
void emit_builders(Output& out, const Model& model, Node file);
// 6. Dispatch tables and clients.
void emit_dispatch(Output& out, const Model& model, Node file);
// NAME_inherits(derived, ancestor), for the file called `stem`.
void emit_inheritance(Output& out, const Model& model, Node file, const std::string& stem);
// 7. Constants.
void emit_constants(Output& out, const Model& model, Node file);

// "kDefault_Foo_bar": the name of the words of a field's default, "" if it has none.
[[nodiscard]] std::string default_name(const Model& model, Node structure, Field field);

[[nodiscard]] std::string make_header(const Model& model, RequestedFile file);
[[nodiscard]] std::string make_reference(const Model& model, RequestedFile file);
// "capos/manifest.capnp" or "/capos/manifest.capnp" -> "manifest".
[[nodiscard]] std::string base_name(std::string_view filename);

}  // namespace capnpc
