// SPDX-License-Identifier: Apache-2.0
// A process: an address map, a capability table, the ledger it runs on, and threads, all on one CPU (decision 0005).
//
// Life: created -> started -> ending (none of its threads runs any more; they end one after another, decision 21) -> ended (all
// are dead, its exit recorded) -> reaped in steps by a housekeeping CPU -> freed with the last Ref. Whoever builds it, its own
// CPU, and the reaper use it one after another, never together.
// Bounds: kMaxThreads threads; burying one: 17 pages.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

#include "capos/base/list.hpp"
#include "core/watched.hpp"
#include "memory/virtual_memory.hpp"
#include "objects/capability_table.hpp"
#include "objects/liveness.hpp"
#include "process/fault_report.hpp"
#include "process/share.hpp"
#include "process/thread.hpp"
#include "resources/ledger.hpp"

namespace capos::kernel {

class EventTimer;
class Interrupt;
struct BestEffortTag;
struct DriverTag;
struct MakerTag;

class Process : public Watched<Process>, public ListHook<BestEffortTag> {
 public:
  static constexpr std::size_t kMaxName = 31;
  static constexpr std::uint32_t kMaxThreads = 64;

  // One reference, the creator's. All that the process takes and makes is charged to the ledger; `session`, which may be
  // null, is its context for life. Errors: quota_exceeded, out_of_memory.
  [[nodiscard]] static ResultOf<Ref<Process>, schema::KernelError> create(std::string_view name, std::uint32_t number,
                                                                          Ledger& ledger, Liveness* session,
                                                                          CpuId cpu) noexcept;

  [[nodiscard]] std::string_view name() const noexcept { return {name_, name_length_}; }
  // The number its trace events carry.
  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
  // Where it lives or, on the way, where it goes.
  [[nodiscard]] CpuId cpu() const noexcept { return home.cpu(); }
  Home home;
  // The first that was added, while the process object lives.
  [[nodiscard]] Thread& main_thread() noexcept { return *main_; }
  // Those that have not ended. Own CPU.
  [[nodiscard]] List<Thread, ProcessTag>& threads() noexcept { return threads_; }
  // Who waits on its own words, in the order in which they came. Own CPU.
  [[nodiscard]] ParkList& parked() noexcept { return parked_; }
  [[nodiscard]] Ledger& ledger() noexcept { return *ledger_; }
  // nullptr: none.
  [[nodiscard]] Liveness* session() noexcept { return session_.get(); }
  // Its session's number; 0: none.
  [[nodiscard]] std::uint64_t session_number() const noexcept { return session_ ? session_->session() : 0; }
  // What a server is told of this process by a capability of that scope.
  [[nodiscard]] std::uint64_t disclosed(DisclosureScope scope) const noexcept {
    if (scope == DisclosureScope::process) [[likely]] return number_;
    return scope == DisclosureScope::session ? session_number() : 0;
  }
  // Of best effort, for each of its threads. Any CPU.
  [[nodiscard]] Shares& shares() noexcept { return shares_; }
  [[nodiscard]] PageSource& pages() noexcept { return ledger_->pages(); }
  [[nodiscard]] AddressMap& memory() noexcept { return memory_; }
  [[nodiscard]] CapabilityTable& capabilities() noexcept { return capabilities_; }

