// SPDX-License-Identifier: Apache-2.0
// The cast of wake.pml on the kernel, its CPUs in the kernel at once: a thread on CPU 1 waits for a notification twice and
// ends; init on CPU 0 and a thread on CPU 2 signal it, a bit each; that on CPU 2 may kill it.
//
// After each access: what the model's check() says of bits, wake-ups and references (require() throws Unsound).
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "capos/host/steps.hpp"
#include "world.hpp"

namespace capos::ktest {

class WakeScene {
 public:
  static constexpr unsigned kSignals = 2, kWaits = 2;
  // By CPU.
  static constexpr unsigned kFirst = 0, kWaiter = 1, kSecond = 2, kActors = 3;

  WakeScene();
  ~WakeScene();

  // Signal, kill, wait, exit, mail: false if that cannot be begun now. Its CPU must be out of the kernel.
  [[nodiscard]] bool begin(unsigned actor, const std::string& what);
  [[nodiscard]] bool can_begin(unsigned actor, const std::string& what);
  [[nodiscard]] bool in_kernel(unsigned actor) const { return entries_[actor] != nullptr; }
  // Makes the access before which that CPU stands and goes to before the next; its place's name: "" if the model does not
  // know that access.
  std::string step(unsigned actor);
  // All that is under way and in the mail; then what must hold where all is still.
  void come_to_rest(const std::array<unsigned, kActors>& order);
  // Everything is ended; nothing may be left.
  void end();

 private:
  [[nodiscard]] kernel::Thread& thread(unsigned actor);
  [[nodiscard]] kernel::Process* waiter() { return world_.find_process(waiter_.number); }
  [[nodiscard]] kernel::Notification& notification();
  void learn_places();
  [[nodiscard]] std::string name_of(const host::Access& access) const;
  void enter(unsigned actor, std::function<void()> how);
  template <typename Method>
  void enter_call(unsigned actor, const char* cap, const typename Method::Params::Value& params);
  void note(unsigned actor, const std::string& place);
  void left(unsigned actor);
  static void require(bool holds, const char* property) {
    if (!holds) throw Unsound(property);
  }

  World world_{{.pack = {.cpus = 3, .trace_events = 64}, .ram_bytes = 16u << 20}};
  std::uint64_t heap_bytes_, frames_;
  abi::CapId event_{};
  Child waiter_{}, second_{};
  struct Place {
    const void* at;
    std::size_t size;
    const char* name;
  };
  std::vector<Place> places_;
  const std::uint64_t* bits_ = nullptr;
  std::array<std::unique_ptr<host::SteppedEntry>, kActors> entries_;
  unsigned waits_ = 0;
  std::array<unsigned, kActors> signals_{};
  bool kill_made_ = false, waiting_ = false, freed_ = false;
  std::uint64_t unseen_ = 0, in_hand_ = 0;  // bits set and not taken; taken and not told
};

}  // namespace capos::ktest
