// SPDX-License-Identifier: Apache-2.0
#include "names.hpp"

#include <fmt/format.h>

#include <cctype>
#include <set>

namespace capnpc {

namespace {

const std::set<std::string, std::less<>> kReserved = {
    "alignas",   "alignof",   "and",         "and_eq",   "asm",           "assert",   "auto",
    "bitand",    "bitor",     "bool",        "break",    "case",          "catch",    "char",
    "class",     "co_await",  "co_return",   "co_yield", "compl",         "concept",  "const",
    "consteval", "constexpr", "constinit",   "continue", "const_cast",    "decltype", "default",
    "delete",    "do",        "double",      "else",     "enum",          "errno",    "explicit",
    "export",    "extern",    "false",       "float",    "for",           "friend",   "goto",
    "if",        "inline",    "int",         "linux",    "long",          "mutable",  "namespace",
    "new",       "noexcept",  "not",         "not_eq",   "nullptr",       "operator", "or",
    "or_eq",     "private",   "protected",   "public",   "register",      "requires", "return",
    "short",     "signed",    "sizeof",      "static",   "static_assert", "struct",   "switch",
    "template",  "this",      "throw",       "true",     "try",           "typedef",  "typeid",
    "typename",  "union",     "unix",        "unsigned", "using",         "virtual",  "void",
    "volatile",  "while",     "xor",         "xor_eq",   "as_reader",     "which",    "wire_struct",
    "wire",      "wchar_t",   "thread_local"};

const std::set<std::string, std::less<>> kOwnTypes = {"Reader", "Builder", "Value",  "Which",
                                                      "Client", "Params",  "Results"};

bool is_upper(char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; }
bool is_lower(char c) { return std::islower(static_cast<unsigned char>(c)) != 0; }
char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

// A word starts at a capital after a small letter or digit, and at the last capital of a run of capitals.
bool starts_word(std::string_view name, std::size_t i) {
  if (i == 0 || !is_upper(name[i])) return false;
  return !is_upper(name[i - 1]) || (i + 1 < name.size() && is_lower(name[i + 1]));
}

}  // namespace

std::string snake_case(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (starts_word(name, i)) out += '_';
    out += lower(name[i]);
  }
  if (kReserved.contains(out)) out += '_';
  return out;
}

std::string title_case(std::string_view name) {
  std::string out(name);
  out[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(out[0])));
  if (kOwnTypes.contains(out)) out += '_';
  return out;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      out += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
    }
  }
  return out + '"';
}

}  // namespace capnpc
