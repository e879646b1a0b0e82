// SPDX-License-Identifier: Apache-2.0
// A random walk over all calls and interrupts, in step with a model (walk_model.hpp).
//
// A walk is made of chapters: a machine of 1 to 4 CPUs, some thousand steps, and an orderly end after which everything
// that was made is gone and every counter is where it was. Each step has random numbers of its own, so that leaving some
// steps out leaves the others as they are: a failing chapter is made shorter that way.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "random.hpp"
#include "walk_model.hpp"
#include "world.hpp"

namespace capos::ktest {

struct Failure {
  std::size_t step = 0;
  std::string what;
  std::vector<std::string> last;  // actions, oldest first
};

class Chapter {
 public:
  explicit Chapter(std::uint64_t seed);
  // The steps of these numbers, in order, then the orderly end. nullopt: all went well.
  std::optional<Failure> run(std::span<const std::size_t> steps);
  // What was done how often: by action's or outcome's name.
  [[nodiscard]] const std::map<std::string, std::size_t>& tally() const { return tally_; }
  // The last steps, oldest first.
  [[nodiscard]] const std::deque<std::string>& last() const { return last_; }

  // --- for actions (actions.hpp)
 private:
  const WorldOptions options_;

 public:
  World world;
  Model model;
  Random random{0};  // of the step
  // Notes what the step does, for the report.
  void tell(const std::string& what) { last_.back() += what; }
  [[nodiscard]] kernel::Thread& thread(Who who);
  // A capability of that kind that the process holds, usable mostly; 0: none.
  [[nodiscard]] std::uint64_t pick(Number number, Kind kind);
  [[nodiscard]] std::uint64_t pick_of(Number number, std::initializer_list<Kind> kinds);
  [[nodiscard]] std::uint64_t service(Number number, std::string_view name);
  // Compares, and throws Unsound if they differ.
  void expect(const Finds& finds, const std::optional<Answer>& answer);
  // Its call is done in portions, and another thread has come to run between two.
  [[nodiscard]] bool is_between_portions(Who who);
  void expect(Error expected, Error found);
  void require(bool holds, const std::string& what);
  [[nodiscard]] Number new_number() { return next_number_++; }
  [[nodiscard]] std::uint64_t next_session() { return ++sessions_; }
  // init had it at boot.
  [[nodiscard]] bool is_first(std::uint64_t cap) const { return first_caps_.contains(cap); }
  // No dead process remains whose things may go at any moment.
  [[nodiscard]] bool nothing_is_reaped();
  [[nodiscard]] std::uint64_t next_user_data() { return next_data_++; }
  [[nodiscard]] std::uint64_t peek_user_data() const { return next_data_; }
  // Interrupts that the walk has let come, by CPU; of timers and mail those that no action took by itself.
  std::array<std::uint64_t, 4> devices{}, spurious{}, timers{}, mails{};
  // What the machine was made with.
  [[nodiscard]] std::uint64_t channel_bytes() const { return options_.channel_bytes; }
  [[nodiscard]] hal::EntropyKind entropy_kind() const { return options_.entropy; }
  [[nodiscard]] Who init() const { return {World::kInit, 0}; }
  // Nothing stands in its submission queue.
  [[nodiscard]] bool ring_is_clear(Who who);
  // Completions that the program has not taken.
  [[nodiscard]] std::uint32_t completions(kernel::Thread& thread);
  // Those that have come since the last look.
  void see_completions(kernel::Thread& thread, ModelThread& expected);
  [[nodiscard]] std::size_t& tally_of(const std::string& what) { return tally_[what]; }
  [[nodiscard]] std::size_t living() const;
  [[nodiscard]] std::size_t able_to_run() const;
  // Keeps a process's handle for the end, when everybody is killed.
  void keep_handle(Number number, kernel::Object& handle) { handles_.emplace(number, kernel::Ref<kernel::Object>::share(handle)); }
  // Holds an object until a step gives up the last capability to it, or the end: see walk_model.hpp.
  void keep(Id id, kernel::Object& object) { kept_.emplace(id, kernel::Ref<kernel::Object>::share(object)); }
  // Of those kept, what nobody holds any more; 0: nothing.
  [[nodiscard]] Id pick_unheld();
  // init, which gets the last capability to it for a moment, gives that up.
  void give_up_last(Id id);

 private:
  void step(std::size_t number);
  // No program to run but init, no interrupt to take.
  [[nodiscard]] bool is_quiet(std::uint16_t cpu);
  void start_model();
  void thread_acts(std::uint16_t cpu);
  void machine_acts(std::uint16_t cpu);
  // As a lease asks it to. Its box is empty.
  void send_away_from(std::uint16_t cpu);
  void look();
  // What went on under leases that have ended has ended where the kernel says so, and everywhere once no mail says more.
  void see_leases(std::uint16_t cpu);
  void look_at(kernel::Process& process);
  void look_at(kernel::Thread& thread, ModelThread& expected);
  void look_at_wait(kernel::Thread& thread, ModelThread& expected);
  void clear_ring();
  // The kernel lets an interrupt in while a thread polls its ring.
  void let_in(std::uint16_t cpu, bool mail);
  // Entries that a polled ring's thread has taken meanwhile.
  void see_new_entries();
  // Threads of processes that end have ended where the kernel says so.
  void see_ends();
  // Processes live where the kernel says; those that have moved might.
  void see_moves();
  // The kernel lets interrupts in on `cpu`, where a process ends in portions: the other CPUs go on.
  void between_portions(std::uint16_t cpu);
  // Who runs on a CPU, or ran when that entered the kernel; nobody: it idled.
  [[nodiscard]] Who running_on(std::uint16_t cpu);
  void end();

  std::uint64_t seed_;
  bool ends_ = false;                 // the model looks on no longer
  std::set<std::uint16_t> let_in_;    // CPUs that have taken mail so since the last look
  bool was_let_in_ = false;           // any interrupt
  std::string failed_between_;        // what went wrong between two portions, where nothing can be thrown
  kernel::Ledger::Amounts used_{};  // of the machine, at boot
  std::uint64_t heap_bytes_ = 0;
  Number next_number_ = 1;
  std::uint64_t sessions_ = 0;
  std::uint64_t next_data_ = 1;
  std::deque<std::string> last_;
  std::map<std::string, std::size_t> tally_;
  std::map<Number, kernel::Ref<kernel::Object>> handles_;
  std::map<Id, kernel::Ref<kernel::Object>> kept_;
  std::set<std::uint64_t> first_caps_;  // init's at boot: it keeps those
};

// One thing a running thread may do. false: not now; nothing was done.
struct Action {
  const char* name;
  unsigned weight;
  bool may_end;  // it may block or end its thread: not for init, which keeps the walk going
  bool (*run)(Chapter& chapter, Who who);
};
// Those of all kinds, each in a file of its own (actions_*.cpp).
[[nodiscard]] std::span<const Action> actions();

}  // namespace capos::ktest
