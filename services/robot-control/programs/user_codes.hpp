// SPDX-License-Identifier: Apache-2.0
// The codes under which robot control's programs emit telemetry; their values are structs of robot.capnp.
#pragma once

#include <cstdint>

#include "capos/runtime/runtime.hpp"
#include "capos/schema/robot.hpp"

namespace capos::robot {

inline constexpr std::uint32_t kPlantSampleCode = 1;
inline constexpr std::uint32_t kActuatorDecisionCode = 3;
inline constexpr std::uint32_t kControllerDesignCode = 4;

// Emits a struct of at most six words. Wait-free: one system call.
template <typename Value>
void emit(runtime::Capability<schema::TraceSource>& trace, std::uint32_t code, const Value& value) noexcept {
  static_assert(Value::kWords <= 6);
  std::uint64_t words[6] = {};
  value.to_words(words);
  // A trace that cannot be written changes nothing for the control loop.
  (void)trace->emit(code, words[0], words[1], words[2], words[3], words[4], words[5]);
}

}  // namespace capos::robot
