# SPDX-License-Identifier: Apache-2.0
# The admission service: from the manifest the machine was booted with to certificates or refusals.
@0xb8f24c907ad1e365;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");

const admissionInterface :UInt64 = 0xe2f61b09c47d83a5;

interface Admission @0xe2f61b09c47d83a5 {
  # Answers are put into the memory object that the service was granted as "out"; `offset` and `size` are bytes in
  # it. An answer stays until the next call.
  admit @0 (island :UInt16) -> (outcome :AdmissionOutcome, offset :UInt32, size :UInt32);
  # Island number `island` of the manifest. `admitted`: the place of an IslandCertificate message (its words,
  # without stream framing). `refused`: of one line of UTF-8 text, the same that `./capos admit` prints. `invalid`: of
  # the first rule the manifest breaks. `noManifest`, `noSuchIsland`, `tooLarge`: size is 0.
}

enum AdmissionOutcome {
  admitted @0;
  refused @1;
  invalid @2;
  # The manifest breaks a rule; nothing was analysed.
  noManifest @3;
  # The boot pack or its manifest is missing or malformed.
  noSuchIsland @4;
  tooLarge @5;
  # The certificate does not fit the memory object.
}
