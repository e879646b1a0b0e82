# SPDX-License-Identifier: Apache-2.0
# What interrupts a CPU. `noise-bench` takes init's place: CPU 0 keeps its clock, CPU 1 is leased and computes, CPU 2 is leased
# and has a task of 1 kHz, CPU 3 has nothing to do. With one CPU: a loop on it, and that task above the loop.
@0x8a3f7b05c2d9e614;
using M = import "/capos/manifest.capnp";

const noise :M.SystemManifest = (
  schemaVersion = 1,
  kernelParams = (cpus = 4, memory = (mib = 256)),
  binaries = [
    (name = "noise-bench", path = "services/noise-bench"),
    (name = "noise-task", path = "services/noise-task"),
  ],
  initConfig = (init = "noise-bench"),
);
