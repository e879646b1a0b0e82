// SPDX-License-Identifier: Apache-2.0
// From manifest messages to the cores' structs: units, defaults, limits on lengths.
#include "capos/robot/config.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "capos/robot/actuator_guard.hpp"

namespace capos::robot {
namespace {

// One message under construction, read back through a reader of its own.
template <typename Struct>
class Message {
 public:
  explicit Message(const std::function<void(typename Struct::Builder)>& build = {}) {
    wire::MessageBuilder builder(words_);
    auto root = builder.init_root<Struct>();
    if (build) build(root);
    EXPECT_EQ(builder.error(), wire::Error::none);
    reader_.emplace(builder.words());
  }
  [[nodiscard]] typename Struct::Reader root() { return reader_->template root<Struct>(); }

 private:
  std::array<wire::Word, 1024> words_{};
  std::optional<wire::MessageReader> reader_;
};

Duration read(const std::function<void(schema::Time::Builder)>& build) {
  Message<schema::Time> message(build);
  return to_duration(message.root());
}

TEST(RobotConfig, TimesAreReadInEveryUnit) {
  EXPECT_EQ(read([](auto t) { t.set_ns(7); }), Duration::ns(7));
  EXPECT_EQ(read([](auto t) { t.set_us(7); }), Duration::us(7));
  EXPECT_EQ(read([](auto t) { t.set_ms(7); }), Duration::ms(7));
  EXPECT_EQ(read([](auto t) { t.set_s(7); }), Duration::s(7));
  EXPECT_EQ(read([](auto t) { t.set_unset(); }), Duration{});
  for (const auto& huge : {read([](auto t) { t.set_s(~0ull); }), read([](auto t) { t.set_ns(~0ull); })}) {
    EXPECT_EQ(huge, Duration::s(365 * 24 * 3600)) << "saturates";
  }
}

TEST(RobotConfig, TheSchemasDefaultsAreTheCoresDefaults) {
  Message<schema::ControllerConfig> message;
  const auto config = message.root();
  const CartPoleParameters parameters = to_parameters(config.model()), p;
  EXPECT_EQ(parameters.cart_mass, p.cart_mass);
  EXPECT_EQ(parameters.pole_mass, p.pole_mass);
  EXPECT_EQ(parameters.pole_length, p.pole_length);
  EXPECT_EQ(parameters.cart_friction, p.cart_friction);
  EXPECT_EQ(parameters.pole_friction, p.pole_friction);
  const ControlWeights weights = to_weights(config), w;
  EXPECT_EQ(weights.position, w.position);
  EXPECT_EQ(weights.velocity, w.velocity);
  EXPECT_EQ(weights.angle, w.angle);
  EXPECT_EQ(weights.angular_velocity, w.angular_velocity);
  EXPECT_EQ(weights.effort, w.effort);
  const DriveLimits limits = to_drive_limits(config.model().actuator());
  EXPECT_TRUE(limits.valid());
  EXPECT_EQ(limits.max_effort, 20.0);
  EXPECT_EQ(limits.max_slew, 0.0);
  EXPECT_EQ(limits.command_expiry, Duration::ms(3));
  EXPECT_EQ(limits.hold, Duration::ms(5));
  EXPECT_EQ(to_duration(config.command_validity()), Duration::us(2500));
  EXPECT_TRUE(make_plant(config.model()).has_value());
  EXPECT_TRUE(
      design_control(parameters, weights, to_sensor_noise(config.model()), {}, Duration::ms(1)).has_value());
}

TEST(RobotConfig, PushesArriveInThePlant) {
  Message<schema::CartPoleConfig> message([](schema::CartPoleConfig::Builder config) {
    const auto pushes = config.init_pushes(1);
    pushes[0].init_at().set_ms(1);
    pushes[0].set_force(2.5);
    pushes[0].init_duration().set_ms(2);
  });
  auto plant = make_plant(message.root());
  ASSERT_TRUE(plant.has_value());
  EXPECT_EQ(plant->push_force(), 0.0);
  plant->step(0.0, Duration::ms(1));
  EXPECT_EQ(plant->push_force(), 2.5);
  plant->step(0.0, Duration::ms(2));
  EXPECT_EQ(plant->push_force(), 0.0);
  EXPECT_EQ(plant->state().position != 0.0, true);
}

TEST(RobotConfig, TooManyPushesAreRefused) {
  for (const std::uint32_t count :
       {static_cast<std::uint32_t>(kMaxPushes), static_cast<std::uint32_t>(kMaxPushes) + 1}) {
    Message<schema::CartPoleConfig> message(
        [&](schema::CartPoleConfig::Builder config) { config.init_pushes(count); });
    const auto plant = make_plant(message.root());
    EXPECT_EQ(plant.has_value(), count <= kMaxPushes);
    if (!plant.has_value()) {
      EXPECT_EQ(plant.error(), PlantError::too_many_pushes);
    }
  }
}

// The cores' enumerations travel as numbers of the schema's.
TEST(RobotConfig, EnumerationsHaveTheSchemasNumbers) {
  using schema::ActuatorRefusal;
  using schema::ActuatorState;
  const auto same = [](auto core, auto wire) {
    return static_cast<unsigned>(core) == static_cast<unsigned>(wire);
  };
  EXPECT_TRUE(same(DriveState::idle, ActuatorState::idle));
  EXPECT_TRUE(same(DriveState::driving, ActuatorState::driving));
  EXPECT_TRUE(same(DriveState::holding, ActuatorState::holding));
  EXPECT_TRUE(same(DriveState::released, ActuatorState::released));
  EXPECT_TRUE(same(DriveState::stopped, ActuatorState::stopped));
  EXPECT_TRUE(same(Refusal::none, ActuatorRefusal::none));
  EXPECT_TRUE(same(Refusal::stale, ActuatorRefusal::stale));
  EXPECT_TRUE(same(Refusal::too_long, ActuatorRefusal::too_long));
  EXPECT_TRUE(same(Refusal::not_finite, ActuatorRefusal::not_finite));
  EXPECT_TRUE(same(Refusal::stopped, ActuatorRefusal::stopped));
}

}  // namespace
}  // namespace capos::robot
