// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "capos/admission/units.hpp"
#include "capos/admission/validate.hpp"
#include "fixtures.hpp"

namespace capos::admission {
namespace {

using test::Compiled;
using test::small_manifest;

// The manifest with its defaults written out.
class Elaborated {
 public:
  explicit Elaborated(const std::string& text)
      : compiled_(Compiled::value(text)), words_(4096), builder_(words_) {
    good_ = build_elaborated(compiled_.manifest(), *std::make_unique<IslandModel>(), builder_);
    reader_ = std::make_unique<wire::MessageReader>(builder_.words());
  }
  bool good() const { return good_; }
  schema::SystemManifest::Reader root() { return reader_->root<schema::SystemManifest>(); }

 private:
  Compiled compiled_;
  std::vector<wire::Word> words_;
  wire::MessageBuilder builder_;
  std::unique_ptr<wire::MessageReader> reader_;
  bool good_ = false;
};

TEST(Elaborate, DefaultsAreWrittenOut) {
  Elaborated manifest(small_manifest({{"init = \"init\",\n", ""}}));
  ASSERT_TRUE(manifest.good());
  const auto root = manifest.root();
  EXPECT_TRUE(root.kernel_params().has_memory());
  EXPECT_EQ(size_bytes(root.kernel_params().memory()).value(), 256u << 20);
  EXPECT_TRUE(root.kernel_params().has_best_effort_slice());
  EXPECT_TRUE(root.init_config().has_init());
  EXPECT_EQ(root.init_config().init(), "init");
  EXPECT_TRUE(root.init_config().services()[3].has_memory());
  EXPECT_EQ(size_bytes(root.init_config().services()[3].memory()).value(), 512u << 10);
}

// Behind the tasks, at the priority of the server's most urgent caller.
TEST(Elaborate, ARecoveryIsCountedAmongTheTasks) {
  Compiled compiled = Compiled::value(
      small_manifest({{"passive = true", "passive = true, recovery = (budget = (us = 20), period = (ms = 10))"}}));
  const auto model = std::make_unique<IslandModel>();
  ASSERT_TRUE(elaborate(compiled.manifest(), 0, {}, *model));
  ASSERT_EQ(model->view.tasks.size(), 3u);
  ASSERT_TRUE(sched::analyse(model->view).admitted());
  const sched::TaskModel& recovery = model->view.tasks[2];
  EXPECT_EQ(recovery.name, "actuator");
  EXPECT_EQ(recovery.recovers, 2u);
  EXPECT_EQ(recovery.budget, Duration::us(20));
  EXPECT_EQ(recovery.deadline, Duration::ms(10));
  EXPECT_EQ(recovery.cpu, CpuId(1));
  EXPECT_EQ(recovery.priority, model->view.tasks[1].priority);
  EXPECT_EQ(model->services[2], 2u);
}

// Under EDF with the shortest deadline of the tasks that call its server.
TEST(Elaborate, ARecoveryUnderEdfIsDueAsItsCallers) {
  Compiled compiled = Compiled::value(small_manifest({{"passive = true", "passive = true, recovery = (budget = (us = 20), period = (ms = 10))"},
                                                      {"cpus = [1],", "cpus = [1], policy = edf,"},
                                                      {"bound = (us = 1500)", "bound = (ms = 5)"}}));
  const auto model = std::make_unique<IslandModel>();
  ASSERT_TRUE(elaborate(compiled.manifest(), 0, {}, *model));
  ASSERT_TRUE(sched::analyse(model->view).admitted());
  EXPECT_EQ(model->view.tasks[2].recovers, 2u);
  EXPECT_EQ(model->view.tasks[2].deadline, Duration::ms(1));
  EXPECT_EQ(model->view.tasks[2].response, Duration::ms(1));
}

TEST(Elaborate, TasksHaveDeadlinesPrioritiesAndCpus) {
  Elaborated manifest(small_manifest());
  const auto tasks = manifest.root().init_config().islands()[0].tasks();
  for (const auto task : tasks) {
    EXPECT_EQ(time_ns(task.deadline()).value(), 1'000'000u);
    EXPECT_EQ(task.cpu(), 1);
    EXPECT_GT(task.priority(), 0);
    EXPECT_EQ(time_ns(task.jitter()).value(), 0u);
  }
  EXPECT_GT(tasks[0].priority(), tasks[1].priority());
}

TEST(Elaborate, WhatWasStatedStays) {
  Elaborated manifest(
      small_manifest({{"(us = 80)", "(us = 80), deadline = (us = 600), priority = 7, jitter = (us = 2)"},
                      {"\"noise\"", "\"noise\", memory = (mib = 3)"}}));
  const auto task = manifest.root().init_config().islands()[0].tasks()[0];
  EXPECT_EQ(time_ns(task.deadline()).value(), 600'000u);
  EXPECT_EQ(task.priority(), 7);
  EXPECT_EQ(time_ns(task.jitter()).value(), 2'000u);
  EXPECT_EQ(size_bytes(manifest.root().init_config().services()[3].memory()).value(), 3u << 20);
}

TEST(Elaborate, TheResultIsValidAndElaboratesToItself) {
  Elaborated once(small_manifest());
  auto found = std::make_unique<Diagnostics>();
  EXPECT_TRUE(validate(once.root(), *found));
  std::vector<wire::Word> words(4096);
  wire::MessageBuilder again(words);
  ASSERT_TRUE(build_elaborated(once.root(), *std::make_unique<IslandModel>(), again));
  wire::MessageReader reader(again.words());
  const auto first = once.root().init_config().islands()[0].tasks();
  const auto second = reader.root<schema::SystemManifest>().init_config().islands()[0].tasks();
  for (std::uint32_t i = 0; i < first.size(); ++i) EXPECT_EQ(first[i].priority(), second[i].priority());
}

TEST(Elaborate, WithoutRoomItFails) {
  auto manifest = Compiled::value(small_manifest());
  std::array<wire::Word, 64> words{};
  wire::MessageBuilder builder(words);
  EXPECT_FALSE(build_elaborated(manifest.manifest(), *std::make_unique<IslandModel>(), builder));
}

}  // namespace
}  // namespace capos::admission
