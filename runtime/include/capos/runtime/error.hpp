// SPDX-License-Identifier: Apache-2.0
// Why a call failed: the transport's error, or the object's exception.
#pragma once

#include <cstdint>
#include <string_view>

#include "capos/base/result.hpp"
#include "capos/schema/kernel.hpp"

namespace capos::runtime {

struct CallError {
  schema::TransportError transport = schema::TransportError::none;
  // Meaningful if transport is `exception`.
  schema::ExceptionType exception = schema::ExceptionType::failed;
  std::uint16_t detail = 0;  // a KernelError for kernel objects, the server's own else

  [[nodiscard]] schema::KernelError kernel() const noexcept { return static_cast<schema::KernelError>(detail); }
  // For people: the detail of a kernel object's exception, the exception, or the transport's error.
  [[nodiscard]] std::string_view text() const noexcept {
    if (transport != schema::TransportError::exception) return schema::name_of(transport);
    return detail != 0 ? schema::name_of(kernel()) : schema::name_of(exception);
  }
};

// From a status word and an exception word of the kernel.
[[nodiscard]] constexpr CallError call_error(std::int32_t status, std::uint64_t exception_word) noexcept {
  return {static_cast<schema::TransportError>(-status), static_cast<schema::ExceptionType>(exception_word & 0xffff),
          static_cast<std::uint16_t>(exception_word >> 16)};
}

template <typename T>
using Result = ResultOf<T, CallError>;

}  // namespace capos::runtime
