# SPDX-License-Identifier: Apache-2.0
# A media graph: nodes that pass blocks of samples on, one block in each cycle of the device's clock.
@0xd276143b28a204d7;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");
using Units = import "/capos/units.capnp";

const framesPerBlock :UInt32 = 64;
const frameRate :UInt32 = 48000;
# Hz
const greatestGain :Float64 = 16;
const lowestCorner :Float64 = 10;
const highestCorner :Float64 = 20000;
# Hz
const leastQ :Float64 = 0.1;
const greatestQ :Float64 = 20;

struct NodeConfig {
  # One node. Its task's cycle is framesPerBlock at frameRate; block n belongs to the cycle of the island's release n.
  # Grants by name: "in" and "out" are the ends of rings, "trace" is kernel = trace.
  union {
    source @0 :SourceConfig;
    # Grants: out, wav (a buffer with a file), trace.
    gain @1 :GainConfig;
    # Grants: in, out, trace; so for biquad and sink.
    biquad @2 :BiquadConfig;
    sink @3 :SinkConfig;
    # The last node before the device: it leaves nothing in a block that a converter could not take.
    driver @4 :Void;
    # The device: in each cycle it takes the block of the cycle before and plays it, or silence. It keeps the clock.
    # Grants: in, record (produces; who consumes it hands the played blocks to the host), trace.
  }
  fault @5 :NodeFault;
}

struct SourceConfig {
  # Plays a WAV file: 16-bit PCM at frameRate, one channel (played on both sides) or two.
  loop @0 :Bool = true;
  # From its end it begins again; otherwise silence follows.
}

struct GainConfig {
  factor @0 :Float64 = 1;
  # 0 to greatestGain
}

struct BiquadConfig {
  # A second-order filter by R. Bristow-Johnson's cookbook of equalisers.
  kind @0 :BiquadKind;
  frequency @1 :Float64 = 1000;
  # Hz, lowestCorner to highestCorner
  q @2 :Float64 = 0.7071067811865476;
  # leastQ to greatestQ
}

enum BiquadKind {
  lowPass @0;
  highPass @1;
}

struct SinkConfig {
  ceiling @0 :Float64 = 1;
  # Above 0, to 1: samples beyond it are cut, what is no number is 0.
}

struct NodeFault {
  # What the node is told to do wrong, to show what the system does about it.
  slowFrom @0 :UInt64;
  # Jobs from this cycle on compute for several times the task's budget,
  slowCycles @1 :UInt32;
  # until so many cycles are over; 0: none does.
}

enum XrunKind {
  underrun @0;
  # No block of the cycle was there: silence took its place.
  overrun @1;
  # No room for the block: it is lost.
}

enum XrunCause {
  unknown @0;
  upstreamLate @1;
  # The node itself knows no more than the first five; the report finds the others in the kernel's record of the job that
  # was to blame.
  upstreamGone @2;
  # The program that fills the ring has ended.
  downstreamLate @3;
  # The ring is full: the program that empties it has not come to it.
  downstreamGone @4;
  badBlock @5;
  # What lay in the ring was no block of this cycle.
  budgetSpent @6;
  # The job to blame had spent its budget.
  deadlineMissed @7;
  # It was still at work at its deadline.
  preempted @8;
  # So it was, and others had kept the CPU from it.
  skipped @9;
  # It had no job in the cycle.
}

struct Xrun {
  # Emitted by the node that met it, once for each block (event kind `user`, code 5).
  cycle @0 :UInt64;
  # The block's number.
  kind @1 :XrunKind;
  cause @2 :XrunCause;
  dropped @3 :UInt32;
  # Late blocks of earlier cycles that it passed over on the way.
}
