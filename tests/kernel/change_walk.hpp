// SPDX-License-Identifier: Apache-2.0
// Random changes of islands that share a CPU while their jobs run: admitted, changed, retired, and refused.
//
// The walk plays every job for as long as it draws, with best effort beside. It judges: no job is late; none takes longer than
// what its island was admitted with when it ran; after a refusal the machine is as it was, to the byte; an honest certificate is
// taken and one that claims a nanosecond less than there is to claim is not.
#pragma once

#include <list>
#include <optional>

#include "capos/sched/analysis.hpp"
#include "islands.hpp"
#include "islands/island.hpp"
#include "random.hpp"

namespace capos::ktest {

class ChangeWalk {
 public:
  explicit ChangeWalk(std::uint64_t seed);
  // What went wrong, with the seed and the step; empty: nothing.
  [[nodiscard]] std::string run(unsigned steps);

  struct Counts {
    unsigned admitted = 0, changed = 0, retired = 0, refused = 0, busy = 0;
    std::uint64_t jobs = 0, changed_jobs = 0;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  // A bound, and from when on it was promised.
  struct Promise {
    Time from;
    std::uint64_t bound_ns = 0;
  };
  struct Player {
    Child child;
    kernel::Thread* thread = nullptr;
    bool waits = false;  // has come to its first wait
    std::uint64_t job = ~std::uint64_t{0};
    Duration work{};
    std::vector<Promise> promises{};
  };
  struct Running {
    Claim claim;
    Admitted admitted;
    std::vector<Player> players{};
    bool active = false;
    std::optional<Time> change_by{};  // an accepted change is made by then
  };
  struct Snapshot;
  using Bounds = std::vector<std::vector<sched::TaskModel>>;

  void step();
  void reap();
  void admit();
  void change_one();
  void retire_one();
  void forge_one(const Claim& claim, const Running* changes);
  [[nodiscard]] Task draw_task(std::size_t number);
  [[nodiscard]] static std::optional<Bounds> analyse(const std::vector<const Claim*>& claims);
  // The bounds of the claim and of those that stand, written into it and into `others` in their order; false if they do not fit.
  bool make_honest(Claim& claim, const Running* itself, std::vector<std::vector<std::uint64_t>>& others);
  void expect(bool holds, const std::string& what);
  void expect_refused(const Claim& claim, const Running* changes, const Forge& forge, const std::string& why);
  [[nodiscard]] Snapshot snapshot();
  void promise(const std::vector<std::vector<std::uint64_t>>& others, const Running* itself);
  void start(Running& island);
  void play(Duration length);
  void play_one(Player& player, Time until);
  void judge(Player& player);

  World world_;
  std::uint64_t seed_;
  unsigned step_ = 0;
  Random random_;
  unsigned names_ = 0;
  Time busy_until_{};
  std::list<Running> islands_;
  Counts counts_;
};

}  // namespace capos::ktest
