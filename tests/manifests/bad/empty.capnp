# SPDX-License-Identifier: Apache-2.0
# Wrong: nothing but a constant
using M = import "/capos/manifest.capnp";

const bad :M.SystemManifest = ();
