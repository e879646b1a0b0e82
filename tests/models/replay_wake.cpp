// SPDX-License-Identifier: Apache-2.0
// replay_wake PROPERTY: the steps of a counterexample of wake.pml, from standard input, on the kernel itself.
// replay_wake --any COUNT: COUNT interleavings of the same threads, drawn by lot (seed 1), of every access to what they share.
//
// The model has a mistake in it; the kernel is to keep the property that the mistake breaks. Each step is one access of one
// CPU (hal/host's steps.hpp): the CPU goes on until it has made an access to the place that the step names. What the kernel
// does in another order than the mistaken model, or does not do, is passed over and counted. Where the trail ends, what is
// under way is finished, the CPUs in every order.
// Exit status: 0; 1 if a property is broken, or most of the trail could not be followed.
#include <cstdio>
#include <iostream>

#include "random.hpp"
#include "trail.hpp"
#include "wake_scene.hpp"

namespace capos::ktest {
namespace {

using Order = std::array<unsigned, WakeScene::kActors>;

bool begins(const std::string& what) {
  return what == "signal" || what == "kill" || what == "wait" || what == "exit" || what == "mail";
}

// SPIN numbers its processes: 1 and 2 signal, 3 is CPU 1.
unsigned actor_of(const TrailStep& step) {
  if (step.actor == "1") return WakeScene::kFirst;
  if (step.actor == "2") return WakeScene::kSecond;
  if (step.actor == "3") return WakeScene::kWaiter;
  throw std::logic_error("a step of nobody");
}

class Replay {
 public:
  explicit Replay(const std::vector<TrailStep>& steps) : steps_(steps) {}
  void run(const Order& order) {
    for (const TrailStep& step : steps_) (follow(actor_of(step), step.what) ? taken_ : passed_)++;
    scene_.come_to_rest(order);
    scene_.end();
  }
  [[nodiscard]] unsigned taken() const { return taken_; }
  [[nodiscard]] unsigned passed() const { return passed_; }

 private:
  bool follow(unsigned actor, const std::string& what) {
    auto& early = early_[actor];
    if (begins(what)) {
      while (scene_.in_kernel(actor)) (void)scene_.step(actor);
      early.clear();
      return scene_.begin(actor, what);
    }
    if (const auto made = std::ranges::find(early, what); made != early.end()) {
      early.erase(made);
      return true;
    }
    while (scene_.in_kernel(actor)) {
      const std::string place = scene_.step(actor);
      if (place == what) return true;
      early.push_back(place);
    }
    return false;
  }

  const std::vector<TrailStep>& steps_;
  WakeScene scene_;
  std::array<std::vector<std::string>, WakeScene::kActors> early_;  // accesses that no step has named yet
  unsigned taken_ = 0, passed_ = 0;
};

int replay(const char* property) {
  const std::vector<TrailStep> steps = read_trail(std::cin);
  if (steps.empty()) {
    std::fputs("replay_wake: no steps\n", stderr);
    return 2;
  }
  Order order = {0, 1, 2};
  unsigned taken = 0, passed = 0;
  do {
    Replay one(steps);
    one.run(order);
    taken = one.taken();
    passed = one.passed();
  } while (std::next_permutation(order.begin(), order.end()));
  std::printf("replayed %u steps, passed over %u\n", taken, passed);
  if (taken < 2 * passed) {
    std::printf("FAILED: the kernel does not go that way\n");
    return 1;
  }
  std::printf("ok: the kernel keeps it: %s\n", property);
  return 0;
}

void interleave(std::uint64_t seed, std::map<std::string, unsigned>& seen) {
  Random random(seed);
  WakeScene scene;
  const bool kills = random.below(2) != 0;
  for (unsigned turn = 0; turn < 1'000; ++turn) {
    std::vector<std::pair<unsigned, std::string>> moves;
    for (unsigned actor = 0; actor < WakeScene::kActors; ++actor) {
      if (scene.in_kernel(actor)) moves.emplace_back(actor, "");
      for (const char* what : {"signal", "kill", "wait", "exit", "mail"}) {
        if ((kills || what != std::string("kill")) && scene.can_begin(actor, what)) moves.emplace_back(actor, what);
      }
    }
    if (moves.empty()) break;
    const auto& [actor, what] = moves[random.below(moves.size())];
    if (what.empty()) {
      ++seen[scene.step(actor)];
    } else {
      ++seen[what];
      (void)scene.begin(actor, what);
    }
  }
  scene.come_to_rest({0, 1, 2});
  scene.end();
}

int interleave_all(std::uint64_t count) {
  std::map<std::string, unsigned> seen;
  for (std::uint64_t i = 0; i < count; ++i) {
    try {
      interleave(i + 1, seen);
    } catch (const std::exception& broken) {
      std::printf("FAILED on the kernel, interleaving %llu: %s\n", static_cast<unsigned long long>(i + 1), broken.what());
      return 1;
    }
  }
  for (const auto& [what, times] : seen) std::printf("  %-12s %u\n", what.empty() ? "(a look)" : what.c_str(), times);
  std::printf("ok: %llu interleavings\n", static_cast<unsigned long long>(count));
  return 0;
}

}  // namespace
}  // namespace capos::ktest

int main(int argc, char** argv) {
  using namespace capos::ktest;
  try {
    if (argc == 3 && argv[1] == std::string("--any")) return interleave_all(std::stoull(argv[2]));
    if (argc == 2) return replay(argv[1]);
  } catch (const std::exception& broken) {
    std::printf("FAILED on the kernel: %s\n", broken.what());
    return 1;
  }
  std::fputs("usage: replay_wake PROPERTY <STEPS, or replay_wake --any COUNT\n", stderr);
  return 2;
}
