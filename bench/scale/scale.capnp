# SPDX-License-Identifier: Apache-2.0
# What scheduling costs with many contexts: `scale-bench` takes init's place, and runs an island of a hundred tasks, which are
# threads of `scale-bench-tasks`.
@0xd7f05a1e93c84b62;
using M = import "/capos/manifest.capnp";

const scaleBench :M.SystemManifest = (
  schemaVersion = 1,
  kernelParams = (cpus = 1, memory = (mib = 256)),
  binaries = [
    (name = "scale-bench", path = "services/scale-bench"),
    (name = "scale-bench-tasks", path = "services/scale-bench-tasks"),
  ],
  initConfig = (init = "scale-bench"),
);
