# SPDX-License-Identifier: Apache-2.0
# Two islands on one CPU: control at 1 kHz, and a slow check of its health at 100 Hz that may stop without it. They are analysed
# together; each has its own end, its own chains and its own consequences.
@0xd27b80f5ce146a93;
using M = import "/capos/manifest.capnp";
using Admission = import "/capos/admission.capnp";
using Robot = import "/capos/robot.capnp";

const drive :Robot.ActuatorConfig = ();
const cartPole :Robot.CartPoleConfig = (actuator = .drive);

const twoIslands :M.SystemManifest = (
  schemaVersion = 1,
  kernelParams = (cpus = 2),
  binaries = [
    (name = "init", path = "services/init"),
    (name = "admission", path = "services/admission"),
    (name = "telemetry", path = "services/telemetry"),
    (name = "plant", path = "services/cartpole-plant"),
    (name = "controller", path = "services/cartpole-controller"),
    (name = "actuator", path = "services/actuator"),
    (name = "probe", path = "services/wakeup-probe"),
  ],
  initConfig = (
    buffers = [
      (name = "admission-out", size = (kib = 64)),
      (name = "sensor", size = (kib = 16)),
      (name = "drive", size = (kib = 4)),
    ],
    services = [
      (
        name = "admission", binary = "admission", memory = (mib = 2),
        exports = [(name = "admission", interface = Admission.admissionInterface)],
        grants = [
          (name = "boot", kernel = bootPackage),
          (name = "out", buffer = "admission-out"),
        ],
      ),
      (
        name = "telemetry", binary = "telemetry", memory = (kib = 512),
        grants = [
          (name = "rings", kernel = traceRings),
          (name = "host", kernel = hostChannel),
          (name = "timer", kernel = timer),
        ],
      ),
      (
        name = "plant", binary = "plant", memory = (kib = 512), config = (cartPole = .cartPole),
        grants = [
          (name = "sensor", buffer = "sensor"),
          (name = "drive", buffer = "drive"),
          (name = "trace", kernel = trace),
        ],
      ),
      (
        name = "actuator", binary = "actuator", passive = true, config = (actuator = .drive),
        exports = [(name = "drive", interface = Robot.actuatorInterface)],
        grants = [
          (name = "drive", buffer = "drive"),
          (name = "timer", kernel = timer),
          (name = "trace", kernel = trace),
        ],
      ),
      (
        name = "controller", binary = "controller", memory = (kib = 512),
        config = (controller = (model = .cartPole)),
        grants = [
          (name = "sensor", buffer = "sensor"),
          (name = "actuator", from = "actuator.drive"),
          (name = "trace", kernel = trace),
        ],
      ),
      (
        name = "health", binary = "probe",
        grants = [(name = "trace", kernel = trace), (name = "timer", kernel = timer)],
      ),
    ],
    islands = [
      (
        name = "balance",
        cpus = [1],
        tasks = [
          (name = "simulate", service = "plant", period = (hz = 1000), budget = (us = 80)),
          (
            name = "control", service = "controller", period = (hz = 1000), budget = (us = 120),
            calls = [(server = "actuator.drive", wcet = (us = 15))], onMiss = hold,
          ),
        ],
        chains = [(name = "angle-to-force", path = ["simulate", "control"], bound = (us = 1500))],
      ),
      (
        name = "watch",
        cpus = [1],
        tasks = [(name = "health", service = "health", period = (hz = 100), budget = (ms = 3), onMiss = stopIsland)],
      ),
    ],
  ),
);
