# SPDX-License-Identifier: Apache-2.0
# Wrong: no constant is a SystemManifest
using M = import "/capos/manifest.capnp";

const params :M.KernelParams = (cpus = 2);
