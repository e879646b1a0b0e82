// SPDX-License-Identifier: Apache-2.0
// A whole message: MessageReader over foreign words, MessageBuilder into the caller's words.
//
// Both are the home of the context that their readers and builders point to: they neither move nor copy, and
// must outlive them. One thread at a time.
#pragma once

#include <capos/wire/list.hpp>

namespace capos::wire {

// Getters of the root and all below it never fail: read first, then look at error() once.
class MessageReader {
 public:
  // `words`: one segment without framing; may be changed by others meanwhile.
  explicit MessageReader(std::span<const Word> words, Limits limits = {}) noexcept
      : context_{words.data(), words.size(), limits.traversal_words}, depth_(limits.depth) {}
  MessageReader(const MessageReader&) = delete;
  MessageReader& operator=(const MessageReader&) = delete;

  template <typename Schema>
  [[nodiscard]] typename Schema::Reader root() noexcept {
    return root_pointer().template as<Schema>();
  }
  [[nodiscard]] AnyPointerReader root_pointer() noexcept {
    if (context_.size == 0) {
      context_.report(Error::out_of_bounds);
      return {};
    }
    // As libcapnp, which checks the place of the root twice; so limits mean the same to both.
    if (!context_.spend(2)) return {};
    return {&context_, context_.begin, depth_};
  }
  // The first thing that went wrong in what has been read so far.
  [[nodiscard]] Error error() const noexcept { return context_.error; }
  // Whether this went wrong, first or later.
  [[nodiscard]] bool seen(Error error) const noexcept {
    return (context_.seen >> static_cast<unsigned>(error) & 1u) != 0;
  }

 private:
  ReadContext context_;
  std::uint32_t depth_;
};

// Builds from the front of `words`, in the order of the calls.
class MessageBuilder {
 public:
  explicit MessageBuilder(std::span<Word> words) noexcept : words_(words) { reset(); }
  MessageBuilder(const MessageBuilder&) = delete;
  MessageBuilder& operator=(const MessageBuilder&) = delete;

  // Starts over, in the same words.
  void reset() noexcept {
    context_ = {words_.data(), words_.size(), {words_.data(), 0, ~std::uint64_t{0}}};
    root_ = context_.allocate(1);
  }
  template <typename Schema>
  [[nodiscard]] typename Schema::Builder init_root() noexcept {
    return root_pointer().template init_as<Schema>();
  }
  // The root that is there, or a fresh one.
  template <typename Schema>
  [[nodiscard]] typename Schema::Builder root() noexcept {
    return typename Schema::Builder(root_pointer().get_struct(Schema::kSize));
  }
  template <typename Schema>
  void set_root(const typename Schema::Reader& value) noexcept {
    root_pointer().template set_as<Schema>(value);
  }
  [[nodiscard]] AnyPointerBuilder root_pointer() noexcept {
    return root_ == nullptr ? AnyPointerBuilder{} : AnyPointerBuilder{&context_, root_};
  }
  // The message so far; valid as a message only while error() is none.
  [[nodiscard]] std::span<const Word> words() const noexcept {
    return {words_.data(), static_cast<std::size_t>(context_.read.size)};
  }
  [[nodiscard]] Error error() const noexcept { return context_.read.error; }

 private:
  std::span<Word> words_;
  BuildContext context_{};
  Word* root_ = nullptr;
};

}  // namespace capos::wire
