# SPDX-License-Identifier: Apache-2.0
# A policy service beside an island: who may change which share of best effort, and who may have a CPU kept free of it. When the
# service dies, what stands here is in force again, and init starts it anew.
@0xa3c4619f0d7b28e5;
using M = import "/capos/manifest.capnp";
using Admission = import "/capos/admission.capnp";
using Load = import "/capos/load.capnp";
using Policy = import "/capos/policy.capnp";

const policy :M.SystemManifest = (
  schemaVersion = 1,
  kernelParams = (cpus = 3),
  binaries = [
    (name = "init", path = "services/init"),
    (name = "admission", path = "services/admission"),
    (name = "telemetry", path = "services/telemetry"),
    (name = "policy", path = "services/policy"),
    (name = "policy-ask", path = "services/policy-ask"),
    (name = "probe", path = "services/wakeup-probe"),
    (name = "load", path = "services/load"),
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
        name = "policy", binary = "policy", restarts = 3,
        exports = [(name = "admin", interface = Policy.policyInterface)],
        config = (policy = (desks = [(
          export = "admin",
          shares = [(service = "second", minWeight = 10, maxWeight = 400)],
          leases = [1, 2],
          placement = true,
        )])),
        grants = [
          (name = "placement", kernel = placement),
          (name = "standing", kernel = standingIslands),
          (name = "console", kernel = console),
        ],
      ),
      (
        name = "admin", binary = "policy-ask",
        grants = [(name = "desk", from = "policy.admin"), (name = "console", kernel = console)],
      ),
      (name = "first", binary = "load", config = (load = (kind = cpu, seed = 1))),
      (name = "second", binary = "load", config = (load = (kind = cpu, seed = 2))),
      (
        name = "probe", binary = "probe",
        grants = [(name = "trace", kernel = trace), (name = "timer", kernel = timer)],
      ),
    ],
    islands = [(
      name = "beat",
      cpus = [1],
      tasks = [(name = "beat", service = "probe", period = (hz = 1000), budget = (us = 50))],
    )],
  ),
);
