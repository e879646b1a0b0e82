# SPDX-License-Identifier: Apache-2.0
# The tutorial's machine (docs/tutorial.md): one program of one's own, 200 times a second, on a CPU of its own.
@0xa1d9c04b7e35f286;
using M = import "/capos/manifest.capnp";
using Admission = import "/capos/admission.capnp";

const pulse :M.SystemManifest = (
  schemaVersion = 1,
  kernelParams = (cpus = 2),
  binaries = [
    (name = "init", path = "services/init"),
    (name = "admission", path = "services/admission"),
    (name = "telemetry", path = "services/telemetry"),
    (name = "pulse", path = "services/pulse"),
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
      (name = "pulse", binary = "pulse", grants = [(name = "trace", kernel = trace)]),
    ],
    islands = [(
      name = "pulse",
      cpus = [1],
      tasks = [(name = "pulse", service = "pulse", period = (hz = 200), budget = (us = 20), onMiss = skip)],
    )],
  ),
);
