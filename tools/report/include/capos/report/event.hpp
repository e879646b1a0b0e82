// SPDX-License-Identifier: Apache-2.0
// A trace event as the host reads it: 64 bytes copied out of the channel, and its typed views.
//
// Invariant: an Event is plain data of any content; the views validate nothing and never fail. A kind, cause
// or state that this version does not know is kept as its number. Layout: TraceEvent and JobEvent of
// telemetry.capnp.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "capos/abi/trace.hpp"
#include "capos/schema/robot.hpp"
#include "capos/schema/telemetry.hpp"

namespace capos::report {

using Kind = schema::EventKind;
using Cause = schema::MissCause;
using DriveState = schema::ActuatorState;

inline constexpr std::uint32_t kNobody = 0xffff'ffff;
inline constexpr std::uint32_t kProgramBit = 0x8000'0000;
inline constexpr std::uint32_t kUserCodePlant = 1;     // values: PlantSample of robot.capnp
inline constexpr std::uint32_t kUserCodeDecision = 3;  // ActuatorDecision
inline constexpr std::uint32_t kUserCodeDesign = 4;    // ControllerDesign
inline constexpr std::uint32_t kUserCodeXrun = 5;      // Xrun of media.capnp
inline constexpr std::uint32_t kUserCodeWakeup = 2;    // a: release to first user instruction, ns

struct Event {
  std::uint64_t time_ns = 0;
  Kind kind = Kind::none;
  std::uint16_t cpu = 0;
  std::uint32_t source = 0;
  std::array<std::uint64_t, 6> values{};  // a to f

  // From one event's 64 bytes in the channel.
  [[nodiscard]] static Event from_words(const std::array<std::uint64_t, 8>& words) noexcept;
  [[nodiscard]] std::array<std::uint64_t, 8> to_words() const noexcept;

  [[nodiscard]] bool from_program() const noexcept { return (source & kProgramBit) != 0; }
  // Of a program's event: its number, and (kind `user`) the code it gave.
  [[nodiscard]] std::uint32_t program() const noexcept { return source & 0xffff; }
  [[nodiscard]] std::uint32_t user_code() const noexcept { return (source >> 16) & 0x7fff; }
};

// What a `job` event says; times in ns since the guest's clock started.
struct Job {
  std::uint64_t finish_ns = 0, release_ns = 0, start_ns = 0, deadline_ns = 0, consumed_ns = 0;
  std::uint32_t source = 0, index = 0, preemptions = 0, by_whom = kNobody;
  std::uint16_t cpu = 0;
  Cause cause = Cause::none;
  bool overran = false, abandoned = false;

  [[nodiscard]] static Job from_event(const Event& event) noexcept;
  [[nodiscard]] Event to_event() const noexcept;
  // From the scheduled release; 0 if the stamps are out of order (a clock that goes back is no latency).
  [[nodiscard]] std::uint64_t response_ns() const noexcept;
  [[nodiscard]] std::uint64_t wakeup_ns() const noexcept;
};

[[nodiscard]] constexpr std::uint32_t task_source(std::uint32_t island, std::uint32_t task) noexcept {
  return island << 16 | (task & 0xffff);
}
[[nodiscard]] constexpr std::uint32_t user_source(std::uint32_t code, std::uint32_t program) noexcept {
  return kProgramBit | (code & 0x7fff) << 16 | (program & 0xffff);
}

// Words for people: "late wake-up", "timer: release", ...; "unknown" beyond the known ones.
[[nodiscard]] std::string_view describe(Cause cause) noexcept;
[[nodiscard]] std::string_view describe(DriveState state) noexcept;
[[nodiscard]] std::string_view describe(schema::InterruptCause cause) noexcept;
[[nodiscard]] std::string_view consequence_name(std::uint64_t value) noexcept;
[[nodiscard]] std::string_view mitigation_of(
    unsigned bit) noexcept;  // what the feature protects; "" if nothing
[[nodiscard]] std::string_view feature_name(unsigned bit) noexcept;  // MachineFeature of hal/machine.hpp

}  // namespace capos::report
