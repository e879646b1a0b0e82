// SPDX-License-Identifier: Apache-2.0
// The program of ring.pml and its ring on the kernel: a thread on CPU 1, whose kernel entries stop before each access to the
// ring's page. Even entries are POSTs, odd ones NOTIFYs of a notification each, that init signals when they are to end.
//
// The real queues are larger than the model's. Honest: 30 completions that nobody takes and 38 timeouts that never come
// leave the model's room (2) and operations (2), and the indices are four before the end of their range, where the model's
// are. Hostile: an index of the model is eight of the real ones (of submissions) or sixteen (of completions).
// Checked of each access: it is one that the kernel may make, inside a queue (require() throws Unsound).
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "capos/host/steps.hpp"
#include "world.hpp"

namespace capos::ktest {

class RingScene {
 public:
  static constexpr std::uint32_t kEntries = 6, kRoom = 2, kOperations = 2;

  explicit RingScene(bool hostile);
  ~RingScene();

  // --- the kernel
  [[nodiscard]] bool in_kernel() const { return entry_ != nullptr; }
  // cap_enter without waiting.
  void enter();
  // False if that entry is not under way.
  [[nodiscard]] bool end(std::uint32_t number);
  // Makes the next access: its name, as ring.pml prints it.
  std::string step();
  void run_on() {
    while (in_kernel()) (void)step();
  }
  // --- the honest program: false if it cannot
  void write_entry(std::uint32_t number);
  void publish();
  [[nodiscard]] bool take();
  [[nodiscard]] bool give_place();
  // All that the model's end says.
  void finish();
  // --- the hostile program: what the coming loads find, by name, in the model's indices
  void will_find(const std::string& name, unsigned value) { finds_[name].push_back(value); }
  [[nodiscard]] std::size_t not_found() const;
  void forget_finds() { finds_.clear(); }
  void check_completions();

  // Everything is ended; nothing may be left.
  void tear_down();

 private:
  [[nodiscard]] kernel::Thread& thread() { return world_.thread(child_); }
  [[nodiscard]] abi::Ring& ring() { return world_.ring(thread()); }
  [[nodiscard]] abi::CapSqe entry_of(std::uint32_t number);
  void fill_up();
  void enter_whole();
  [[nodiscard]] bool take_one();
  void find(const std::string& name);
  [[nodiscard]] std::string name_of(const host::Access& access);
  void allow(const host::Access& access);
  static void require(bool holds, const char* property) {
    if (!holds) throw Unsound(property);
  }

  World world_{{.pack = {.cpus = 2, .trace_events = 64}, .ram_bytes = 16u << 20}};
  std::uint64_t heap_bytes_, frames_;
  bool hostile_;
  std::vector<abi::CapId> events_;  // by entry
  Child child_{};
  std::unique_ptr<host::SteppedEntry> entry_;
  std::map<std::string, std::deque<unsigned>> finds_;
  std::map<std::uint32_t, bool> under_way_;
  std::uint32_t submitted_ = 0, published_ = 0, read_ = 0, got_ = 0, taken_ = 0;  // got_: bits
  std::uint32_t copied_ = 0, copied_mask_ = 0;  // entries, of this kernel entry
};

}  // namespace capos::ktest
