# SPDX-License-Identifier: Apache-2.0
# Quantities whose unit is the name of the choice, never a bare number.
@0xe0b7c1a83f5d4429;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");

struct Time {
  # A length of time.
  union {
    unset @0 :Void;
    ns @1 :UInt64;
    us @2 :UInt64;
    ms @3 :UInt64;
    s @4 :UInt64;
  }
}

struct Period {
  # How often; an exact fraction of a second whatever the unit.
  union {
    unset @0 :Void;
    ns @1 :UInt64;
    us @2 :UInt64;
    ms @3 :UInt64;
    hz @4 :UInt32;
    frames :group {
      # A block of samples of a stream: count / rate seconds.
      count @5 :UInt32;
      rate @6 :UInt32;
    }
  }
}

struct Size {
  # An amount of memory.
  union {
    unset @0 :Void;
    kib @1 :UInt64;
    mib @2 :UInt64;
    gib @3 :UInt64;
  }
}

enum LatencyClass {
  # How soon best effort runs once it may, at equal weight. It changes nothing about its share.
  interactive @0;
  # Asks for a quarter of KernelParams.bestEffortSlice at a time: runs sooner, and shorter.
  normal @1;
  batch @2;
  # Asks for five slices at a time.
}
