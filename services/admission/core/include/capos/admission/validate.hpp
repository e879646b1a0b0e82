// SPDX-License-Identifier: Apache-2.0
// The rules that a manifest must obey before its timing is looked at.
//
// Everything is checked and every finding reported (up to Diagnostics::kMaxDiagnostics), in the order of the
// manifest. Cost: O(n^2) comparisons of names, bounded by limits.hpp; stack below 8 KiB; no allocation.
#pragma once

#include "capos/admission/diagnostics.hpp"
#include "capos/sched/certificate.hpp"
#include "capos/schema/manifest.hpp"
#include "capos/wire/types.hpp"

namespace capos::admission {

// What to read a manifest with: the rules look at lists again and again, each bounded by limits.hpp, so the
// reader's own bound against repetition is set aside. Look at the message's error() afterwards: malformed
// parts read as empty.
inline constexpr wire::Limits kManifestLimits{.traversal_words = std::uint64_t{1} << 60, .depth = 64};

// True if nothing was found. The rule identifiers are listed in services/admission/README.md. `runs` says which of
// sched's KernelFeatures a manifest may ask for: what the kernel does not run is a finding.
bool validate(schema::SystemManifest::Reader manifest, Diagnostics& diagnostics,
              std::uint32_t runs = sched::kKernelRuns) noexcept;

}  // namespace capos::admission
