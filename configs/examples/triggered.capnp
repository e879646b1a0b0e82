# SPDX-License-Identifier: Apache-2.0
# A chain of triggered hops: control is released by the finish of simulate, so the force follows the angle at once.
@0xd8137e5ab90c264f;
using M = import "/capos/manifest.capnp";
using Admission = import "/capos/admission.capnp";
using Robot = import "/capos/robot.capnp";

const drive :Robot.ActuatorConfig = ();
const cartPole :Robot.CartPoleConfig = (actuator = .drive);

const triggered :M.SystemManifest = (
  schemaVersion = 1,
  kernelParams = (cpus = 2),
  binaries = [
    (name = "init", path = "services/init"),
    (name = "admission", path = "services/admission"),
    (name = "telemetry", path = "services/telemetry"),
    (name = "plant", path = "services/cartpole-plant"),
    (name = "controller", path = "services/cartpole-controller"),
    (name = "actuator", path = "services/actuator"),
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
    ],
    islands = [(
      name = "balance",
      cpus = [1],
      tasks = [
        (name = "simulate", service = "plant", period = (hz = 1000), budget = (us = 80), deadline = (us = 200)),
        (
          name = "control", service = "controller", period = (hz = 1000), budget = (us = 120),
          calls = [(server = "actuator.drive", wcet = (us = 15))], onMiss = hold,
        ),
      ],
      chains = [(name = "angle-to-force", path = ["simulate", "control"], bound = (us = 500), hops = triggered)],
    )],
  ),
);
