// SPDX-License-Identifier: Apache-2.0
// Timers that signal: once, or at first + n * period for ever, without drift.
//
// Invariants: a timer is on the CPU of the process that made it, where its methods are called and where it dies, and moves with it; it
// is one of that CPU's timeouts while it is armed. One that another process has had, too, binds both to their CPU: they may lean on being on
// one. Bounds: kMaxPerProcess timers; start, cancel and each expiry O(log n) in
// the CPU's timeouts, and one signal.
#pragma once

#include "capos/base/list.hpp"
#include "core/cpu.hpp"
#include "core/mailbox.hpp"
#include "ipc/notification.hpp"

namespace capos::kernel {

struct MakerTag;

class EventTimer final : public TypedObject<EventTimer, schema::EventTimer>, public ListHook<MakerTag> {
 public:
  static constexpr ObjectType kType = ObjectType::event_timer;
  static constexpr std::uint32_t kMaxPerProcess = 64;
  using Interface = schema::EventTimer;

  // For the calling process. Errors: quota_exceeded, out_of_memory.
  [[nodiscard]] static ResultOf<Ref<EventTimer>, schema::KernelError> create(CallContext& call, Notification& notification,
                                                                             std::uint64_t bits) noexcept;

  Outcome start(CallContext&, const Interface::Start::Params::Value&, Interface::Start::Results::Value&) noexcept;
  Outcome cancel(CallContext&, const Interface::Cancel::Params::Value&, Interface::Cancel::Results::Value&) noexcept;
  Outcome status(CallContext&, const Interface::Status::Params::Value&, Interface::Status::Results::Value&) noexcept;

  // Its maker's only: it is theirs alone, and goes where they go. Another table: from now on it is not.
  [[nodiscard]] bool binds(const CapabilityTable& holder) noexcept override;
  [[nodiscard]] bool is_shared() const noexcept { return shared_.load(std::memory_order_relaxed); }
  // With its maker, which has it in its list: by the CPU where they live, and by the one that they come to. For the same instant.
  void leave_for(CpuId to) noexcept;
  void arrive_at(Cpu& cpu) noexcept;

 private:
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;

  EventTimer(Process& maker, CpuId cpu, Notification& notification, std::uint64_t bits) noexcept;
  ~EventTimer();
  void destroy() noexcept override;
  static void destroy_here(void* subject) noexcept;
  void disarm() noexcept;
  static void expire(void* subject, Cpu& cpu, Time now) noexcept;
  // Signals, and goes to the next instant after now, if there is one.
  void fire(Cpu& cpu, Time now) noexcept;

  Home home_;
  std::atomic<bool> shared_{false};
  const std::uint64_t bits_;
  Ref<Notification> notification_;
  Ref<Process> maker_;
  Timeout timeout_;
  Time next_ = Time::never();
  std::uint64_t period_ns_ = 0;  // 0: once
  std::uint64_t fired_ = 0, skipped_ = 0;
  Mail death_;
};

}  // namespace capos::kernel
