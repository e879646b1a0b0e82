# SPDX-License-Identifier: Apache-2.0
# The wake-up bench: a 1 kHz task and best-effort load share the only CPU; the task measures its own lateness.
@0x93be05d7f1c2a846;
using M = import "/capos/manifest.capnp";
using Admission = import "/capos/admission.capnp";
using Load = import "/capos/load.capnp";

const wakeup :M.SystemManifest = (
  schemaVersion = 1,
  kernelParams = (cpus = 1, memory = (mib = 256)),
  binaries = [
    (name = "init", path = "services/init"),
    (name = "admission", path = "services/admission"),
    (name = "telemetry", path = "services/telemetry"),
    (name = "wakeup-probe", path = "services/wakeup-probe"),
    (name = "load", path = "services/load"),
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
      (
        name = "wakeup-probe", binary = "wakeup-probe",
        grants = [(name = "trace", kernel = trace), (name = "timer", kernel = timer)],
      ),
      (name = "load-cpu", binary = "load", config = (load = (kind = cpu, seed = 1))),
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
      name = "wakeup",
      cpus = [0],
      slack = bestEffort,
      tasks = [(name = "probe", service = "wakeup-probe", period = (hz = 1000), budget = (us = 50), onMiss = skip)],
    )],
  ),
);
