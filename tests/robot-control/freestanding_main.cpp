// SPDX-License-Identifier: Apache-2.0
// The control loop as a program without a C library: design, ten seconds of balance, every function of libm.
// Exit status 0: balanced and all values right; otherwise the number of the step that failed.
#include <cmath>
#include <numbers>

#include "capos/robot/actuator_guard.hpp"
#include "capos/robot/controller.hpp"
#include "capos/robot/plant.hpp"

namespace {

using namespace capos;
using namespace capos::robot;

constexpr Duration kPeriod = Duration::ms(1);
constexpr SensorNoise kNoise{.position = 0.0005, .angle = 0.001};
constexpr DriveLimits kLimits{.max_effort = 20.0, .command_expiry = Duration::ms(3), .hold = Duration::ms(5)};

bool near(double a, double b) { return std::fabs(a - b) <= 1e-14 * std::fabs(b); }

// volatile: the values must come from the library, not from the compiler.
bool library_computes() {
  volatile double x = 0.75;
  return near(std::sin(x), 0.68163876002333417) && near(std::cos(x), 0.73168886887382088) &&
         near(std::tan(x), 0.93159645994407246) && near(std::exp(x), 2.1170000166126748) &&
         near(std::log(x), -0.2876820724517809) && near(std::pow(x, 2.5), 0.48713928962874672) &&
         near(std::sqrt(x), 0.8660254037844386) && near(std::atan2(x, 2.0), 0.35877067027057222) &&
         near(std::asin(x), 0.848062078981481) && near(std::acos(x), 0.7227342478134157) &&
         near(std::tanh(x), 0.6351489523872873) && near(std::hypot(x, 1.0), 1.25) &&
         near(std::fmod(x, 0.5), 0.25) && near(std::floor(-x), -1.0) &&
         near(std::cbrt(x), 0.9085602964160698);
}

int balance() {
  const auto design = design_control({}, {}, kNoise, {}, kPeriod);
  if (!design) return 2;
  const Push push{Duration::s(2), 3.0, Duration::ms(50)};
  auto plant = Plant::create({.initial = {.angle = 0.05}, .noise = kNoise, .seed = 1}, std::span(&push, 1));
  if (!plant) return 3;
  Controller controller(*design, kLimits.max_effort, kPeriod);
  ActuatorGuard guard(kLimits);
  Time now = Time::from_ns(1'000'000);
  for (int i = 0; i < 10'000; ++i) {
    plant->step(guard.output(now).effort, kPeriod);
    now += kPeriod;
    const double force = controller.decide(TimedMeasurement{now, plant->measure()});
    controller.applied(guard.command(force, now + Duration::us(2500), now).applied);
    if (std::fabs(plant->state().angle) > 0.5) return 4;
  }
  return std::fabs(plant->state().angle) < 0.02 ? 0 : 5;
}

}  // namespace

extern "C" int capos_test_main() { return library_computes() ? balance() : 1; }
