// SPDX-License-Identifier: Apache-2.0
// A message that owns its words, and a reader over them that lives as long.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "capos/wire/message.hpp"

namespace capos::cli {

class Message {
 public:
  Message() : Message(std::vector<wire::Word>{}) {}
  explicit Message(std::vector<wire::Word> words)
      : words_(std::move(words)), reader_(std::make_unique<wire::MessageReader>(words_, kLimits)) {}

  template <typename Schema>
  [[nodiscard]] typename Schema::Reader root() const {
    return reader_->root<Schema>();
  }
  [[nodiscard]] std::span<const wire::Word> words() const { return words_; }
  [[nodiscard]] wire::Error error() const { return reader_->error(); }

 private:
  // Our own files: read as often as commands like.
  static constexpr wire::Limits kLimits{.traversal_words = ~std::uint64_t{0} >> 1, .depth = 64};
  std::vector<wire::Word> words_;
  std::unique_ptr<wire::MessageReader> reader_;
};

// Builds a message with as many words as it takes: `build` is called with a builder of growing size and
// returns nothing; it must do the same each time. Nullopt when it fails for another reason than space.
template <typename Build>
[[nodiscard]] Message build_message(Build build, std::size_t first_guess = 4096) {
  for (std::size_t size = first_guess;; size *= 2) {
    std::vector<wire::Word> words(size);
    wire::MessageBuilder builder(words);
    build(builder);
    if (builder.error() == wire::Error::out_of_space && size < (std::size_t{1} << 30)) continue;
    words.resize(builder.words().size());
    return Message(std::move(words));
  }
}

}  // namespace capos::cli
