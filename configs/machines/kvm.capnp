# SPDX-License-Identifier: Apache-2.0
# QEMU with KVM: the processor's own time. Assumed, not measured: no host with a usable KVM was at hand, and a
# virtual CPU is late by whatever its host does. State what your host keeps.
@0xb8f21c57d0e36a94;
using B = import "/capos/bootpack.capnp";

const machine :B.MachineParams = (
  description = "QEMU KVM: real time, frequency calibrated at boot",
  tscHz = 0,
  quantumNs = 0,
  overheads = (
    releaseNs = 5000,
    switchNs = 2000,
    blockingNs = 5000,
    jitterNs = 30000,
  ),
);
