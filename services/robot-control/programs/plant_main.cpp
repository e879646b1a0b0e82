// SPDX-License-Identifier: Apache-2.0
// cartpole-plant: the simulated machine. Each job reads the drive, lets one period pass, and publishes its
// sensors.
//
// Capabilities: "sensor" (buffer: ring to the controller, made here), "drive" (buffer: the actuator's cell,
// read), "trace" (TraceSource).
#include "capos/robot/config.hpp"
#include "capos/robot/sensor_sample.hpp"
#include "capos/runtime/mapping.hpp"
#include "capos/runtime/periodic_job.hpp"
#include "capos/schema/manifest.hpp"
#include "capos/shared_buffer/cell.hpp"
#include "capos/shared_buffer/producer.hpp"
#include "user_codes.hpp"

namespace {

using namespace capos;
using namespace capos::robot;

using DriveCell = SharedCell<DriveCommand>;

class PlantTask {
 public:
  PlantTask(const runtime::Runtime& runtime, const Plant& plant, const DriveLimits& limits,
            const RingProducer<SensorSample>& sensor, const DriveCell& drive) noexcept
      : plant_(plant),
        limits_(limits),
        sensor_(sensor),
        drive_(drive),
        trace_(runtime.need<schema::TraceSource>("trace")) {}

  void run(const runtime::Release& release) noexcept {
    const DriveOutput output = drive_now(release.actual);
    plant_.step(output.effort, release.scheduled - last_release_.value_or(release.scheduled));
    last_release_ = release.scheduled;
    publish(release.scheduled);
    report(output);
  }

 private:
  // The drive reads its command as of now. A cell that is written faster than it can be read is a fault of
  // the writer; the command read before then stands, and expires.
  DriveOutput drive_now(Time now) noexcept {
    if (const auto command = drive_.read()) command_ = *command;
    return drive_output(command_, limits_, now);
  }

  void publish(Time at) noexcept {
    const Measurement measured = plant_.measure();
    // The ring is full when the controller has stopped: then nobody misses the sample. The controller polls.
    (void)sensor_.push({at.ns(), measured.position, measured.angle});
  }

  void report(const DriveOutput& output) noexcept {
    const CartPoleState& state = plant_.state();
    emit(trace_, kPlantSampleCode,
         schema::PlantSample::Value{.position = state.position,
                                    .velocity = state.velocity,
                                    .angle = state.angle,
                                    .angular_velocity = state.angular_velocity,
                                    .effort = output.effort,
                                    .state = static_cast<schema::ActuatorState>(output.state)});
  }

  Plant plant_;
  DriveLimits limits_;
  RingProducer<SensorSample> sensor_;
  const DriveCell& drive_;
  DriveCommand command_{};
  std::optional<Time> last_release_;
  runtime::Capability<schema::TraceSource> trace_;
};

RingProducer<SensorSample> make_sensor_ring(const runtime::Runtime& runtime) noexcept {
  const std::span<std::byte> memory = runtime::need_buffer(runtime, "sensor", runtime::Access::read_write);
  if (!create_ring<SensorSample>(memory, kSensorRingCapacity, RingWaits::never).has_value())
    runtime::panic("plant: the buffer \"sensor\" is too small for its ring");
  const auto producer = RingProducer<SensorSample>::attach(memory);
  if (!producer.has_value()) runtime::panic("plant: the sensor ring does not attach");
  return *producer;
}

const DriveCell& map_drive(const runtime::Runtime& runtime) noexcept {
  const std::span<std::byte> memory = runtime::need_buffer(runtime, "drive", runtime::Access::read);
  if (memory.size() < sizeof(DriveCell)) runtime::panic("plant: the buffer \"drive\" is too small");
  return *reinterpret_cast<const DriveCell*>(memory.data());
}

}  // namespace

int program_main(capos::runtime::Runtime& runtime) {
  wire::MessageReader message(runtime::read_config(runtime));
  const auto config = message.root<schema::ServiceConfig>();
  if (config.which() != schema::ServiceConfig::Which::cart_pole)
    runtime::panic("plant: no CartPoleConfig was given");
  const auto plant = make_plant(config.cart_pole());
  if (!plant.has_value()) runtime::panic("plant: the CartPoleConfig is out of range");
  const DriveLimits limits = to_drive_limits(config.cart_pole().actuator());
  if (!limits.valid()) runtime::panic("plant: the drive's ActuatorConfig is out of range");
  PlantTask task(runtime, *plant, limits, make_sensor_ring(runtime), map_drive(runtime));
  runtime::PeriodicJob job(runtime);
  while (const auto release = job.wait_next_release()) task.run(*release);
  return 0;
}
