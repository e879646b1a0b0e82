# SPDX-License-Identifier: Apache-2.0
# Two rates that no order of priorities fits on one CPU: 95 % of it, by the earliest deadline. `policy = fixedPriority` shows why.
@0xc62f0b6d51a7e93a;
using M = import "/capos/manifest.capnp";
using Admission = import "/capos/admission.capnp";

const edf :M.SystemManifest = (
  schemaVersion = 1,
  kernelParams = (cpus = 2),
  binaries = [
    (name = "init", path = "services/init"),
    (name = "admission", path = "services/admission"),
    (name = "telemetry", path = "services/telemetry"),
    (name = "probe", path = "services/wakeup-probe"),
  ],
  initConfig = (
    buffers = [(name = "admission-out", size = (kib = 64))],
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
      (name = "camera", binary = "probe", grants = [(name = "trace", kernel = trace), (name = "timer", kernel = timer)]),
      (name = "lidar", binary = "probe", grants = [(name = "trace", kernel = trace), (name = "timer", kernel = timer)]),
    ],
    islands = [(
      name = "perception",
      cpus = [1],
      policy = edf,
      tasks = [
        (name = "camera", service = "camera", period = (ms = 2), budget = (us = 900)),
        (name = "lidar", service = "lidar", period = (ms = 3), budget = (us = 1500)),
      ],
    )],
  ),
);
