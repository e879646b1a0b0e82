// SPDX-License-Identifier: Apache-2.0
// cartpole-controller: designs its gains at start; each job takes the newest sample and commands the
// actuator.
//
// Capabilities: "sensor" (buffer: ring from the plant), "actuator" (Actuator), "trace" (TraceSource).
#include "capos/robot/config.hpp"
#include "capos/robot/controller.hpp"
#include "capos/robot/sensor_sample.hpp"
#include "capos/runtime/mapping.hpp"
#include "capos/runtime/periodic_job.hpp"
#include "capos/runtime/text.hpp"
#include "capos/schema/manifest.hpp"
#include "capos/shared_buffer/consumer.hpp"
#include "fault.hpp"
#include "user_codes.hpp"

namespace {

using namespace capos;
using namespace capos::robot;

class ControlTask {
 public:
  ControlTask(const runtime::Runtime& runtime, const Controller& controller, Duration validity) noexcept
      : controller_(controller),
        validity_(validity),
        actuator_(runtime.need<schema::Actuator>("actuator")),
        sensor_memory_(runtime::need_buffer(runtime, "sensor", runtime::Access::read_write)) {}

  void run(const runtime::Release& release) noexcept {
    const auto measurement = newest();
    // Nothing was ever measured: the estimate is a guess, and a guess is no reason to push.
    if (!measurement && !measured_) return;
    measured_ = true;
    const double force = controller_.decide(measurement);
    const auto answer = actuator_->command(0.0, 0.0, force, (release.actual + validity_).ns());
    if (answer.has_value()) {
      controller_.applied(answer->applied);
    } else {
      controller_.coast();
    }
  }

 private:
  // The plant makes the ring when it starts, which may be after this program.
  std::optional<TimedMeasurement> newest() noexcept {
    if (!sensor_) {
      const auto attached = RingConsumer<SensorSample>::attach(sensor_memory_);
      if (!attached.has_value()) return std::nullopt;
      sensor_ = *attached;
    }
    const auto item = sensor_->pop_newest();
    if (!item.has_value()) return std::nullopt;
    return to_measurement(item->element);
  }

  Controller controller_;
  Duration validity_;
  runtime::Capability<schema::Actuator> actuator_;
  std::span<std::byte> sensor_memory_;
  std::optional<RingConsumer<SensorSample>> sensor_;
  bool measured_ = false;
};

Duration period_of(runtime::PeriodicJob& job) noexcept {
  const auto parameters = job.context()->parameters();
  if (!parameters.has_value()) runtime::panic("controller: its scheduling context does not answer");
  return Period{parameters->period_numerator, parameters->period_denominator}.floor();
}

void report(runtime::Capability<schema::TraceSource> trace, const ControlDesign& design) noexcept {
  emit(trace, kControllerDesignCode,
       schema::ControllerDesign::Value{.regulator_radius = design.regulator_radius,
                                       .estimator_radius = design.estimator_radius,
                                       .regulator_residual = design.regulator_residual,
                                       .estimator_residual = design.estimator_residual,
                                       .angle_gain = design.regulator_gain(2),
                                       .position_gain = design.regulator_gain(0)});
}

ControlDesign make_design(schema::ControllerConfig::Reader config, Duration period) noexcept {
  const auto model = config.model();
  const auto design =
      design_control(to_parameters(model), to_weights(config), to_sensor_noise(model), {}, period);
  if (design.has_value()) return *design;
  runtime::Text<96> text;
  text.add("controller: no stable design: ").add(name_of(design.error()));
  runtime::panic(text.view());
}

}  // namespace

int program_main(capos::runtime::Runtime& runtime) {
  wire::MessageReader message(runtime::read_config(runtime));
  const auto service = message.root<schema::ServiceConfig>();
  if (service.which() != schema::ServiceConfig::Which::controller)
    runtime::panic("controller: no ControllerConfig was given");
  const auto config = service.controller();
  const DriveLimits limits = to_drive_limits(config.model().actuator());
  if (!limits.valid()) runtime::panic("controller: the model's ActuatorConfig is out of range");

  runtime::PeriodicJob job(runtime);
  const Duration period = period_of(job);
  const ControlDesign design = make_design(config, period);
  report(runtime.need<schema::TraceSource>("trace"), design);
  ControlTask task(runtime, Controller(design, limits.max_effort, period),
                   to_duration(config.command_validity()));
  FaultPlan fault(config.fault(), to_duration(config.fault_at()));
  while (const auto release = job.wait_next_release()) {
    fault.strike_if_due(release->scheduled);
    task.run(*release);
  }
  return 0;
}
