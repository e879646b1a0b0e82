# SPDX-License-Identifier: Apache-2.0
# Wrong: a node that is no task
using M = import "/capos/manifest.capnp";
using Units = import "/capos/units.capnp";

const quantum :Units.Period = (frames = (count = 64, rate = 48000));

const bad :M.SystemManifest = (
  schemaVersion = 1,
  kernelParams = (cpus = 2),
  binaries = [
    (name = "init", path = "services/init"),
    (name = "source", path = "services/media-source"),
    (name = "filter", path = "services/media-filter"),
    (name = "driver", path = "services/media-driver"),
    (name = "telemetry", path = "services/telemetry"),
  ],
  initConfig = (
    init = "init",
    buffers = [(name = "wav", size = (kib = 4))],
    rings = [(name = "dry"), (name = "wet"), (name = "played")],
    services = [
      (
        name = "driver", binary = "driver", config = (media = (driver = void)),
        grants = [(name = "in", consumes = "wet"), (name = "record", produces = "played"), (name = "trace", kernel = trace)],
      ),
      (
        name = "source", binary = "source", config = (media = (source = ())),
        grants = [(name = "wav", buffer = "wav"), (name = "out", produces = "dry"), (name = "trace", kernel = trace)],
      ),
      (
        name = "tone", binary = "filter", config = (media = (biquad = (frequency = 1000))),
        grants = [(name = "in", consumes = "dry"), (name = "out", produces = "wet"), (name = "trace", kernel = trace)],
      ),
      (name = "telemetry", binary = "telemetry", grants = [(name = "record", consumes = "played")]),
    ],
    islands = [(
      name = "audio",
      cpus = [1],
      tasks = [
        (name = "play", service = "driver", period = .quantum, budget = (us = 30)),
        (name = "read", service = "source", period = .quantum, budget = (us = 30)),
      ],
    )],
  ),
);
