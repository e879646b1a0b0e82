# SPDX-License-Identifier: Apache-2.0
# One of every kind that the schema language has and the generator supports.
@0xc0dec0de00000001;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");

enum Colour {
  red @0;
  green @1;
  default @2;
}

struct Point {
  x @0 :Float32;
  y @1 :Float32 = 1.25;
}

struct Small {
  # Fits in registers, with a union, a group in it, and defaults of all sizes.
  flag @0 :Bool = true;
  tiny @1 :Int8 = -3;
  colour @2 :Colour = green;
  wide @3 :UInt64 = 0xfedcba9876543210;
  choice :union {
    nothing @4 :Void;
    number @5 :Int32 = -7;
    real @6 :Float64 = 0.5;
    pair :group {
      first @7 :UInt16;
      second @8 :UInt16 = 9;
    }
  }
}

struct Leaf {
  name @0 :Text;
  value @1 :Int64;
  tags @2 :List(Text);
}

struct Kinds {
  void @0 :Void;
  bool @1 :Bool;
  boolTrue @2 :Bool = true;
  i8 @3 :Int8;
  i16 @4 :Int16 = -300;
  i32 @5 :Int32;
  i64 @6 :Int64 = -1;
  u8 @7 :UInt8 = 200;
  u16 @8 :UInt16;
  u32 @9 :UInt32 = 7;
  u64 @10 :UInt64;
  f32 @11 :Float32 = 1.5;
  f64 @12 :Float64 = -0.25;
  colour @13 :Colour = default;
  text @14 :Text;
  textDefault @15 :Text = "por\tdefecto";
  data @16 :Data;
  dataDefault @17 :Data = 0x"0102ff";
  leaf @18 :Leaf;
  leafDefault @19 :Leaf = (name = "blatt", value = 5, tags = ["a", "bb"]);
  child @20 :Kinds;
  children @21 :List(Kinds);
  voids @22 :List(Void);
  bools @23 :List(Bool);
  i8s @24 :List(Int8);
  u16s @25 :List(UInt16);
  u32s @26 :List(UInt32) = [1, 2, 3];
  u64s @27 :List(UInt64);
  f32s @28 :List(Float32);
  f64s @29 :List(Float64);
  colours @30 :List(Colour);
  texts @31 :List(Text);
  datas @32 :List(Data);
  leaves @33 :List(Leaf) = [(name = "x"), (value = 2)];
  points @34 :List(Point);
  matrix @35 :List(List(Int32));
  deep @36 :List(List(List(Text)));
  leafLists @37 :List(List(Leaf));
  any @38 :AnyPointer;
  cap @39 :Base;
  caps @40 :List(Derived);
  small @41 :Small;
  nested @42 :Nested;
  where :group {
    line @43 :UInt32;
    file @44 :Text;
  }
  union {
    none @45 :Void;
    number @46 :UInt32;
    word @47 :Text;
    both :group {
      left @48 :Int16;
      right @49 :Leaf;
    }
    list @50 :List(UInt8);
  }
  shape :union {
    circle @51 :Float64;
    square @52 :Float64;
    polygon @53 :List(Point);
    new @54 :Bool;
  }
  listMatrix @55 :List(List(Bool));

  struct Nested {
    mode @0 :Mode;
    inner @1 :Inner;
    enum Mode {
      off @0;
      on @1;
    }
    struct Inner {
      register @0 :UInt8;
    }
  }
}

const answer :UInt32 = 42;
const greeting :Text = "hej\n\"du\"";
const ratio :Float64 = 2.5;
const origin :Point = (x = 1.5, y = -2);
const primes :List(UInt16) = [2, 3, 5, 7];
const blob :Data = 0x"00ff10";

interface Base @0xc0dec0de00000010 {
  # What every test object can.
  ping @0 (value :UInt32) -> (value :UInt32);
  describe @1 (prefix :Text) -> (text :Text);
}

interface Counter @0xc0dec0de00000011 extends(Base) {
  add @0 (amount :Int64 = 1, twice :Bool) -> (total :Int64);
  reset @1 () -> ();
}

interface Named @0xc0dec0de00000012 extends(Base) {
  getName @0 () -> Leaf;
  setSmall @1 Small -> Small;
}

interface Derived @0xc0dec0de00000013 extends(Counter, Named) {
  # Inherits Base twice.
  delete @0 (target :Base) -> (done :Bool);
}
