# SPDX-License-Identifier: Apache-2.0
# QEMU in instruction-counting mode: one guest instruction is one virtual nanosecond, and runs repeat exactly.
@0xa4d7c3f10b965e28;
using B = import "/capos/bootpack.capnp";

const machine :B.MachineParams = (
  description = "QEMU TCG, icount shift=0: one instruction is 1 ns",
  tscHz = 1000000000,
  quantumNs = 1500,
  overheads = (
    releaseNs = 1500,
    switchNs = 1000,
    blockingNs = 4000,
    jitterNs = 100,
  ),
);
