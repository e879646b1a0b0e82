// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "capos/schema/media.hpp"
#include "capos/schema/robot.hpp"
#include "manifest/adjust.hpp"
#include "manifest/check.hpp"
#include "manifests.hpp"

namespace capos::cli {
namespace {

class Adjust : public testing::Test {
 protected:
  void SetUp() override {
    auto compiled = compile_manifest(test_paths(), (test_paths().configs() / "demo.capnp").string());
    ASSERT_TRUE(compiled.has_value());
    file_.emplace(std::move(*compiled));
  }
  [[nodiscard]] schema::SystemManifest::Reader original() const {
    return file_->message.root<schema::SystemManifest>();
  }

  // How many services of each load kind are left, and of other kinds.
  static std::pair<std::multiset<schema::LoadKind>, unsigned> services(const Message& message) {
    std::pair<std::multiset<schema::LoadKind>, unsigned> found;
    for (const auto service : message.root<schema::SystemManifest>().init_config().services()) {
      const bool load = service.config().which() == schema::ServiceConfig::Which::load;
      if (load) found.first.insert(service.config().load().kind());
      if (!load) ++found.second;
    }
    return found;
  }

  std::optional<CompiledFile> file_;
};

TEST_F(Adjust, KeepsOnlyTheWantedLoad) {
  const auto all = services(adjust(original(), {.load = "all"}));
  const auto none = services(adjust(original(), {.load = "none"}));
  const auto ipc = services(adjust(original(), {.load = "ipc"}));
  EXPECT_EQ(all.first.size(), 4u);
  EXPECT_TRUE(none.first.empty());
  EXPECT_EQ(none.second, all.second);
  EXPECT_EQ(ipc.first, (std::multiset{schema::LoadKind::ipc_client, schema::LoadKind::ipc_server}));
}

TEST_F(Adjust, LeavesTheOtherServicesWhole) {
  const Message adjusted = adjust(original(), {.load = "none"});
  const auto services = adjusted.root<schema::SystemManifest>().init_config().services();
  for (std::uint32_t i = 0, k = 0; i < original().init_config().services().size(); ++i) {
    const auto before = original().init_config().services()[i];
    if (is_left_out(before, "none")) continue;
    const auto after = services[k++];
    EXPECT_EQ(after.name(), before.name());
    EXPECT_EQ(after.grants().size(), before.grants().size());
    EXPECT_EQ(after.passive(), before.passive());
    EXPECT_EQ(after.memory().which(), before.memory().which());
    EXPECT_EQ(after.config().which(), before.config().which());
  }
}

TEST_F(Adjust, SetsTheFaultInTheController) {
  const Message adjusted =
      adjust(original(), {.load = "all", .cpus = 0, .fault = "controller-hang", .fault_at_ns = 4'000'000});
  unsigned controllers = 0;
  for (const auto service : adjusted.root<schema::SystemManifest>().init_config().services()) {
    if (service.config().which() != schema::ServiceConfig::Which::controller) continue;
    ++controllers;
    EXPECT_EQ(service.config().controller().fault(), schema::FaultKind::hang);
    EXPECT_EQ(service.config().controller().fault_at().ns(), 4'000'000u);
    EXPECT_EQ(service.config().controller().model().pushes().size(), 3u);
  }
  EXPECT_EQ(controllers, 1u);
}

TEST_F(Adjust, SlowsTheBiquadDown) {
  const Message adjusted = adjust(original(), {.fault = "slow-node", .fault_at_ns = 1'000'000'000});
  unsigned slow = 0;
  for (const auto service : adjusted.root<schema::SystemManifest>().init_config().services()) {
    if (service.config().which() != schema::ServiceConfig::Which::media) {
      EXPECT_FALSE(has_fault(service, kSlowNode));
      continue;
    }
    const auto fault = service.config().media().fault();
    EXPECT_EQ(fault.slow_cycles() != 0, service.config().media().is_biquad());
    if (fault.slow_cycles() == 0) continue;
    ++slow;
    EXPECT_EQ(fault.slow_from(), 750u);
    EXPECT_EQ(service.config().media().biquad().frequency(), 2000);
  }
  EXPECT_EQ(slow, 1u);
}

TEST_F(Adjust, LeavesOutIslandsWithoutTheirCpu) {
  file_->message = adjust(original(), {.cpus = 2});
  EXPECT_EQ(format(check_manifest(*file_)), "");
  const auto config = original().init_config();
  ASSERT_EQ(config.islands().size(), 1u);
  EXPECT_EQ(config.islands()[0].name(), "balance");
  EXPECT_EQ(config.rings().size(), 0u);
  for (const auto service : config.services()) {
    EXPECT_NE(service.config().which(), schema::ServiceConfig::Which::media) << service.name();
    for (const auto grant : service.grants()) {
      EXPECT_NE(grant.which(), schema::Grant::Which::consumes);  // telemetry's "record"
      EXPECT_NE(grant.which(), schema::Grant::Which::produces);
    }
  }
  const std::uint32_t left = config.services().size();
  file_->message = adjust(original(), {.cpus = 2});  // again: nothing more goes
  EXPECT_EQ(original().init_config().services().size(), left);
}

TEST_F(Adjust, OneCpuKeepsAValidManifest) {
  file_->message = adjust(original(), {.load = "all", .cpus = 1});
  EXPECT_EQ(format(check_manifest(*file_)), "");
  EXPECT_EQ(original().init_config().islands().size(), 1u);
  const auto island = original().init_config().islands()[0];
  EXPECT_EQ(island.cpus()[0], 0u);
  EXPECT_EQ(island.slack(), schema::SlackPolicy::best_effort);
}

TEST_F(Adjust, IsTheSameEachTime) {
  const Message once = adjust(original(), {.load = "cpu", .cpus = 4});
  const Message twice = adjust(original(), {.load = "cpu", .cpus = 4});
  EXPECT_TRUE(std::ranges::equal(once.words(), twice.words()));
  EXPECT_EQ(once.root<schema::SystemManifest>().kernel_params().cpus(), 4u);
}

}  // namespace
}  // namespace capos::cli
