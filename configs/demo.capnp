# SPDX-License-Identifier: Apache-2.0
# The demo: a pole is balanced on a cart at 1 kHz on CPU 1, and a tune goes through a chain of filters at 48 kHz on CPU 2, in
# blocks of 64 frames, while best-effort load does its worst on CPU 0.
@0xd16c4be82f7a9053;
using M = import "/capos/manifest.capnp";
using Admission = import "/capos/admission.capnp";
using Load = import "/capos/load.capnp";
using Units = import "/capos/units.capnp";
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

# The sound device's clock: 4/3 ms, exactly.
const quantum :Units.Period = (frames = (count = 64, rate = 48000));

const demo :M.SystemManifest = (
  schemaVersion = 1,
  kernelParams = (cpus = 3, memory = (mib = 256)),
  binaries = [
    (name = "init", path = "services/init"),
    (name = "admission", path = "services/admission"),
    (name = "telemetry", path = "services/telemetry"),
    (name = "plant", path = "services/cartpole-plant"),
    (name = "controller", path = "services/cartpole-controller"),
    (name = "actuator", path = "services/actuator"),
    (name = "media-source", path = "services/media-source"),
    (name = "media-filter", path = "services/media-filter"),
    (name = "media-driver", path = "services/media-driver"),
    (name = "load", path = "services/load"),
  ],
  initConfig = (
    init = "init",
    buffers = [
      (name = "admission-out", size = (kib = 64)),
      (name = "sensor", size = (kib = 16)),  # ring: plant -> controller
      (name = "drive", size = (kib = 4)),    # cell: actuator -> plant
      (name = "tune", size = (kib = 376), file = "audio/tune.wav"),
    ],
    rings = [
      (name = "dry"),                       # source -> gain
      (name = "loud"),                      # gain -> tone
      (name = "soft"),                      # tone -> sink
      (name = "device"),                    # sink -> driver
      (name = "played", size = (kib = 64)),  # driver -> telemetry: what the host hears
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
          (name = "record", consumes = "played"),
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
        name = "driver", binary = "media-driver", memory = (kib = 512),
        config = (media = (driver = void)),
        grants = [
          (name = "in", consumes = "device"),
          (name = "record", produces = "played"),
          (name = "trace", kernel = trace),
        ],
      ),
      (
        name = "source", binary = "media-source", memory = (kib = 512),
        config = (media = (source = ())),
        grants = [
          (name = "wav", buffer = "tune"),
          (name = "out", produces = "dry"),
          (name = "trace", kernel = trace),
        ],
      ),
      (
        name = "gain", binary = "media-filter", memory = (kib = 512),
        config = (media = (gain = (factor = 1.25))),
        grants = [
          (name = "in", consumes = "dry"),
          (name = "out", produces = "loud"),
          (name = "trace", kernel = trace),
        ],
      ),
      (
        name = "tone", binary = "media-filter", memory = (kib = 512),
        config = (media = (biquad = (kind = lowPass, frequency = 2000))),
        grants = [
          (name = "in", consumes = "loud"),
          (name = "out", produces = "soft"),
          (name = "trace", kernel = trace),
        ],
      ),
      (
        name = "sink", binary = "media-filter", memory = (kib = 512),
        config = (media = (sink = ())),
        grants = [
          (name = "in", consumes = "soft"),
          (name = "out", produces = "device"),
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
    islands = [
    (
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
    ),
    (
      name = "audio",
      cpus = [2],
      offset = (us = 150),  # its releases and the other island's never meet
      tasks = [
        (name = "play", service = "driver", period = .quantum, budget = (us = 30), onMiss = skip, onOverrun = hold),
        (name = "read", service = "source", period = .quantum, budget = (us = 30), onMiss = skip, onOverrun = hold),
        (name = "amplify", service = "gain", period = .quantum, budget = (us = 30), onMiss = skip, onOverrun = hold),
        (name = "filter", service = "tone", period = .quantum, budget = (us = 30), onMiss = skip, onOverrun = hold),
        (name = "limit", service = "sink", period = .quantum, budget = (us = 30), onMiss = skip, onOverrun = hold),
      ],
      chains = [(name = "tune-to-device", path = ["read", "amplify", "filter", "limit", "play"], bound = (us = 6500))],
    ),
    ],
  ),
);
