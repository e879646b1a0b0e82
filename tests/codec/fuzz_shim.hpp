// SPDX-License-Identifier: Apache-2.0
// Included before all else where clang compiles libcapnp's headers: libcapnp 0.9.2 compares `const char*`
// with StringPtr, and C++20 as clang reads it (P2468) does not find how.
#pragma once

#include <kj/string.h>

namespace kj {
inline bool operator==(const char* a, const StringPtr& b) { return b == StringPtr(a); }
inline bool operator!=(const char* a, const StringPtr& b) { return b != StringPtr(a); }
}  // namespace kj
