# SPDX-License-Identifier: Apache-2.0
# Wrong: which one is meant?
using M = import "/capos/manifest.capnp";

const first :M.SystemManifest = (schemaVersion = 1);
const second :M.SystemManifest = (schemaVersion = 1);
