# SPDX-License-Identifier: Apache-2.0
# The admission service: from the manifest the machine was booted with to certificates or refusals.
@0xb8f24c907ad1e365;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");
using Manifest = import "/capos/manifest.capnp";

const admissionInterface :UInt64 = 0xe2f61b09c47d83a5;

interface Admission @0xe2f61b09c47d83a5 {
  # Answers are put into the memory object that the service was granted as "out"; `offset` and `size` are bytes in
  # it. An answer stays until the next call.
  admit @0 (island :UInt16) -> (outcome :AdmissionOutcome, offset :UInt32, size :UInt32);
  # Island number `island` of the manifest. `admitted`: the place of an IslandCertificate message (its words,
  # without stream framing). `refused`: of one line of UTF-8 text, the same that `./capos admit` prints. `invalid`: of
  # the first rule the manifest breaks. `noManifest`, `noSuchIsland`, `tooLarge`: size is 0.
  admitBeside @1 (manifest :Manifest.SystemManifest, island :UInt16) -> (outcome :AdmissionOutcome, offset :UInt32, size :UInt32);
  # Island number `island` of the manifest in the message, beside all islands that the kernel says stand, in the answer as
  # above. Of the manifest's other islands nothing is looked at but the rules. Tasks that state no priority come below those
  # that stand. Servers are the message's: none is shared with an island that stands. `noManifest`: the message is malformed. `unreadable`: what stands cannot be read.
  change @2 (manifest :Manifest.SystemManifest, island :UInt16) -> (outcome :AdmissionOutcome, offset :UInt32, size :UInt32);
  # The same for RealtimeIsland.modeChange: in place of the standing island of its name. Tasks that state no priority keep theirs.
  # `noSuchIsland` also if none stands.
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
  # The certificate does not fit the memory object, or the islands that stand do not fit the service.
  unreadable @6;
  # The service cannot read what stands: it was not granted "standing".
}
