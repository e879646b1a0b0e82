# SPDX-License-Identifier: Apache-2.0
# older.capnp after years of compatible changes: fields added, lists of scalars become lists of structs.
@0xc0dec0de00000003;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");

struct NewItem {
  count @0 :UInt16;
  label @1 :Text;
  price @2 :UInt64 = 99;
  notes @3 :List(Text);
  origin @4 :NewItem;
}

struct NewNumber {
  value @0 :UInt16;
  unit @1 :Text;
  scale @2 :UInt32 = 10;
}

struct NewName {
  name @0 :Text;
  rank @1 :UInt8 = 3;
}

struct NewWide {
  value @0 :Float64;
  valid @1 :Bool = true;
}

struct NewNothing {
  something @0 :UInt32 = 8;
}

struct NewOrder {
  id @0 :UInt32;
  item @1 :NewItem;
  items @2 :List(NewItem);
  numbers @3 :List(NewNumber);
  names @4 :List(NewName);
  wide @5 :List(NewWide);
  nothing @6 :List(NewNothing);
  flags @7 :List(Bool);
  rows @8 :List(List(UInt8));
  customer @9 :Text = "nobody";
  urgent @10 :Bool = true;
}
