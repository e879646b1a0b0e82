# SPDX-License-Identifier: Apache-2.0
# Wrong: a recovery of less than the least budget
using M = import "/capos/manifest.capnp";

const bad :M.SystemManifest = (
  schemaVersion = 1,
  kernelParams = (cpus = 2),
  binaries = [
    (name = "init", path = "services/init"),
    (name = "worker", path = "services/wakeup-probe"),
    (name = "server", path = "services/actuator"),
    (name = "load", path = "services/load"),
  ],
  initConfig = (
    init = "init",
    buffers = [(name = "samples", size = (kib = 16))],
    services = [
      (name = "worker", binary = "worker", grants = [(name = "drive", from = "server.drive")]),
      (name = "server", binary = "server", passive = true, recovery = (budget = (us = 4), period = (ms = 10)), exports = [(name = "drive", interface = 7)]),
      (name = "noise", binary = "load", grants = [(name = "samples", buffer = "samples")]),
    ],
    islands = [(
      name = "beat",
      cpus = [1],
      tasks = [
        (
          name = "work", service = "worker", period = (ms = 1), budget = (us = 100),
          calls = [(server = "server.drive", wcet = (us = 15))],
        ),
      ],
    )],
  ),
);
