// SPDX-License-Identifier: Apache-2.0
// The simulated cart-pole: integration in steps, pushes at set times, noisy sensors.
//
// Bounds: a step of any length up to kMaxStep integrates at most kMaxStep / kSubstep substeps; at most
// kMaxPushes pushes. Times are counted in whole nanoseconds from the start, so nothing drifts. Same seed,
// same steps, same forces: same bits.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "capos/base/result.hpp"
#include "capos/base/time.hpp"
#include "capos/robot/cart_pole.hpp"
#include "capos/robot/random.hpp"

namespace capos::robot {

inline constexpr std::size_t kMaxPushes = 32;
inline constexpr Duration kSubstep = Duration::us(250);
inline constexpr Duration kMaxStep = Duration::ms(20);

// A force on the pole's tip from `at` (after the start) for `duration`.
struct Push {
  Duration at;
  double force = 0.0;  // N
  Duration duration;
};

struct SensorNoise {
  double position = 0.0;  // m, standard deviation
  double angle = 0.0;     // rad
};

struct Measurement {
  double position = 0.0;
  double angle = 0.0;
};

enum class PlantError : std::uint8_t {
  bad_parameters = 1,  // a mass or length that is not positive, or a value that is not finite
  too_many_pushes,     // more than kMaxPushes
  bad_push,            // a force that is not finite, or a negative time
};

struct PlantSetup {
  CartPoleParameters parameters;
  CartPoleState initial;
  SensorNoise noise;
  std::uint64_t seed = 1;
};

class Plant {
 public:
  [[nodiscard]] static ResultOf<Plant, PlantError> create(const PlantSetup& setup,
                                                          std::span<const Push> pushes) noexcept;

  // Lets `length` pass (clamped to 0..kMaxStep) under the drive's force.
  void step(double drive_force, Duration length) noexcept;

  // Reads the sensors: the state plus fresh noise.
  [[nodiscard]] Measurement measure() noexcept;

  [[nodiscard]] const CartPoleState& state() const noexcept { return state_; }
  [[nodiscard]] Duration elapsed() const noexcept { return elapsed_; }
  // The sum of the pushes active now, N.
  [[nodiscard]] double push_force() const noexcept;

 private:
  Plant(const PlantSetup& setup, std::span<const Push> pushes) noexcept;

  CartPoleParameters parameters_;
  CartPoleState state_;
  SensorNoise noise_;
  Random random_;
  Duration elapsed_{};
  std::array<Push, kMaxPushes> pushes_{};
  std::size_t push_count_ = 0;
};

}  // namespace capos::robot
