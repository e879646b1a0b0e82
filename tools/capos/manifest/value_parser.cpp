// SPDX-License-Identifier: Apache-2.0
#include "value_parser.hpp"

#include <algorithm>

namespace capos::cli {
namespace {

bool opens(const Token& token) { return token.is('(') || token.is('[') || token.is('{'); }
bool closes(const Token& token) { return token.is(')') || token.is(']') || token.is('}'); }

class Parser {
 public:
  // `tokens` ends with a token of kind `end`.
  explicit Parser(std::span<const Token> tokens) : tokens_(tokens) {}

  std::vector<ConstantDeclaration> file() {
    std::vector<ConstantDeclaration> found;
    unsigned depth = 0;  // inside a struct or interface there may be constants, but not manifests
    while (!at_end()) {
      if (depth == 0 && peek().kind == TokenKind::identifier && peek().text == "const") {
        take();
        found.push_back(constant());
        continue;
      }
      if (opens(peek())) ++depth;
      if (closes(peek()) && depth > 0) --depth;
      take();
    }
    return found;
  }

 private:
  [[nodiscard]] const Token& peek() const { return tokens_[next_]; }
  [[nodiscard]] bool at_end() const { return peek().kind == TokenKind::end; }
  const Token& take() { return at_end() ? peek() : tokens_[next_++]; }
  bool take_if(char c) {
    if (!peek().is(c)) return false;
    take();
    return true;
  }

  // After `const`: NAME [@id] : TYPE = VALUE ;
  ConstantDeclaration constant() {
    ConstantDeclaration result;
    result.at = peek().at;
    result.name = take().text;
    while (!at_end() && !peek().is('=') && !peek().is(';')) {
      if (peek().kind == TokenKind::identifier) result.type = peek().text;
      take();
    }
    if (take_if('=')) result.value = value(0);
    skip_until(';');
    take_if(';');
    return result;
  }

  ValueNode value(unsigned nesting) {
    ValueNode node;
    node.at = peek().at;
    if (nesting < kMaxNesting && take_if('(')) {
      structure(node, nesting);
    } else if (nesting < kMaxNesting && take_if('[')) {
      list(node, nesting);
    } else if (peek().is('.') || peek().kind == TokenKind::identifier) {
      reference(node);
    }
    skip_value();
    return node;
  }

  void structure(ValueNode& node, unsigned nesting) {
    node.kind = ValueNode::Kind::structure;
    while (!at_end() && !peek().is(')') && !peek().is(';')) {
      ValueNode::Field field;
      field.at = peek().at;
      if (peek().kind == TokenKind::identifier) field.name = take().text;
      if (take_if('=')) {
        field.value = value(nesting + 1);
        node.fields.push_back(std::move(field));
      } else {
        skip_value();
      }
      if (!take_if(',') && !peek().is(')')) break;
    }
    take_if(')');
  }

  void list(ValueNode& node, unsigned nesting) {
    node.kind = ValueNode::Kind::list;
    while (!at_end() && !peek().is(']') && !peek().is(';')) {
      node.items.push_back(value(nesting + 1));
      if (!take_if(',') && !peek().is(']')) break;
    }
    take_if(']');
  }

  // .name.name, or name.name; not import "file".name, which is in another file.
  void reference(ValueNode& node) {
    std::vector<std::string_view> parts;
    take_if('.');
    while (peek().kind == TokenKind::identifier) {
      parts.push_back(take().text);
      if (!take_if('.')) break;
    }
    if (parts.empty() || parts[0] == "import" || parts[0] == "embed") return;
    node.kind = ValueNode::Kind::reference;
    node.target = std::move(parts);
  }

  // To the end of the value in hand: a comma, a closing bracket or a semicolon at this depth.
  void skip_value() {
    unsigned depth = 0;
    while (!at_end() && !peek().is(';')) {
      if (depth == 0 && (peek().is(',') || closes(peek()))) return;
      if (opens(peek())) ++depth;
      if (closes(peek())) --depth;
      take();
    }
  }

  void skip_until(char c) {
    while (!at_end() && !peek().is(c)) take();
  }

  std::span<const Token> tokens_;
  std::size_t next_ = 0;
};

}  // namespace

std::vector<ConstantDeclaration> parse_constants(std::span<const Token> tokens) {
  return Parser(tokens).file();
}

}  // namespace capos::cli
