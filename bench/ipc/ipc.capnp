# SPDX-License-Identifier: Apache-2.0
# The IPC bench: `ipc-bench` takes init's place, builds the cast out of `ipc-bench-child`, and ends the machine.
@0xa9d3c1b06f8e5d27;
using M = import "/capos/manifest.capnp";

const ipcBench :M.SystemManifest = (
  schemaVersion = 1,
  kernelParams = (cpus = 1, memory = (mib = 1024)),
  binaries = [
    (name = "ipc-bench", path = "services/ipc-bench"),
    (name = "ipc-bench-child", path = "services/ipc-bench-child"),
  ],
  initConfig = (init = "ipc-bench"),
);
