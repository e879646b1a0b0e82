// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "capos/admission/admit.hpp"
#include "capos/admission/validate.hpp"
#include "certificate_wire.hpp"
#include "manifest_text.hpp"

namespace capos::admission {
namespace {
TEST(Probe, Show) {
  auto machine = test::Compiled::file("configs/machines/deterministic.capnp", "machine");
  for (const auto& [path, name] : {std::pair{"configs/demo.capnp", "demo"}, {"configs/wakeup.capnp", "wakeup"},
                                   {"configs/examples/minimal.capnp", "minimal"},
                                   {"configs/examples/two-rate.capnp", "twoRate"},
                                   {"configs/examples/too-much.capnp", "tooMuch"}}) {
    auto message = test::Compiled::file(path, name);
    auto admission = std::make_unique<IslandAdmission>();
    const auto overheads = overheads_of(machine.root<schema::MachineParams>(), message.manifest().kernel_params().cpus());
    const bool ok = admission->run(message.manifest(), 0, overheads);
    printf("%s %d\n", name, ok);
    for (auto& t : admission->report().all_tasks()) printf("  %.*s prio %u R %lu D %lu slack %ld\n", int(t.name.size()), t.name.data(), t.priority, t.response_ns, t.deadline_ns, t.slack_ns);
    for (auto& t : admission->report().all_chains()) printf("  %.*s latency %lu bound %lu\n", int(t.name.size()), t.name.data(), t.latency_ns, t.bound_ns);
    char text[1024]; TextWriter w(text); admission->write_refusal(w); printf("  %.*s\n", int(w.view().size()), w.view().data());
  }
  printf("sizes %zu\n", sizeof(IslandAdmission));
}
}
}
