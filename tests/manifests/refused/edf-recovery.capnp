# SPDX-License-Identifier: Apache-2.0
# Refused: under EDF a server's recovery takes too much of the time until its most urgent caller is due
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
      (name = "slow", binary = "worker", grants = [(name = "drive", from = "server.drive")]),
      (
        name = "server", binary = "server", passive = true, exports = [(name = "drive", interface = 7)],
        recovery = (budget = (us = 350), period = (us = 800)),
      ),
      (name = "noise", binary = "load", grants = [(name = "samples", buffer = "samples")]),
    ],
    islands = [(
      name = "beat",
      cpus = [1],
      policy = edf,
      tasks = [
        (
          name = "work", service = "worker", period = (ms = 1), budget = (us = 100), deadline = (us = 550),
          calls = [(server = "server.drive", wcet = (us = 15))],
        ),
        (name = "slow", service = "slow", period = (ms = 4), budget = (us = 700), deadline = (us = 1500), calls = [(server = "server.drive", wcet = (us = 10))]),
      ],
    )],
  ),
);
