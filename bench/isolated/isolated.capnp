# SPDX-License-Identifier: Apache-2.0
# A leased CPU with one task that computes on and on: its budget outlasts the run, so that nothing is due there.
@0xf1c86a20d97b4e53;
using M = import "/capos/manifest.capnp";
using Admission = import "/capos/admission.capnp";

const isolated :M.SystemManifest = (
  schemaVersion = 1,
  kernelParams = (cpus = 2, memory = (mib = 256)),
  binaries = [
    (name = "init", path = "services/init"),
    (name = "admission", path = "services/admission"),
    (name = "telemetry", path = "services/telemetry"),
    (name = "spinner", path = "services/spinner"),
  ],
  initConfig = (
    init = "init",
    buffers = [(name = "admission-out", size = (kib = 64))],
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
      (name = "spinner", binary = "spinner"),
    ],
    islands = [(
      name = "spin",
      cpus = [1],
      tasks = [(name = "spin", service = "spinner", period = (ms = 3600000), budget = (s = 3599))],
    )],
  ),
);
