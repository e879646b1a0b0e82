// SPDX-License-Identifier: Apache-2.0
// ./capos probe: which accelerator this machine offers, and why.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "../command.hpp"
#include "../machine/accelerator.hpp"

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

void add_probe(CLI::App& app, Action& action) {
  auto* const verb = app.add_subcommand("probe", "Which accelerator this machine offers, and why");
  const auto json = std::make_shared<bool>(false);
  verb->add_flag("--json", *json, "JSON on standard output");
  verb->callback([&action, json] {
    action = [json](const Paths& paths) -> Outcome<int> {
      const KvmProbe probe = probe_kvm(paths);
      if (*json) {
        const nlohmann::ordered_json result{{"kvm", name_of(probe.state)}, {"reason", probe.reason}};
        fmt::print("{}\n", result.dump(2));
      } else {
        fmt::print("{}\n", probe.text());
      }
      return kExitFine;
    };
  });
}

}  // namespace capos::cli