  // Before it starts, in this order. Errors: quota_exceeded, out_of_memory.
  // Its stack; memory().map_portion() is to map it, from abi::kStackTop downwards.
  [[nodiscard]] ResultOf<void, schema::KernelError> begin_stack(std::uint64_t pages) noexcept;
  // What making a thread takes of zeroed memory (clean_ahead): frames, and the order of the largest block.
  static constexpr std::uint64_t kThreadFrames = 64;
  static constexpr unsigned kThreadOrder = 5;
  // A thread that is to be equipped in portions (Thread::equip_some), and added then; what is dropped before goes. Own CPU, or whoever
  // builds the process. Errors: quota_exceeded (kMaxThreads, or the ledger), out_of_memory.
  [[nodiscard]] ResultOf<Ref<Thread>, schema::KernelError> begin_thread() noexcept;
  // One that is whole is one of the process's, and does not run yet. The process keeps it.
  void add_thread(Thread& thread) noexcept;
  // Takes back a thread that was added and never ran.
  void withdraw(Thread& thread) noexcept;
  // Gives back what a dead thread of the living process holds, and the process's reference on it. Own CPU.
  void bury(Thread& thread) noexcept;
  // What it holds, and its number. The process may go with it.
  void strip(Thread& thread) noexcept;
  // Who is told of its threads' faults, unless they have another: before the first is added. Null: nobody.
  void set_supervisor(Ref<Object> supervisor) noexcept { supervisor_ = std::move(supervisor); }
  // Hands the CapSet over and sets the entry state.
  [[nodiscard]] ResultOf<void, schema::KernelError> install_capset(Ref<MemoryObject> page) noexcept;
  void set_entry(std::uint64_t entry) noexcept;

  // It is one of its CPU's best-effort processes until it ends. By whoever builds it, once. `freely`: nobody has named that CPU; it may move (moving.hpp).
  void take_place(bool freely) noexcept;
  // None of its threads has time but of a context, or a caller's, from now on. Own CPU.
  void leave_best_effort() noexcept;
  [[nodiscard]] bool placed_freely() const noexcept { return placed_freely_; }
  // By its own CPU, or by whoever built it and did not start it, once each and in this order.
  // It is to end, and with what record.
  void begin_end(const ExitRecord& exit) noexcept;
  // From then on, for good. Own CPU.
  [[nodiscard]] bool is_ending() const noexcept { return ending_; }
  // One of its threads has left everything: it ends with the process's record. O(1).
  void end_thread(Thread& thread) noexcept;
  // All have: tells those who wait. The caller hands the remains to the reaper.
  void end() noexcept;
  // Until its last thread has ended.
  [[nodiscard]] bool alive() const noexcept { return alive_.load(std::memory_order_acquire); }
  [[nodiscard]] const ExitRecord& exit_record() const noexcept { return exit_; }
  WaitSlot waiter;  // for the end
  Mail start_mail;
  Mail kill_mail;
  Mail share_mail;
  // Of moves. Own CPU, and on the way nobody.
  Mail move_mail;
  bool started = false;
  Time moved_at = Time::never();  // never: not yet
  // What it has bound of those that go where it goes, and its timers, until they die. On the way they are nobody's, either.
  List<Interrupt, DriverTag> interrupts;
  std::uint32_t bound_interrupts = 0;
  List<EventTimer, MakerTag> timers;
  [[nodiscard]] bool has_supervisor() const noexcept { return static_cast<bool>(supervisor_); }

  // Gives back a bounded part of what it holds; true when all is gone.
  [[nodiscard]] bool reap_step() noexcept;

  void acquire() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept;

  FaultReport report;  // written by the reaper
  Process* next_to_reap = nullptr;
  Process* next_ending = nullptr;
  std::atomic<std::uint32_t> event_timers{0};  // that it made and that live
  std::atomic<bool> has_share_control{false};

 private:
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;

  Process(std::string_view name, std::uint32_t number, Ledger& ledger, Liveness* session, CpuId cpu) noexcept;
  ~Process() = default;

  std::atomic<std::uint32_t> references_{1};
  std::atomic<bool> alive_{true};
  Shares shares_;
  std::uint32_t number_;
  bool has_place_ = false;
  bool placed_freely_ = false;
  bool ending_ = false;
  std::size_t name_length_ = 0;
  char name_[kMaxName + 1] = {};
  Ref<Ledger> ledger_;
  const Ref<Liveness> session_;
  AddressMap memory_;
  CapabilityTable capabilities_;
  List<Thread, ProcessTag> threads_;   // one reference each
  List<Thread, ProcessTag> ended_;     // with the process, likewise: the reaper's
  ParkList parked_;                    // threads and PARKs of its rings
  Ref<Thread> main_;
  Ref<Object> supervisor_;
  std::uint64_t numbers_ = 0;          // bit n: thread number n is taken
  ExitRecord exit_;
};

}  // namespace capos::kernel
