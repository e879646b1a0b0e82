# SPDX-License-Identifier: Apache-2.0
# Robot control: explicit actuator authority, and the cart-pole's plant and controller.
@0x9c65e1f7d8b24a03;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");
using Units = import "/capos/units.capnp";

const actuatorInterface :UInt64 = 0xd3a8f06c51e97b24;

interface Actuator @0xd3a8f06c51e97b24 {
  # Authority over one actuator: bounded by limits, by freshness and by its mode. Held by exactly whom the
  # manifest grants it to. Commands travel in registers.
  command @0 (position :Float64, velocity :Float64, effort :Float64, validUntilNs :UInt64)
          -> (applied :Float64, state :ActuatorState, refusal :ActuatorRefusal);
  # Drives with `effort` (N or N m) until validUntilNs (machine time); position and velocity are set points for
  # drives that close their own loop, ignored by others. The effort is clamped to the limit; what was applied
  # comes back. A command that is refused changes nothing.
  emergencyStop @1 () -> ();
  # Releases the drive at once and latches: later commands are refused until the machine restarts.
  status @2 () -> (state :ActuatorState, effort :Float64, validUntilNs :UInt64, commands :UInt64, refused :UInt64);
}

enum ActuatorState {
  idle @0;
  # No command yet: no force.
  driving @1;
  holding @2;
  # The last command has expired: its effort is kept for the hold time.
  released @3;
  # The hold time is over: no force, until a fresh command.
  stopped @4;
  # Emergency stop: no force, for good.
}

enum ActuatorRefusal {
  none @0;
  stale @1;
  # validUntilNs is not in the future.
  tooLong @2;
  # validUntilNs is further ahead than the drive's command expiry allows.
  notFinite @3;
  # Effort is NaN or infinite.
  stopped @4;
}

struct ActuatorConfig {
  maxEffort @0 :Float64 = 20;
  # N; larger commands are clamped.
  commandExpiry @1 :Units.Time = (ms = 3);
  # The longest validity a command may claim.
  hold @2 :Units.Time = (ms = 5);
  # How long the last effort is kept after a command has expired, before the drive releases.
  maxSlew @3 :Float64 = 0;
  # N/s, how fast the effort may change from command to command; 0: at once.
}

struct CartPoleConfig {
  # A pole on a cart on a track; angle 0 is upright. SI units.
  cartMass @0 :Float64 = 1.0;
  poleMass @1 :Float64 = 0.2;
  poleLength @2 :Float64 = 0.5;
  # m, pivot to centre of mass.
  cartFriction @3 :Float64 = 0.1;
  # N s/m
  poleFriction @4 :Float64 = 0.002;
  # N m s
  initialAngle @5 :Float64 = 0.05;
  # rad
  positionNoise @6 :Float64 = 0.0005;
  # m, standard deviation of the position sensor
  angleNoise @7 :Float64 = 0.001;
  # rad, standard deviation of the angle sensor
  seed @8 :UInt64 = 1;
  pushes @9 :List(Push);
  actuator @10 :ActuatorConfig;
  # The drive in front of the plant: the same limits and times as the Actuator service states.
}

struct Push {
  # A disturbance: a force on the pole's tip.
  at @0 :Units.Time;
  force @1 :Float64;
  # N
  duration @2 :Units.Time;
}

struct ControllerConfig {
  # The controller's model of the plant, its weights, and the fault it is told to have.
  model @0 :CartPoleConfig;
  positionWeight @1 :Float64 = 10;
  angleWeight @2 :Float64 = 100;
  velocityWeight @3 :Float64 = 1;
  angularVelocityWeight @4 :Float64 = 1;
  effortWeight @5 :Float64 = 0.1;
  commandValidity @6 :Units.Time = (us = 2500);
  fault @7 :FaultKind = none;
  faultAt @8 :Units.Time;
}

enum FaultKind {
  # Faults a service can be told to have, to show what the system does about them.
  none @0;
  hang @1;
  # Computes for ever.
  crash @2;
  # Writes to address zero.
}

struct PlantSample {
  # Plant state as emitted to telemetry, one per job (event kind `user`, code 1).
  position @0 :Float64;
  velocity @1 :Float64;
  angle @2 :Float64;
  angularVelocity @3 :Float64;
  effort @4 :Float64;
  state @5 :ActuatorState;
}

struct ActuatorDecision {
  # What the actuator decided about a command or a stop: emitted for each refusal, and for each accepted command that
  # starts to drive, or reaches or leaves a limit (event kind `user`, code 3).
  number @0 :UInt64;
  # Commands accepted so far.
  asked @1 :Float64;
  # N; 0 for an emergency stop.
  applied @2 :Float64;
  validUntilNs @3 :UInt64;
  caller @4 :UInt64;
  # Number of the calling program.
  state @5 :ActuatorState;
  refusal @6 :ActuatorRefusal;
  limited @7 :Bool;
}

struct ControllerDesign {
  # The controller's gains as computed at its start, and how good they are (event kind `user`, code 4, once).
  regulatorRadius @0 :Float64;
  # Spectral radii of the closed loops, below 1.
  estimatorRadius @1 :Float64;
  regulatorResidual @2 :Float64;
  # Of the Riccati equations, relative to their solutions.
  estimatorResidual @3 :Float64;
  angleGain @4 :Float64;
  # N/rad
  positionGain @5 :Float64;
  # N/m
}
