// SPDX-License-Identifier: Apache-2.0
// actuator: the one place from which the drive can be commanded. Passive: it has no time of its own.
//
// Capabilities: "serve.drive" (Endpoint of Actuator), "drive" (buffer: the drive's cell, written), "timer"
// (Timer), "trace" (TraceSource). A command costs a time query, a few comparisons and a cell write; an event
// only when the decision is not the same as before.
#include "capos/robot/actuator_guard.hpp"
#include "capos/robot/config.hpp"
#include "capos/runtime/mapping.hpp"
#include "capos/runtime/server.hpp"
#include "capos/runtime/text.hpp"
#include "capos/schema/manifest.hpp"
#include "capos/shared_buffer/cell.hpp"
#include "user_codes.hpp"

namespace {

using namespace capos;
using namespace capos::robot;

using DriveCell = SharedCell<DriveCommand>;
using Methods = schema::Actuator;

class ActuatorServer : public runtime::Served {
 public:
  ActuatorServer(const runtime::Runtime& runtime, const DriveLimits& limits, DriveCell& cell) noexcept
      : guard_(limits),
        cell_(cell),
        timer_(runtime.need<schema::Timer>("timer")),
        trace_(runtime.need<schema::TraceSource>("trace")) {}

  Outcome command(runtime::CallInfo& info, const Methods::Command::Params::Value& asked,
                  Methods::Command::Results::Value& results) noexcept {
    const auto now = timer_->now();
    if (!now.has_value()) return Outcome::exception(schema::ExceptionType::failed);
    const Time time = Time::from_ns(now->ns);
    const DriveState before = guard_.output(time).state;
    const CommandAnswer answer = guard_.command(asked.effort, Time::from_ns(asked.valid_until_ns), time);
    if (answer.refusal == Refusal::none) cell_.write(guard_.drive());
    if (is_news(before, answer)) log(info, asked, answer);
    results.applied = answer.applied;
    results.state = static_cast<schema::ActuatorState>(answer.state);
    results.refusal = static_cast<schema::ActuatorRefusal>(answer.refusal);
    return Outcome::done();
  }

  Outcome emergency_stop(runtime::CallInfo& info, const Methods::EmergencyStop::Params::Value&,
                         Methods::EmergencyStop::Results::Value&) noexcept {
    guard_.emergency_stop();
    cell_.write(guard_.drive());
    log(info, {}, {.applied = 0.0, .state = DriveState::stopped});
    return Outcome::done();
  }

  Outcome status(runtime::CallInfo&, const Methods::Status::Params::Value&,
                 Methods::Status::Results::Value& results) noexcept {
    const auto now = timer_->now();
    if (!now.has_value()) return Outcome::exception(schema::ExceptionType::failed);
    const DriveOutput output = guard_.output(Time::from_ns(now->ns));
    results.state = static_cast<schema::ActuatorState>(output.state);
    results.effort = output.effort;
    results.valid_until_ns = guard_.drive().valid_until_ns;
    results.commands = guard_.accepted();
    results.refused = guard_.refused();
    return Outcome::done();
  }

 private:
  // A thousand equal decisions a second say nothing: a change does.
  [[nodiscard]] bool is_news(DriveState before, const CommandAnswer& answer) noexcept {
    const bool limit_changed = answer.limited != limited_;
    if (answer.refusal == Refusal::none) limited_ = answer.limited;
    return answer.refusal != Refusal::none || limit_changed || before != DriveState::driving;
  }

  void log(const runtime::CallInfo& info, const Methods::Command::Params::Value& asked,
           const CommandAnswer& answer) noexcept {
    emit(trace_, kActuatorDecisionCode,
         schema::ActuatorDecision::Value{.number = guard_.accepted(),
                                         .asked = asked.effort,
                                         .applied = answer.applied,
                                         .valid_until_ns = asked.valid_until_ns,
                                         .caller = info.caller,
                                         .state = static_cast<schema::ActuatorState>(answer.state),
                                         .refusal = static_cast<schema::ActuatorRefusal>(answer.refusal),
                                         .limited = answer.limited});
  }

  ActuatorGuard guard_;
  DriveCell& cell_;
  runtime::Capability<schema::Timer> timer_;
  runtime::Capability<schema::TraceSource> trace_;
  bool limited_ = false;
};

DriveCell& map_drive(const runtime::Runtime& runtime) noexcept {
  const std::span<std::byte> memory = runtime::need_buffer(runtime, "drive", runtime::Access::read_write);
  if (memory.size() < sizeof(DriveCell)) runtime::panic("actuator: the buffer \"drive\" is too small");
  return *reinterpret_cast<DriveCell*>(memory.data());
}

}  // namespace

int program_main(capos::runtime::Runtime& runtime) {
  wire::MessageReader message(runtime::read_config(runtime));
  const auto config = message.root<schema::ServiceConfig>();
  if (config.which() != schema::ServiceConfig::Which::actuator)
    runtime::panic("actuator: no ActuatorConfig was given");
  const DriveLimits limits = to_drive_limits(config.actuator());
  if (!limits.valid()) runtime::panic("actuator: the ActuatorConfig is out of range");
  ActuatorServer server(runtime, limits, map_drive(runtime));
  const runtime::CallError error =
      runtime::serve<schema::Actuator>(runtime.need<schema::Endpoint>("serve.drive"), server);
  runtime::Text<96> text;
  text.add("actuator: ").add(error.text());
  runtime::panic(text.view());
}
