# SPDX-License-Identifier: Apache-2.0
# The demo: a pole is balanced on a cart at 1 kHz on CPU 1, while best-effort load does its worst on CPU 0.
@0xd16c4be82f7a9053;
using M = import "/capos/manifest.capnp";
using Admission = import "/capos/admission.capnp";
using Load = import "/capos/load.capnp";
using Robot = import "/capos/robot.capnp";

# What is driven: the plant simulates it, the controller holds it as its model.
const drive :Robot.ActuatorConfig = (maxEffort = 20, commandExpiry = (ms = 3), hold = (ms = 5));
const cartPole :Robot.CartPoleConfig = (
  initialAngle = 0.05,
  seed = 1,
  pushes = [
    (at = (s = 2), force = 1.5, duration = (ms = 50)),
    (at = (s = 5), force = -2.5, duration = (ms = 50)),
    (at = (s = 8), force = 0.5, duration = (ms = 30)),
  ],
  actuator = .drive,
);

const demo :M.SystemManifest = (
  schemaVersion = 1,
  kernelParams = (cpus = 2, memory = (mib = 256)),
  binaries = [
    (name = "init", path = "services/init"),
    (name = "admission", path = "services/admission"),
    (name = "telemetry", path = "services/telemetry"),
    (name = "plant", path = "services/cartpole-plant"),
    (name = "controller", path = "services/cartpole-controller"),
    (name = "actuator", path = "services/actuator"),
    (name = "load", path = "services/load"),
  ],
  initConfig = (
    init = "init",
    buffers = [
      (name = "admission-out", size = (kib = 64)),
      (name = "sensor", size = (kib = 16)),  # ring: plant -> controller
      (name = "drive", size = (kib = 4)),    # cell: actuator -> plant
    ],
    services = [
      (
        name = "admission", binary = "admission", memory = (mib = 2),
        exports = [(name = "admission", interface = Admission.admissionInterface)],
        grants = [
          (name = "boot", kernel = bootPackage),
          (name = "out", buffer = "admission-out"),
          (name = "console", kernel = console),
        ],
      ),
      (
        name = "telemetry", binary = "telemetry", memory = (kib = 512),
        grants = [
          (name = "rings", kernel = traceRings),
          (name = "host", kernel = hostChannel),
          (name = "timer", kernel = timer),
          (name = "console", kernel = console),
        ],
      ),
      (
        name = "plant", binary = "plant", memory = (kib = 512),
        config = (cartPole = .cartPole),
        grants = [
          (name = "sensor", buffer = "sensor"),
          (name = "drive", buffer = "drive"),
          (name = "trace", kernel = trace),
        ],
      ),
      (
        name = "actuator", binary = "actuator", memory = (kib = 512), passive = true,
        config = (actuator = .drive),
        exports = [(name = "drive", interface = Robot.actuatorInterface)],
        grants = [
          (name = "drive", buffer = "drive"),
          (name = "timer", kernel = timer),
          (name = "trace", kernel = trace),
        ],
      ),
      (
        name = "controller", binary = "controller", memory = (kib = 512),
        config = (controller = (model = .cartPole, commandValidity = (us = 2500))),
        grants = [
          (name = "sensor", buffer = "sensor"),
          (name = "actuator", from = "actuator.drive"),
          (name = "trace", kernel = trace),
        ],
      ),
      (
        name = "load-cpu", binary = "load", config = (load = (kind = cpu, seed = 1)),
      ),
      (
        name = "load-memory", binary = "load", memory = (mib = 12),
        config = (load = (kind = memory, seed = 2)),
      ),
      (
        name = "load-server", binary = "load", config = (load = (kind = ipcServer)),
        exports = [(name = "echo", interface = Load.echoInterface)],
      ),
      (
        name = "load-client", binary = "load", config = (load = (kind = ipcClient, seed = 3)),
        grants = [(name = "echo", from = "load-server.echo")],
      ),
    ],
    islands = [(
      name = "balance",
      cpus = [1],
      tasks = [
        (
          name = "simulate", service = "plant", period = (ms = 1), budget = (us = 80),
          onMiss = runLate, onOverrun = runLate,
        ),
        (
          name = "control", service = "controller", period = (ms = 1), budget = (us = 120),
          calls = [(server = "actuator.drive", wcet = (us = 15))],
          onMiss = hold, onOverrun = hold,
        ),
      ],
      chains = [(name = "angle-to-force", path = ["simulate", "control"], bound = (us = 1500))],
    )],
  ),
);
