// SPDX-License-Identifier: Apache-2.0
// replay_ring [--hostile] PROPERTY: the steps of a counterexample of ring.pml, from standard input, on the kernel itself.
//
// The model has a mistake in it; the kernel is to keep the property that the mistake breaks. Honest: the kernel goes on until
// it has made the access that a step names, then the program's next step is done; what the kernel has made already, in
// another order, or does not make, is passed over and counted. Hostile: the n-th load of a word finds what the n-th such step
// of the trail says, the peer writing it just before.
// Exit status: 0; 1 if a property is broken, or most of the trail could not be followed.
#include <cstdio>
#include <iostream>

#include "ring_scene.hpp"
#include "trail.hpp"

namespace capos::ktest {
namespace {

struct Followed {
  std::size_t taken = 0, passed = 0;
};

class Honest {
 public:
  Followed run(const std::vector<TrailStep>& steps) {
    for (const TrailStep& step : steps) (follow(step) ? followed_.taken : followed_.passed)++;
    scene_.finish();
    scene_.tear_down();
    return followed_;
  }

 private:
  bool follow(const TrailStep& step) {
    if (step.actor == "program") {
      if (step.what == "submit") return scene_.write_entry(step.value), true;
      if (step.what == "sq_tail") return scene_.publish(), true;
      if (step.what == "take") return scene_.take();
      if (step.what == "cq_head") return scene_.give_place();
      throw std::logic_error("a step that is not known: " + step.what);
    }
    if (step.what == "enter" || step.what == "end") {
      scene_.run_on();
      early_.clear();
      if (step.what == "end") return scene_.end(step.value);
      return scene_.enter(), true;
    }
    if (const auto made = std::ranges::find(early_, step.what); made != early_.end()) {
      early_.erase(made);
      return true;
    }
    while (scene_.in_kernel()) {
      const std::string name = scene_.step();
      if (name == step.what) return true;
      early_.push_back(name);
    }
    return false;
  }

  RingScene scene_{false};
  std::vector<std::string> early_;  // accesses that no step has named yet
  Followed followed_;
};

Followed hostile(const std::vector<TrailStep>& steps) {
  RingScene scene(true);
  Followed followed;
  for (std::size_t at = 0; at < steps.size();) {
    const TrailStep& first = steps[at++];
    if (first.what != "enter" && first.what != "end") throw std::logic_error("a trail begins with an entry");
    std::size_t loads = 0;
    for (; at < steps.size() && steps[at].what != "enter" && steps[at].what != "end"; ++at) {
      const std::string& name = steps[at].what;
      if (name.ends_with('=') || name == "completion") continue;
      scene.will_find(name, steps[at].value);
      ++loads;
    }
    if (first.what == "end" && !scene.end(first.value)) {
      followed.passed += loads;
      scene.forget_finds();
      continue;
    }
    if (first.what == "enter") scene.enter();
    scene.run_on();
    scene.check_completions();
    followed.passed += scene.not_found();
    followed.taken += loads - scene.not_found();
    scene.forget_finds();
  }
  scene.tear_down();
  return followed;
}

int replay(bool is_hostile, const char* property) {
  const std::vector<TrailStep> steps = read_trail(std::cin);
  if (steps.empty()) {
    std::fputs("replay_ring: no steps\n", stderr);
    return 2;
  }
  const Followed followed = is_hostile ? hostile(steps) : Honest().run(steps);
  std::printf("replayed %zu steps, passed over %zu\n", followed.taken, followed.passed);
  if (followed.taken < 2 * followed.passed) {
    std::printf("FAILED: the kernel does not go that way\n");
    return 1;
  }
  std::printf("ok: the kernel keeps it: %s\n", property);
  return 0;
}

}  // namespace
}  // namespace capos::ktest

int main(int argc, char** argv) {
  const bool hostile = argc == 3 && argv[1] == std::string("--hostile");
  if (argc != 2 && !hostile) {
    std::fputs("usage: replay_ring [--hostile] PROPERTY <STEPS\n", stderr);
    return 2;
  }
  try {
    return capos::ktest::replay(hostile, argv[argc - 1]);
  } catch (const std::exception& broken) {
    std::printf("FAILED on the kernel: %s\n", broken.what());
    return 1;
  }
}
