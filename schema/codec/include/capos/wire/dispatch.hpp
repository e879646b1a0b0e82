// SPDX-License-Identifier: Apache-2.0
// One method call served: parameters decoded, the implementation invoked, results encoded.
//
// What the generated dispatch tables are made of; the same method gives the same answer whichever way it
// came.
#pragma once

#include <capos/wire/message.hpp>
#include <capos/wire/value.hpp>
#include <utility>

namespace capos::wire {

// Words of `out` past the results' own become zero. `in` and `out` may be the same words.
template <typename Method, typename Invoke>
auto serve_registers(const Word (&in)[kRegisterWords], Word (&out)[kRegisterWords],
                     Invoke&& invoke) noexcept {
  const auto params = Method::Params::Value::from_words(in, kRegisterWords);
  typename Method::Results::Value results{};
  auto outcome = std::forward<Invoke>(invoke)(params, results);
  results.to_words(out);
#pragma GCC unroll 8
  for (unsigned i = Method::Results::Value::kWords; i < kRegisterWords; ++i) out[i] = 0;
  return outcome;
}

template <typename Method, typename Invoke>
auto serve_message(const AnyStructReader& in, MessageBuilder& out, Invoke&& invoke) noexcept {
  const auto params = in.template as<typename Method::Params>();
  const auto results = out.template init_root<typename Method::Results>();
  if constexpr (Method::kRegisters) {
    typename Method::Results::Value value{};
    auto outcome = std::forward<Invoke>(invoke)(value_of<typename Method::Params>(params), value);
    set_value<typename Method::Results>(results, value);
    return outcome;
  } else {
    return std::forward<Invoke>(invoke)(params, results);
  }
}

}  // namespace capos::wire
