// SPDX-License-Identifier: Apache-2.0
// What a program finds after a call: values, or which of the three layers refused.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "capos/abi/ring.hpp"
#include "capos/abi/syscall.hpp"
#include "capos/schema/kernel.hpp"

namespace capos::ktest {

// transport none: success.
struct Error {
  schema::TransportError transport = schema::TransportError::none;
  schema::ExceptionType exception = schema::ExceptionType::failed;  // if transport is exception
  schema::KernelError detail = schema::KernelError::none;
  bool operator==(const Error&) const = default;
  [[nodiscard]] bool ok() const noexcept { return transport == schema::TransportError::none; }
  [[nodiscard]] std::string text() const;
};
std::ostream& operator<<(std::ostream& out, const Error& error);

inline constexpr Error kNoError{};
[[nodiscard]] constexpr Error transport(schema::TransportError error) { return {.transport = error}; }
[[nodiscard]] constexpr Error exception(schema::ExceptionType type, schema::KernelError detail) {
  return {schema::TransportError::exception, type, detail};
}
[[nodiscard]] constexpr Error invalid(schema::KernelError detail) {
  return exception(schema::ExceptionType::invalid_argument, detail);
}
[[nodiscard]] constexpr Error failed(schema::KernelError detail) {
  return exception(schema::ExceptionType::failed, detail);
}
[[nodiscard]] constexpr Error overloaded(schema::KernelError detail) {
  return exception(schema::ExceptionType::overloaded, detail);
}
// From a status word and an exception word.
[[nodiscard]] Error error_of(std::int32_t status, std::uint64_t exception_word);

using Words = std::array<std::uint64_t, abi::kRegisterWords>;

// A thread's registers as a call left them.
struct Answer {
  std::int32_t status = 0;
  std::uint16_t method = 0;  // of a received call
  bool one_way = false;      // of what was received: it was sent
  std::uint64_t cap = 0, interface_id = 0;
  Words words{};
  [[nodiscard]] Error error() const { return error_of(status, cap); }
};

// Of a register call; no value if it blocked or failed.
template <typename Method>
struct Called {
  bool blocked = false;
  Error error;
  typename Method::Results::Value value{};
};

// Of a message call.
template <typename Method>
class Message {
 public:
  explicit Message(Error error) : error_(error) {}
  Message(std::vector<wire::Word> words, std::vector<abi::ResultCap> caps)
      : words_(std::move(words)), caps_(std::move(caps)) {}
  [[nodiscard]] Error error() const { return error_; }
  [[nodiscard]] bool ok() const { return error_.ok(); }
  // `read(reader)`'s result; the words are the message's own copy.
  template <typename Read>
  [[nodiscard]] auto read(Read&& read_it) const {
    wire::MessageReader message(words_);
    return read_it(message.template root<typename Method::Results>());
  }
  // The capability that a field of the results names; 0 if it names none.
  template <typename Field>
  [[nodiscard]] abi::CapId cap(Field&& field) const {
    const std::optional<std::uint32_t> index = read(field);
    return index.has_value() && *index < caps_.size() ? abi::CapId{caps_[*index].cap} : abi::CapId{};
  }
  [[nodiscard]] const std::vector<abi::ResultCap>& caps() const { return caps_; }

 private:
  Error error_;
  std::vector<wire::Word> words_;
  std::vector<abi::ResultCap> caps_;
};

}  // namespace capos::ktest
