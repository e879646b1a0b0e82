# SPDX-License-Identifier: Apache-2.0
# A protocol as it was. newer.capnp is what became of it.
@0xc0dec0de00000002;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");

struct OldItem {
  count @0 :UInt16;
  label @1 :Text;
}

struct OldOrder {
  id @0 :UInt32;
  item @1 :OldItem;
  items @2 :List(OldItem);
  numbers @3 :List(UInt16);
  names @4 :List(Text);
  wide @5 :List(Float64);
  nothing @6 :List(Void);
  flags @7 :List(Bool);
  rows @8 :List(List(UInt8));
}
