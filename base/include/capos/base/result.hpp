// SPDX-License-Identifier: Apache-2.0
// Errors by value: Result<T>, and TRY that returns early with the error of a Result.
#pragma once

#include <expected>
#include <utility>

namespace capos {

// An error enumeration names its enumerators after what went wrong; 0 is never an error.
template <typename T, typename Error>
using ResultOf = std::expected<T, Error>;

template <typename Error>
[[nodiscard]] constexpr std::unexpected<Error> fail(Error error) noexcept {
  return std::unexpected<Error>(error);
}

}  // namespace capos

// TRY(expression): yields the value, or returns the error from the enclosing function.
// (A GNU statement expression; GCC and Clang both take it.)
#define TRY(...)                                                          \
  ({                                                                      \
    auto&& try_result_ = (__VA_ARGS__);                                   \
    if (!try_result_.has_value()) [[unlikely]]                            \
      return std::unexpected(std::move(try_result_).error());             \
    *std::move(try_result_);                                              \
  })

// For a ResultOf<void, E>.
#define TRY_VOID(...)                                                     \
  do {                                                                    \
    auto&& try_result_ = (__VA_ARGS__);                                   \
    if (!try_result_.has_value()) [[unlikely]]                            \
      return std::unexpected(std::move(try_result_).error());             \
  } while (false)
