// SPDX-License-Identifier: Apache-2.0
// A new object as a result capability, or why there is none.
#pragma once

#include "ipc/call_context.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {

// What is lacking is the machine's or the caller's means: overloaded. The rest is the caller's mistake.
[[nodiscard]] inline Outcome refuse_device(schema::KernelError error) noexcept {
  using schema::KernelError;
  const bool lacking = error == KernelError::out_of_memory || error == KernelError::out_of_capabilities ||
                       error == KernelError::overlap || error == KernelError::quota_exceeded;
  return lacking ? Outcome::overloaded(error) : Outcome::invalid(error);
}

template <typename T, typename Set>
Outcome give_device(CallContext& call, ResultOf<Ref<T>, schema::KernelError> object, Set&& set) noexcept {
  if (!object.has_value()) return refuse_device(object.error());
  const auto index = call.give(Ref<Object>::adopt(object->leak()));
  if (!index.has_value()) return Outcome::overloaded(index.error());
  set(*index);
  return Outcome::done();
}

}  // namespace capos::kernel
