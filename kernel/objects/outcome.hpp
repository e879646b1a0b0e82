// SPDX-License-Identifier: Apache-2.0
// What a call on a kernel object came to: done, blocked, a portion done, or one of the error layers.
#pragma once

#include <cstdint>

#include "capos/schema/kernel.hpp"

namespace capos::kernel {

class [[nodiscard]] Outcome {
 public:
  enum class Kind : std::uint8_t { done, blocked, unfinished, transport, exception };

  static constexpr Outcome done() noexcept { return Outcome(Kind::done, 0, 0); }
  // The calling thread waits; whoever wakes it completes the call.
  static constexpr Outcome blocked() noexcept { return Outcome(Kind::blocked, 0, 0); }
  // A portion has been done: interrupts are let in, then the same call is made again, with its CallProgress.
  static constexpr Outcome unfinished() noexcept { return Outcome(Kind::unfinished, 0, 0); }
  static constexpr Outcome transport(schema::TransportError error) noexcept {
    return Outcome(Kind::transport, static_cast<std::uint16_t>(error), 0);
  }
  static constexpr Outcome unimplemented() noexcept {
    return Outcome(Kind::exception, static_cast<std::uint16_t>(schema::ExceptionType::unimplemented), 0);
  }
  static constexpr Outcome invalid(schema::KernelError detail) noexcept {
    return exception(schema::ExceptionType::invalid_argument, detail);
  }
  static constexpr Outcome failed(schema::KernelError detail) noexcept {
    return exception(schema::ExceptionType::failed, detail);
  }
  static constexpr Outcome overloaded(schema::KernelError detail) noexcept {
    return exception(schema::ExceptionType::overloaded, detail);
  }

  [[nodiscard]] constexpr Kind kind() const noexcept { return static_cast<Kind>(packed_ & 0xff); }
  // Status as programs see it: 0 or a negated TransportError.
  [[nodiscard]] constexpr std::int32_t status() const noexcept {
    switch (kind()) {
      case Kind::transport: return -static_cast<std::int32_t>(code());
      case Kind::exception: return -static_cast<std::int32_t>(schema::TransportError::exception);
      default: return 0;
    }
  }
  // ExceptionType in bits 0-15, detail in bits 16-31; 0 unless it is an exception.
  [[nodiscard]] constexpr std::uint32_t exception_word() const noexcept {
    return kind() == Kind::exception ? static_cast<std::uint32_t>(packed_ >> 16) : 0;
  }

 private:
  static constexpr Outcome exception(schema::ExceptionType type, schema::KernelError detail) noexcept {
    return Outcome(Kind::exception, static_cast<std::uint16_t>(type), static_cast<std::uint16_t>(detail));
  }
  constexpr Outcome(Kind kind, std::uint16_t code, std::uint16_t detail) noexcept
      : packed_(static_cast<std::uint64_t>(kind) | std::uint64_t{code} << 16 | std::uint64_t{detail} << 32) {}
  [[nodiscard]] constexpr std::uint16_t code() const noexcept { return static_cast<std::uint16_t>(packed_ >> 16); }

  // Kind in bits 0-7, code in 16-31, detail in 32-47: one register, which calls return without taking it apart.
  std::uint64_t packed_;
};

}  // namespace capos::kernel
