// SPDX-License-Identifier: Apache-2.0
// ./capos probe: which accelerator this machine offers, and why.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "../machine/accelerator.hpp"
#include "verbs.hpp"

namespace capos::cli {
namespace {

const char* name_of(KvmState state) {
  switch (state) {
    case KvmState::absent:
      return "absent";
    case KvmState::unusable:
      return "unusable";
    case KvmState::usable:
      return "usable";
  }
  return "";
}

}  // namespace

Outcome<int> probe(const Paths& paths, const ProbeOptions& options) {
  const KvmProbe found = probe_kvm(paths);
  if (options.json) {
    const nlohmann::ordered_json result{{"kvm", name_of(found.state)}, {"reason", found.reason}};
    fmt::print("{}\n", result.dump(2));
  } else {
    fmt::print("{}\n", found.text());
  }
  return kExitFine;
}

}  // namespace capos::cli
