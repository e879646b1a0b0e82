// SPDX-License-Identifier: Apache-2.0
// From admission's message through the kernel's reader to the checker: what is true is taken, what is forged
// is not.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "certificate_wire.hpp"
#include "fixtures.hpp"

namespace capos {
namespace {

using test::Admitted;
using Certificate = schema::IslandCertificate;

class Message {
 public:
  explicit Message(Admitted& island) : builder_(words_) { good_ = island->build_certificate(builder_); }
  bool good() const { return good_; }
  Certificate::Builder edit() { return builder_.root<Certificate>(); }
  std::span<wire::Word> words() { return std::span(words_).first(builder_.words().size()); }

 private:
  std::array<wire::Word, 4096> words_{};
  wire::MessageBuilder builder_;
  bool good_ = false;
};

sched::MachineFacts two_cpu_machine() { return {0b10, test::fixed_overheads()}; }

// As the kernel does it. Empty: accepted; else why not.
std::string verdict(std::span<const wire::Word> words, const sched::MachineFacts& facts = two_cpu_machine()) {
  static kernel::CertificateStorage storage;
  storage.clear();
  wire::MessageReader message(words);
  const auto certificate = kernel::read_certificate(message.root<Certificate>(), storage);
  if (!certificate) return "reader: " + std::string(kernel::describe(certificate.error()));
  if (message.error() != wire::Error::none) return "message: " + std::string(wire::name_of(message.error()));
  const auto checked = sched::check_certificate(*certificate, facts);
  return checked ? "" : "checker: " + std::string(sched::describe(checked.error().reason));
}

TEST(Certificate, OfTheDemoIsAccepted) {
  Admitted demo(test::Compiled::file("configs/demo.capnp", "demo"));
  Message message(demo);
  ASSERT_TRUE(message.good());
  EXPECT_EQ(verdict(message.words()), "");
}

TEST(Certificate, SaysWhatFollowsFromRepeatedMisses) {
  Admitted island = test::admit_small(
      {{"(us = 80)", "(us = 80), onMiss = stopIsland, onRepeated = (misses = 3, of = 10, then = fallBack, recover = 100, "
                     "fallback = \"control\")"}});
  Message message(island);
  ASSERT_TRUE(message.good());
  wire::MessageReader reader(message.words());
  const auto tasks = reader.root<Certificate>().tasks();
  EXPECT_EQ(tasks[0].on_miss(), 4u);
  EXPECT_EQ(tasks[0].repeated_misses(), 3u);
  EXPECT_EQ(tasks[0].repeated_of(), 10u);
  EXPECT_EQ(tasks[0].repeated_then(), 2u);
  EXPECT_EQ(tasks[0].repeated_recover(), 100u);
  EXPECT_EQ(tasks[0].fallback(), 1u);
  EXPECT_EQ(tasks[1].fallback(), 0xffffu);
  EXPECT_EQ(verdict(message.words()), "");
}

TEST(Certificate, SaysWhatTheManifestSays) {
  Admitted island =
      test::admit_small({{"(us = 80)", "(us = 80), onMiss = skip, onOverrun = stopTask, jitter = (us = 3)"}});
  Message message(island);
  ASSERT_TRUE(message.good());
  wire::MessageReader reader(message.words());
  const auto root = reader.root<Certificate>();
  EXPECT_EQ(root.island_name(), "balance");
  EXPECT_EQ(root.island_index(), 0u);
  EXPECT_FALSE(root.best_effort_slack());
  ASSERT_EQ(root.cpus().size(), 1u);
  EXPECT_EQ(root.cpus()[0], 1u);
  const auto task = root.tasks()[0];
  EXPECT_EQ(task.name(), "simulate");
  EXPECT_EQ(task.period_numerator(), 1u);
  EXPECT_EQ(task.period_denominator(), 1000u);
  EXPECT_EQ(task.budget_ns(), 80'000u);
  EXPECT_EQ(task.deadline_ns(), 1'000'000u);
  EXPECT_EQ(task.jitter_ns(), 3'000u);
  EXPECT_EQ(task.on_miss(), 1u);
  EXPECT_EQ(task.on_overrun(), 3u);
  EXPECT_EQ(task.response_ns(), island->report().tasks[0].response_ns);
  ASSERT_EQ(root.calls().size(), 1u);
  EXPECT_EQ(root.calls()[0].task(), 1u);
  EXPECT_EQ(root.calls()[0].server(), 2u);
  EXPECT_EQ(root.calls()[0].wcet_ns(), 15'000u);
  ASSERT_EQ(root.chains().size(), 1u);
  EXPECT_EQ(root.chains()[0].bound_ns(), 1'500'000u);
  EXPECT_EQ(verdict(message.words()), "");
}

constexpr const char* kInterrupts =
    "cpus = [1], interrupts = [(name = \"nic\", minInterarrival = (us = 500), cost = (us = 3)), "
    "(name = \"audio\", minInterarrival = (ms = 5))]";

TEST(Certificate, CarriesTheInterruptsThatItsBoundsAllowFor) {
  Admitted island = test::admit_small({{"cpus = [1]", kInterrupts}});
  ASSERT_TRUE(island.good()) << island.refusal();
  Message message(island);
  ASSERT_TRUE(message.good());
  wire::MessageReader reader(message.words());
  const auto sources = reader.root<Certificate>().interrupts();
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_EQ(sources[0].name(), "nic");
  EXPECT_EQ(sources[0].min_interarrival_ns(), 500'000u);
  EXPECT_EQ(sources[0].cost_ns(), 3'000u);
  EXPECT_EQ(sources[1].cost_ns(), 1'500u) << "not stated: the machine's release";
  EXPECT_EQ(sources[1].cpu(), 1u);
  EXPECT_EQ(verdict(message.words()), "");
  EXPECT_EQ(island->report().tasks[0].response_ns, test::admit_small()->report().tasks[0].response_ns + 4'500);
}

// Through the message as in the struct: what a kernel that runs EDF would see.
TEST(Certificate, OfAnEdfIslandIsForKernelsThatRunIt) {
  auto manifest = test::Compiled::value(test::small_manifest(
      {{"cpus = [1]", "cpus = [1], policy = edf"}, {"bound = (us = 1500)", "bound = (ms = 5)"}}));
  auto admission = std::make_unique<admission::IslandAdmission>();
  ASSERT_TRUE(admission->run(manifest.manifest(), 0, test::fixed_overheads(), sched::kRunsEdf));
  std::array<wire::Word, 1024> words{};
  wire::MessageBuilder builder(words);
  ASSERT_TRUE(admission->build_certificate(builder));
  sched::MachineFacts facts = two_cpu_machine();
  facts.runs = 0;
  EXPECT_EQ(verdict(builder.words(), facts), "checker: the kernel does not run what the island asks for");
  facts.runs = sched::kRunsEdf;
  EXPECT_EQ(verdict(builder.words(), facts), "");
  auto edit = builder.root<Certificate>();
  const std::uint64_t busy = edit.as_reader().busy_ns()[0];
  edit.busy_ns().set(0, busy - 1);
  EXPECT_EQ(verdict(builder.words(), facts), "checker: the claimed busy window of a CPU does not hold its work");
}

TEST(Certificate, OfAnEdfIslandIsNotMadeForAKernelThatDoesNotRunIt) {
  auto manifest = test::Compiled::value(test::small_manifest(
      {{"cpus = [1]", "cpus = [1], policy = edf"}, {"bound = (us = 1500)", "bound = (ms = 5)"}}));
  auto admission = std::make_unique<admission::IslandAdmission>();
  EXPECT_FALSE(admission->run(manifest.manifest(), 0, test::fixed_overheads(), 0));
  EXPECT_EQ(admission->report().refusal.kind, admission::RefusalKind::internal);
}

TEST(Certificate, WithoutRoomIsNotMade) {
  Admitted island = test::admit_small();
  std::array<wire::Word, 20> words{};
  wire::MessageBuilder builder(words);
  EXPECT_FALSE(island->build_certificate(builder));
}

struct Forgery {
  const char* label;
  std::function<void(Certificate::Builder)> change;
  const char* verdict;  // how it begins
};

class Forged : public testing::TestWithParam<Forgery> {};

TEST_P(Forged, IsRefused) {
  Admitted island = test::admit_small();
  Message message(island);
  ASSERT_EQ(verdict(message.words()), "");
  GetParam().change(message.edit());
  const std::string found = verdict(message.words());
  EXPECT_EQ(found.rfind(GetParam().verdict, 0), 0u) << found;
}

const Forgery kForgeries[] = {
    {"format", [](auto c) { c.set_format_version(2); }, "checker: "},
    {"cpu_of_another", [](auto c) { c.cpus().set(0, std::uint16_t{0}); }, "checker: "},
    {"cpu_that_does_not_exist", [](auto c) { c.cpus().set(0, std::uint16_t{15}); }, "checker: "},
    {"cpu_beyond_all", [](auto c) { c.cpus().set(0, std::uint16_t{16}); }, "reader: CPU out of range"},
    {"no_tasks", [](auto c) { c.init_tasks(0); }, "reader: a task that the certificate does not have"},
    {"release_overhead", [](auto c) { c.overheads().set_release_ns(1499); }, "checker: "},
    {"switch_overhead", [](auto c) { c.overheads().set_switch_ns(999); }, "checker: "},
    {"blocking_overhead", [](auto c) { c.overheads().set_blocking_ns(3999); }, "checker: "},
    {"jitter_overhead", [](auto c) { c.overheads().set_jitter_ns(100); }, "checker: "},
    {"stale_version", [](auto c) { c.overheads().set_version(1); }, "checker: "},
    {"short_response",
     [](auto c) { c.tasks()[0].set_response_ns(c.as_reader().tasks()[0].response_ns() - 1); }, "checker: "},
    {"late_response", [](auto c) { c.tasks()[1].set_response_ns(1'000'001); }, "checker: "},
    {"longer_budget", [](auto c) { c.tasks()[0].set_budget_ns(80'001); }, "checker: "},
    {"budget_of_nothing", [](auto c) { c.tasks()[0].set_budget_ns(4'999); }, "checker: "},
    {"shorter_period", [](auto c) { c.tasks()[0].set_period_denominator(9'000); }, "checker: "},
    {"period_zero", [](auto c) { c.tasks()[0].set_period_numerator(0); }, "reader: a period of zero"},
    {"period_by_zero", [](auto c) { c.tasks()[0].set_period_denominator(0); }, "reader: a period of zero"},
    {"deadline_over_period",
     [](auto c) {
       c.tasks()[0].set_deadline_ns(1'000'001);
       c.tasks()[0].set_on_miss(1);  // skips
     },
     "checker: "},
    {"shorter_deadline", [](auto c) { c.tasks()[0].set_deadline_ns(90'000); }, "checker: "},
    {"more_jitter", [](auto c) { c.tasks()[0].set_jitter_ns(1); }, "checker: "},
    {"unleased_cpu", [](auto c) { c.tasks()[0].set_cpu(0); }, "checker: "},
    {"task_cpu_beyond_all", [](auto c) { c.tasks()[0].set_cpu(99); }, "reader: CPU out of range"},
    {"swapped_priority", [](auto c) { c.tasks()[1].set_priority(255); }, "checker: "},
    {"huge_time", [](auto c) { c.tasks()[0].set_response_ns(~std::uint64_t{0}); },
     "reader: a time out of range"},
    {"unknown_consequence", [](auto c) { c.tasks()[0].set_on_miss(5); }, "reader: unknown consequence"},
    {"goes_on_after_overrun", [](auto c) { c.tasks()[0].set_on_overrun(0); }, "checker: "},
    {"chain_of_strangers", [](auto c) { c.chains()[0].tasks().set(1, std::uint16_t{7}); }, "reader: a task that the certificate does not have"},
    {"chain_too_young",
     [](auto c) { c.chains()[0].set_latency_ns(c.as_reader().chains()[0].latency_ns() - 1); }, "checker: "},
    {"chain_over_bound", [](auto c) { c.chains()[0].set_bound_ns(1'000'000); }, "checker: "},
    {"chain_triggered", [](auto c) { c.chains()[0].set_triggered(true); }, "checker: "},
    {"call_of_a_stranger", [](auto c) { c.calls()[0].set_task(9); }, "reader: a task that the certificate does not have"},
    {"call_over_budget", [](auto c) { c.calls()[0].set_wcet_ns(120'001); }, "checker: "},
    {"call_huge", [](auto c) { c.calls()[0].set_wcet_ns(~std::uint64_t{0}); }, "reader: a time out of range"},
    {"policy_of_another", [](auto c) { c.set_policy(1); }, "checker: the claimed response does not hold"},
    {"policy_unknown", [](auto c) { c.set_policy(2); }, "reader: unknown scheduling policy"},
    {"many_interrupts", [](auto c) { c.init_interrupts(129); }, "reader: too many interrupts"},
    {"interrupt_of_no_cpu",
     [](auto c) { c.init_interrupts(1)[0].set_cpu(kMaxCpus); },
     "reader: CPU out of range"},
    {"interrupt_without_gap", [](auto c) { c.init_interrupts(1)[0].set_cpu(1); }, "checker: an interrupt source"},
    {"interrupt_that_no_bound_allows_for",
     [](auto c) {
       const auto source = c.init_interrupts(1)[0];
       source.set_cpu(1);
       source.set_min_interarrival_ns(50'000);
       source.set_cost_ns(1);
     },
     "checker: the claimed response does not hold"},
    {"many_tasks", [](auto c) { c.init_tasks(129); }, "reader: too many tasks"},
};

INSTANTIATE_TEST_SUITE_P(Each, Forged, testing::ValuesIn(kForgeries),
                         [](const auto& one) { return std::string(one.param.label); });

TEST(Certificate, OfAnotherMachineIsRefused) {
  Admitted island = test::admit_small();
  Message message(island);
  sched::MachineFacts slower = two_cpu_machine();
  slower.overheads.release = Duration::ns(1501);
  slower.overheads.version = sched::overheads_version(slower.overheads);
  EXPECT_NE(verdict(message.words(), slower), "");
}

// Any bit flip is either refused or yields a certificate that the checker finds true; nothing crashes (the
// suite also runs under the sanitizers). Flips of names and of the island's index change nothing that is
// checked.
TEST(Certificate, SurvivesEveryBitFlip) {
  Admitted island = test::admit_small();
  Message message(island);
  std::vector<wire::Word> words(message.words().begin(), message.words().end());
  unsigned refused = 0;
  for (std::size_t bit = 0; bit < words.size() * 64; ++bit) {
    words[bit / 64] ^= wire::Word{1} << (bit % 64);
    refused += verdict(words).empty() ? 0 : 1;
    words[bit / 64] ^= wire::Word{1} << (bit % 64);
  }
  EXPECT_GT(refused, words.size() * 64 / 4);
  EXPECT_EQ(verdict(words), "");
}

TEST(Certificate, SurvivesRandomWords) {
  std::mt19937_64 random(1);
  std::vector<wire::Word> words(128);
  for (int round = 0; round < 20'000; ++round) {
    for (wire::Word& word : words) word = random() & random() & random();
    EXPECT_NE(verdict(words), "");
  }
}

TEST(Overheads, OfKernelAndAdmissionAreTheSame) {
  auto machine = test::Compiled::file("configs/machines/deterministic.capnp", "machine");
  const auto reader = machine.root<schema::MachineParams>();
  for (const std::uint16_t cpus : {std::uint16_t{1}, std::uint16_t{2}, kMaxCpus}) {
    const auto ours = admission::overheads_of(reader, cpus);
    const auto kernels = kernel::overheads_of(reader, cpus);
    EXPECT_EQ(ours.release, kernels.release);
    EXPECT_EQ(ours.context_switch, kernels.context_switch);
    EXPECT_EQ(ours.blocking, kernels.blocking);
    EXPECT_EQ(ours.jitter, kernels.jitter);
    EXPECT_EQ(ours.version, kernels.version);
    EXPECT_EQ(ours.version, sched::overheads_version(ours));
  }
}

TEST(Overheads, TheQuantumIsJitterWithSeveralCpusOnly) {
  auto machine = test::Compiled::file("configs/machines/deterministic.capnp", "machine");
  const auto reader = machine.root<schema::MachineParams>();
  const auto alone = admission::overheads_of(reader, 1);
  const auto several = admission::overheads_of(reader, 2);
  EXPECT_EQ((several.jitter - alone.jitter).ns(), static_cast<std::int64_t>(reader.quantum_ns()));
  EXPECT_NE(alone.version, several.version);
}

}  // namespace
}  // namespace capos
