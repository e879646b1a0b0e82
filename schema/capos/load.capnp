# SPDX-License-Identifier: Apache-2.0
# Best-effort load that a demo or a bench runs beside an island.
@0xa7d09be2467f3c51;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");

enum LoadKind {
  cpu @0;
  # Computes without pause.
  memory @1;
  # Writes and reads through a buffer larger than the caches.
  ipcClient @2;
  # Calls the echo server at its capability "echo" without pause.
  ipcServer @3;
  # Serves Echo.
}

struct LoadConfig {
  kind @0 :LoadKind;
  seed @1 :UInt64 = 1;
}

const echoInterface :UInt64 = 0xc4f1d2a09b3e6875;

interface Echo @0xc4f1d2a09b3e6875 {
  # Returns what it was given.
  echo @0 (a :UInt64, b :UInt64) -> (a :UInt64, b :UInt64);
}
