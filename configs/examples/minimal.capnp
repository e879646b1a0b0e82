# SPDX-License-Identifier: Apache-2.0
# The least that is realtime: one task, 100 times a second, on a CPU of its own.
@0x8e20d5b7c46f31a9;
using M = import "/capos/manifest.capnp";
using Admission = import "/capos/admission.capnp";

const minimal :M.SystemManifest = (
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
      (
        name = "probe", binary = "probe",
        grants = [(name = "trace", kernel = trace), (name = "timer", kernel = timer)],
      ),
    ],
    islands = [(
      name = "beat",
      cpus = [1],
      tasks = [(name = "beat", service = "probe", period = (hz = 100), budget = (us = 50))],
    )],
  ),
);
