// SPDX-License-Identifier: Apache-2.0
// What a walk was about when the program crashes: its seed and last steps, on standard error, before the crash goes on as it
// would have. For signals, and for what the sanitizers find.
#pragma once

#include <cstdint>

namespace capos::ktest {

class Chapter;

// While this lives, a crash is this chapter's. One at a time.
class CrashReport {
 public:
  CrashReport(std::uint64_t seed, const Chapter& chapter);
  ~CrashReport();
  CrashReport(const CrashReport&) = delete;
  CrashReport& operator=(const CrashReport&) = delete;
};

}  // namespace capos::ktest
