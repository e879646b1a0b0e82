// SPDX-License-Identifier: Apache-2.0
#include "tokens.hpp"

namespace capos::cli {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v'; }

class Scanner {
 public:
  explicit Scanner(std::string_view source) : source_(source) {}

  Token next() {
    skip_blank();
    const std::size_t start = offset_;
    const Position at = at_;
    if (start == source_.size()) return {TokenKind::end, {}, at};
    const TokenKind kind = scan(source_[start]);
    return {kind, source_.substr(start, offset_ - start), at};
  }

 private:
  [[nodiscard]] char peek() const { return offset_ < source_.size() ? source_[offset_] : '\0'; }

  void advance() {
    if (source_[offset_++] == '\n') {
      ++at_.line;
      at_.column = 1;
    } else {
      ++at_.column;
    }
  }

  void skip_blank() {
    while (offset_ < source_.size()) {
      if (peek() == '#') {
        while (offset_ < source_.size() && peek() != '\n') advance();
      } else if (is_space(peek())) {
        advance();
      } else {
        return;
      }
    }
  }

  TokenKind scan(char first) {
    if (is_letter(first))
      return scan_while(TokenKind::identifier, [](char c) { return is_letter(c) || is_digit(c); });
    if (is_digit(first)) {
      return scan_while(TokenKind::literal, [](char c) { return is_letter(c) || is_digit(c) || c == '.'; });
    }
    if (first == '"' || first == '\'') return scan_string(first);
    advance();
    return TokenKind::punctuation;
  }

  template <typename Predicate>
  TokenKind scan_while(TokenKind kind, Predicate wanted) {
    while (offset_ < source_.size() && wanted(peek())) advance();
    return kind;
  }

  TokenKind scan_string(char quote) {
    advance();
    while (offset_ < source_.size() && peek() != quote) {
      if (peek() == '\\' && offset_ + 1 < source_.size()) advance();
      advance();
    }
    if (offset_ < source_.size()) advance();
    return TokenKind::literal;
  }

  std::string_view source_;
  std::size_t offset_ = 0;
  Position at_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) {
  Scanner scanner(source);
  std::vector<Token> tokens;
  do tokens.push_back(scanner.next());
  while (tokens.back().kind != TokenKind::end);
  return tokens;
}

}  // namespace capos::cli
