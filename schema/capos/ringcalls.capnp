# SPDX-License-Identifier: Apache-2.0
# What travels through rings besides parameters and results.
@0xf0a1b6c8d2e34750;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");
using Kernel = import "/capos/kernel.capnp";

struct CapException @0xf0a1b6c8d2e34751 {
  # Why a call by message failed, where its results would have been. A server returns one with the ring's exception flag;
  # the kernel makes one for a kernel object's refusal. When the caller's area is too small for the whole text, the
  # text is cut and the completion says `truncated` instead of `exception`.
  type @0 :Kernel.ExceptionType;
  detail @1 :UInt16;
  # A KernelError of kernel objects; of other servers, their own.
  text @2 :Text;
  # For people; at most 1024 bytes of it travel.
}
