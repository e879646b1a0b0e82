// SPDX-License-Identifier: Apache-2.0
// What the kernel keeps of a certificate: written from the plain claims, read as the same claims, in the room that was reckoned for it.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "islands/certificate_writing.hpp"
#include "islands/kept_certificate.hpp"

namespace capos::ktest {
namespace {

using kernel::CertificateStorage;
using kernel::CertificateWriting;

struct Random {
  explicit Random(std::uint64_t seed) : engine(seed) {}
  std::uint64_t below(std::uint64_t limit) { return engine() % limit; }
  Duration duration() { return Duration::ns(static_cast<std::int64_t>(engine() % (std::uint64_t{1} << 62))); }
  std::mt19937_64 engine;
};

// A certificate of anything that can be read, with what its spans point to.
struct Claims {
  explicit Claims(Random& random) {
    const auto name = [&] { return std::string_view(names.emplace_back(random.below(65), 'n')); };
    for (std::uint64_t i = 0, n = 1 + random.below(128); i < n; ++i) {
      sched::TaskClaim& task = tasks.emplace_back();
      task.name = name();
      task.cpu = CpuId(static_cast<std::uint16_t>(random.below(16)));
      task.priority = Priority(static_cast<std::uint8_t>(random.below(256)));
      task.period = {static_cast<std::uint32_t>(1 + random.below(1'000'000)), static_cast<std::uint32_t>(1 + random.below(1'000'000))};
      for (Duration* each : {&task.budget, &task.deadline, &task.jitter, &task.blocking, &task.response}) *each = random.duration();
      task.on_miss = static_cast<sched::Consequence>(random.below(5));
      task.on_overrun = static_cast<sched::Consequence>(random.below(5));
      task.repeated = {.misses = static_cast<std::uint8_t>(random.below(256)),
                       .of = static_cast<std::uint8_t>(random.below(256)),
                       .then = static_cast<sched::Repeated>(random.below(5)),
                       .recover = static_cast<std::uint16_t>(random.below(65'536))};
      task.fallback = random.below(2) == 0 ? sched::kNoTask : static_cast<std::uint16_t>(random.below(n));
      task.recovers = random.below(2) == 0 ? sched::kNoServer : static_cast<std::uint16_t>(random.below(9));
    }
    const auto any = [&] { return static_cast<std::uint16_t>(random.below(tasks.size())); };
    for (std::uint64_t i = random.below(20); i > 0; --i) {
      auto& path = paths.emplace_back();
      for (std::uint64_t k = random.below(50); k > 0; --k) path.push_back(any());
      chains.push_back({name(), path, static_cast<sched::HopKind>(random.below(2)), random.duration(), random.duration()});
    }
    for (std::uint64_t i = random.below(300); i > 0; --i) calls.push_back({any(), static_cast<std::uint16_t>(random.below(9)), random.duration()});
    for (std::uint64_t i = random.below(30); i > 0; --i) {
      interrupts.push_back({name(), CpuId(static_cast<std::uint16_t>(random.below(16))), random.duration(), random.duration()});
    }
    certificate.island = name();
    certificate.cpus = static_cast<std::uint32_t>(random.below(65'536));
    certificate.policy = static_cast<sched::Policy>(random.below(2));
    certificate.overheads = {random.duration(), random.duration(), random.duration(), random.duration(), random.engine()};
    for (std::size_t cpu = 0; certificate.policy == sched::Policy::edf && cpu < kMaxCpus; ++cpu) {
      if ((certificate.cpus >> cpu & 1u) != 0) certificate.busy[cpu] = random.duration();
    }
    certificate.tasks = tasks;
    certificate.chains = chains;
    certificate.calls = calls;
    certificate.interrupts = interrupts;
  }
  std::deque<std::string> names;
  std::vector<sched::TaskClaim> tasks;
  std::vector<sched::ChainClaim> chains;
  std::deque<std::vector<std::uint16_t>> paths;
  std::vector<sched::ServerCall> calls;
  std::vector<sched::InterruptSource> interrupts;
  sched::Certificate certificate;
};

void expect_same(const sched::Certificate& a, const sched::Certificate& b) {
  EXPECT_EQ(a.island, b.island);
  EXPECT_EQ(a.cpus, b.cpus);
  EXPECT_EQ(a.policy, b.policy);
  EXPECT_EQ(a.busy, b.busy);
  EXPECT_EQ(a.overheads.release, b.overheads.release);
  EXPECT_EQ(a.overheads.context_switch, b.overheads.context_switch);
  EXPECT_EQ(a.overheads.blocking, b.overheads.blocking);
  EXPECT_EQ(a.overheads.jitter, b.overheads.jitter);
  EXPECT_EQ(a.overheads.version, b.overheads.version);
  ASSERT_EQ(a.tasks.size(), b.tasks.size());
  for (std::size_t i = 0; i < a.tasks.size(); ++i) {
    const sched::TaskClaim &x = a.tasks[i], &y = b.tasks[i];
    EXPECT_TRUE(x.name == y.name && x.cpu == y.cpu && x.priority == y.priority && x.period == y.period && x.budget == y.budget &&
                x.deadline == y.deadline && x.jitter == y.jitter && x.blocking == y.blocking && x.response == y.response &&
                x.on_miss == y.on_miss && x.on_overrun == y.on_overrun && x.repeated == y.repeated && x.fallback == y.fallback &&
                x.recovers == y.recovers)
        << "task " << i;
  }
  ASSERT_EQ(a.chains.size(), b.chains.size());
  for (std::size_t i = 0; i < a.chains.size(); ++i) {
    const sched::ChainClaim &x = a.chains[i], &y = b.chains[i];
    EXPECT_TRUE(x.name == y.name && std::ranges::equal(x.tasks, y.tasks) && x.hops == y.hops && x.bound == y.bound && x.latency == y.latency)
        << "chain " << i;
  }
  ASSERT_EQ(a.calls.size(), b.calls.size());
  for (std::size_t i = 0; i < a.calls.size(); ++i) {
    EXPECT_TRUE(a.calls[i].task == b.calls[i].task && a.calls[i].server == b.calls[i].server && a.calls[i].wcet == b.calls[i].wcet);
  }
  ASSERT_EQ(a.interrupts.size(), b.interrupts.size());
  for (std::size_t i = 0; i < a.interrupts.size(); ++i) {
    const sched::InterruptSource &x = a.interrupts[i], &y = b.interrupts[i];
    EXPECT_TRUE(x.name == y.name && x.cpu == y.cpu && x.min_interarrival == y.min_interarrival && x.cost == y.cost);
  }
}

TEST(CertificateWriting, IsReadAsWhatWasWritten) {
  static CertificateStorage storage;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    const Claims claims(random);
    std::vector<wire::Word> words(kernel::words_of(claims.certificate));
    CertificateWriting writing;
    writing.begin(words);
    std::size_t steps = 1;
    while (!writing.step(claims.certificate, 7, true)) ++steps;
    ASSERT_TRUE(writing.ok()) << "seed " << seed << ": no room";
    EXPECT_GE(steps, claims.tasks.size() / kernel::CertificateReading::kPortion);
    wire::MessageReader message(writing.words());
    const auto root = message.root<schema::IslandCertificate>();
    storage.clear();
    const auto read = kernel::read_certificate(root, storage);
    ASSERT_TRUE(read.has_value()) << "seed " << seed << ": " << describe(read.error());
    ASSERT_EQ(message.error(), wire::Error::none);
    EXPECT_EQ(root.island_index(), 7u);
    EXPECT_TRUE(root.best_effort_slack());
    expect_same(claims.certificate, *read);
    if (HasFailure()) FAIL() << "seed " << seed;
  }
}

}  // namespace
}  // namespace capos::ktest
