# SPDX-License-Identifier: Apache-2.0
# The machines on which the kernel's objects are tried: `conformance` takes init's place and plays with `child`.
@0xb6e1a6b1c0d94a53;
using M = import "/capos/manifest.capnp";

const twoCpus :M.SystemManifest = (
  schemaVersion = 1,
  kernelParams = (cpus = 2),
  binaries = .binaries,
  initConfig = (init = "conformance"),
);

const oneCpu :M.SystemManifest = (
  schemaVersion = 1,
  kernelParams = (cpus = 1),
  binaries = .binaries,
  initConfig = (init = "conformance"),
);

const binaries :List(M.Binary) = [
  (name = "conformance", path = "services/conformance"),
  (name = "child", path = "services/conformance-child"),
  (name = "admission", path = "services/admission"),
  (name = "policy", path = "services/policy"),
];

const noInit :M.SystemManifest = (
  schemaVersion = 1,
  kernelParams = (cpus = 1),
  binaries = .binaries,
  initConfig = (init = "nobody"),
);
