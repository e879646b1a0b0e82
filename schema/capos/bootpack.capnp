# SPDX-License-Identifier: Apache-2.0
# The boot module: manifest, programs, and what the launcher knows of the machine.
@0x8c6bf5ffc04f29e9;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");
using Manifest = import "/capos/manifest.capnp";
using Certificate = import "/capos/certificate.capnp";

struct BootPack {
  magic @0 :UInt64;
  # bootPackMagic
  machine @1 :MachineParams;
  manifest @2 :Manifest.SystemManifest;
  programs @3 :List(Program);
  run @4 :RunParams;
  files @5 :List(BufferFile);
}

const bootPackMagic :UInt64 = 0x6b636170736f7063;

struct MachineParams {
  # What a boot image cannot find out by itself.
  tscHz @0 :UInt64;
  # 0: calibrate. On the deterministic machine 10^9; checked against the calibration.
  quantumNs @1 :UInt64;
  # Simulation quantum: on a machine that runs several CPUs in turn, the longest another CPU's event waits for
  # the turn of a CPU that computes best effort, what ends that turn included. 0: none.
  overheads @2 :Certificate.Overheads;
  # Of one CPU. With several CPUs quantumNs is added to jitterNs, by kernel and analyser alike.
  description @3 :Text;
}

struct Program {
  name @0 :Text;
  image @1 :Data;
  # Static ELF64.
}

struct BufferFile {
  buffer @0 :Text;
  # The name in InitConfig.buffers.
  content @1 :Data;
}

struct RunParams {
  durationNs @0 :UInt64;
  # From the islands' start to the orderly end; 0: until something ends it.
  warmupNs @1 :UInt64 = 5000000;
  # From the last spawn to the islands' start.
  traceSwitches @2 :Bool;
  # Events for each dispatch, release, interrupt, and call that lends its time. Ways through the kernel that leave none are not
  # taken then: jobs and calls take longer.
}
