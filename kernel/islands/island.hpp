// SPDX-License-Identifier: Apache-2.0
// An admitted island: its certificate has passed the checker, its CPUs are leased, its contexts exist.
//
// Life: admitted -> active (releases run) -> retired (for good), by retire(), by a task's consequence, or when nobody holds the
// island any more. It stands (standing.hpp) until CPU 0 has heard of its end: so long its claims count, and its CPUs are leased.
// What concerns a context reaches its own CPU by mail. A change (mode_change.hpp) goes over its CPUs one by one.
#pragma once

#include <array>

#include "capos/base/list.hpp"
#include "ipc/call_context.hpp"
#include "islands/certificate_wire.hpp"
#include "islands/kept_certificate.hpp"
#include "islands/scheduling_context.hpp"
#include "islands/standing.hpp"

namespace capos::kernel {

class ModeChange;

class Island final : public TypedObject<Island, schema::RealtimeIsland>, public ListHook<StandingTag> {
 public:
  static constexpr ObjectType kType = ObjectType::island;
  using Interface = schema::RealtimeIsland;

  // In the order in which they are called, on CPU 0. An island without contexts, charged to `payer`. Errors: quota_exceeded, out_of_memory.
  [[nodiscard]] static ResultOf<Ref<Island>, schema::KernelError> create(Ledger& payer, std::uint32_t index, std::uint32_t cpus) noexcept;
  // The next task's. `predecessors`: of the certificate's tasks (sched::find_predecessors). Errors: likewise.
  [[nodiscard]] ResultOf<void, schema::KernelError> make_context(const sched::Certificate& certificate,
                                                                 std::span<const std::uint16_t> predecessors, Time now) noexcept;
  // All are there, the certificate has been checked, and `kept` is it; its CPUs have been leased. It stands. Errors:
  // quota_exceeded; then it does not. O(tasks).
  [[nodiscard]] ResultOf<void, schema::KernelError> take_place(const sched::Certificate& certificate,
                                                               std::span<const std::uint16_t> predecessors,
                                                               KeptCertificate kept) noexcept;
  // Another certificate of the same tasks; `change`: what of them, null if nothing. What it takes is there. Errors: quota_exceeded;
  // then nothing has changed. O(tasks).
  [[nodiscard]] ResultOf<void, schema::KernelError> change_to(const sched::Certificate& certificate, KeptCertificate kept,
                                                              ModeChange* change) noexcept;

  [[nodiscard]] unsigned size() const noexcept { return count_; }
  [[nodiscard]] SchedulingContext& context(unsigned task) noexcept { return *contexts_[task]; }
  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
  [[nodiscard]] std::uint32_t cpus() const noexcept { return cpus_; }
  // CPU 0, while it stands.
  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] std::uint64_t serial() const noexcept { return serial_; }
  [[nodiscard]] const KeptCertificate& kept() const noexcept { return kept_; }
  [[nodiscard]] bool stands() const noexcept { return stands_ && state_.load() != State::retired; }
  // Any CPU.
  [[nodiscard]] bool is_changing() const noexcept { return changing_.load(std::memory_order_acquire); }
  void change_is_made() noexcept { changing_.store(false, std::memory_order_release); }

  Outcome activate(CallContext&, const Interface::Activate::Params::Value&, Interface::Activate::Results::Value&) noexcept;
  Outcome retire(CallContext&, const Interface::Retire::Params::Value&, Interface::Retire::Results::Value&) noexcept;
  Outcome status(CallContext&, const Interface::Status::Params::Value&, Interface::Status::Results::Value&) noexcept;
  Outcome mode_change(CallContext&, Interface::ModeChange::Params::Reader, Interface::ModeChange::Results::Builder) noexcept;
  Outcome contexts(CallContext&, Interface::Contexts::Params::Reader, Interface::Contexts::Results::Builder) noexcept;

 private:
  enum class State : std::uint8_t { admitted, active, retired };
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;

  Island(std::uint32_t index, std::uint32_t cpus) noexcept : TypedObject(kType), index_(index), cpus_(cpus) {}
  ~Island() = default;
  void destroy() noexcept override;
  friend void end_island(SchedulingContext& context, Time now) noexcept;
  void pair_fallbacks(const sched::Certificate& certificate) noexcept;
  void link_triggers(std::span<const std::uint16_t> predecessors) noexcept;
  void keep(KeptCertificate kept) noexcept;
  // Stops the contexts, on each CPU a few at a time. False if that has been done, or is under way.
  bool stop() noexcept;
  // The same, and tells CPU 0 that it does not stand any more.
  bool end() noexcept;
  void leave() noexcept;
  void unmake() noexcept;
  // Of this CPU's contexts, from `next` on, at most so many: true if there is no other; else `next` is one.
  template <typename Visit>
  [[nodiscard]] bool visit_some(std::uint16_t& next, unsigned most, Visit&& visit) noexcept;
  static void arm_some(void* subject) noexcept;
  static void stop_some(void* subject) noexcept;

  std::uint32_t index_;
  std::uint32_t cpus_;
  std::atomic<State> state_{State::admitted};
  unsigned count_ = 0;
  bool stands_ = false;           // by CPU 0, or whoever holds the last reference
  std::atomic<bool> changing_{false};
  std::uint64_t serial_ = 0;
  std::uint64_t bandwidth_ = 0;  // charged while it stands, in ppm
  KeptCertificate kept_;
  std::string_view name_;        // in kept_
  Mail leave_mail_;              // to CPU 0
  struct Arming {
    Mail mail;
    std::uint16_t next = 0;      // of the contexts
  };
  std::array<Arming, kMaxCpus> arming_;  // on each CPU, by itself
  std::array<std::uint16_t, kMaxCpus> stopping_{};  // likewise: the next of the contexts
  std::array<Ref<SchedulingContext>, kMaxCertificateTasks> contexts_;
};

// How a task's claim looks to the scheduler, and what follows from its misses.
[[nodiscard]] sched::ContextParameters parameters_of(const sched::TaskClaim& claim, const sched::Certificate& certificate,
                                                     bool triggered, std::uint32_t island) noexcept;
[[nodiscard]] sched::MissRules rules_of(const sched::TaskClaim& claim) noexcept;
// What tasks are promised, in millionths of a CPU, each rounded up.
[[nodiscard]] std::uint64_t bandwidth_of(std::span<const sched::TaskClaim> tasks) noexcept;

// Retires the context's island, if that is there still. On CPU 0, not while contexts are walked through.
void end_island(SchedulingContext& context, Time now) noexcept;

}  // namespace capos::kernel
