// SPDX-License-Identifier: Apache-2.0
// Cap'n Proto text as tokens with their places; comments and white space left out.
//
// Takes any bytes: what it does not know becomes a one-character punctuation token. Cost: linear.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace capos::cli {

// Counted from 1, columns in bytes, as `capnp` does.
struct Position {
  unsigned line = 1;
  unsigned column = 1;
  bool operator==(const Position&) const = default;
};

enum class TokenKind { identifier, literal, punctuation, end };

struct Token {
  TokenKind kind = TokenKind::end;
  std::string_view text;  // into the source; a string literal keeps its quotes
  Position at;
  [[nodiscard]] bool is(char c) const {
    return kind == TokenKind::punctuation && text.size() == 1 && text[0] == c;
  }
};

// The last token is of kind `end`. The tokens are views into `source`.
[[nodiscard]] std::vector<Token> tokenize(std::string_view source);

}  // namespace capos::cli
