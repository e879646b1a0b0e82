// SPDX-License-Identifier: Apache-2.0
// Messages of both codecs as plain words, in heap blocks of exactly their size.
#pragma once

#include <capnp/message.h>
#include <kinds.capnp.h>

#include <algorithm>
#include <capos/wire/message.hpp>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace capos::test {

using Words = std::vector<wire::Word>;

// Enough for any message that the tests make.
inline constexpr std::size_t kSpace = 1u << 14;

inline Words words_of(capnp::MessageBuilder& message) {
  const auto segments = message.getSegmentsForOutput();
  if (segments.size() != 1) return {};
  Words out(segments[0].size());
  std::memcpy(out.data(), segments[0].begin(), out.size() * sizeof(wire::Word));
  return out;
}
inline Words words_of(const wire::MessageBuilder& message) {
  return {message.words().begin(), message.words().end()};
}

// Where two messages differ, as a person wants it: "" if they do not.
inline std::string first_difference(const Words& stock, const Words& ours) {
  for (std::size_t i = 0; i < stock.size() && i < ours.size(); ++i) {
    if (stock[i] == ours[i]) continue;
    char text[80];
    std::snprintf(text, sizeof text, "word %zu: libcapnp %016llx, ours %016llx", i,
                  static_cast<unsigned long long>(stock[i]), static_cast<unsigned long long>(ours[i]));
    return text;
  }
  if (stock.size() == ours.size()) return "";
  return "length: libcapnp " + std::to_string(stock.size()) + ", ours " + std::to_string(ours.size());
}

// A copy without slack, so that a read past its end is caught.
class Exact {
 public:
  explicit Exact(std::span<const wire::Word> words)
      : size_(words.size()), words_(std::make_unique<wire::Word[]>(size_)) {
    std::copy(words.begin(), words.end(), words_.get());
  }
  [[nodiscard]] std::span<const wire::Word> span() const { return {words_.get(), size_}; }
  [[nodiscard]] std::span<wire::Word> writable() { return {words_.get(), size_}; }
  // As libcapnp takes it.
  [[nodiscard]] kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments() {
    segment_ = kj::arrayPtr(reinterpret_cast<const capnp::word*>(words_.get()), size_);
    return kj::arrayPtr(&segment_, 1);
  }

 private:
  std::size_t size_;
  std::unique_ptr<wire::Word[]> words_;
  kj::ArrayPtr<const capnp::word> segment_;
};

// A libcapnp builder whose message stays in one segment.
class StockBuilder {
 public:
  explicit StockBuilder(std::size_t words = kSpace)
      : scratch_(words), message_(kj::arrayPtr(reinterpret_cast<capnp::word*>(scratch_.data()), words)) {}
  [[nodiscard]] capnp::MessageBuilder& message() { return message_; }
  [[nodiscard]] Words words() { return words_of(message_); }

 private:
  Words scratch_;
  capnp::MallocMessageBuilder message_;
};

}  // namespace capos::test
