// SPDX-License-Identifier: Apache-2.0
#include "devices/event_timer.hpp"

#include "ipc/call_context.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {

using schema::KernelError;

namespace {

constexpr std::uint64_t kShortestPeriod = 10'000;                  // ns: a timer costs its CPU at most 1 in 20 or so
constexpr std::uint64_t kLongestPeriod = 3'600'000'000'000;        // an hour
constexpr std::uint64_t kLatest = std::uint64_t{1} << 62;          // instants are below: no sum overflows

}  // namespace

EventTimer::EventTimer(Process& maker, CpuId cpu, Notification& notification, std::uint64_t bits) noexcept
    : TypedObject(kType), home_(cpu), bits_(bits), notification_(Ref<Notification>::share(notification)),
      maker_(Ref<Process>::share(maker)) {
  maker.timers.push_back(*this);
}

EventTimer::~EventTimer() {
  List<EventTimer, MakerTag>::erase(*this);
  maker_->event_timers.fetch_sub(1, std::memory_order_relaxed);
}

bool EventTimer::binds(const CapabilityTable& holder) noexcept {
  if (&holder == &maker_->capabilities()) return false;
  shared_.store(true, std::memory_order_relaxed);
  return true;
}

void EventTimer::leave_for(CpuId to) noexcept {
  suspend_timeout(timeout_);
  home_.leave_for(to);
}

void EventTimer::arrive_at(Cpu& cpu) noexcept {
  home_.arrive_at(cpu.id);
  resume_timeout(cpu.timeouts, timeout_);
}

ResultOf<Ref<EventTimer>, KernelError> EventTimer::create(CallContext& call, Notification& notification,
                                                          std::uint64_t bits) noexcept {
  auto& used = call.process().event_timers;
  if (used.fetch_add(1, std::memory_order_relaxed) >= kMaxPerProcess) {
    used.fetch_sub(1, std::memory_order_relaxed);
    return fail(KernelError::quota_exceeded);
  }
  auto timer = new_object<EventTimer>(call.process().ledger(), call.process(), call.cpu.id, notification, bits);
  if (!timer.has_value()) used.fetch_sub(1, std::memory_order_relaxed);
  return timer;
}

void EventTimer::disarm() noexcept {
  cancel_timeout(timeout_);
  next_ = Time::never();
}

void EventTimer::expire(void* subject, Cpu& cpu, Time now) noexcept { static_cast<EventTimer*>(subject)->fire(cpu, now); }

void EventTimer::fire(Cpu& cpu, Time now) noexcept {
  ++fired_;
  if (period_ns_ == 0) {
    next_ = Time::never();
  } else {
    const std::uint64_t passed = (now.ns() - next_.ns()) / period_ns_;
    skipped_ += passed;
    next_ = Time::from_ns(next_.ns() + (passed + 1) * period_ns_);
    start_timeout(cpu.timeouts, timeout_, next_, expire, this);
  }
  (void)notification_->set(bits_);
}

Outcome EventTimer::start(CallContext& call, const Interface::Start::Params::Value& params,
                          Interface::Start::Results::Value&) noexcept {
  if (!home_.is(call.cpu.id)) return Outcome::invalid(KernelError::bad_cpu);
  const bool periodic = params.period_ns != 0;
  if (params.first_ns >= kLatest || (periodic && (params.period_ns < kShortestPeriod || params.period_ns > kLongestPeriod))) {
    return Outcome::invalid(KernelError::bad_range);
  }
  disarm();
  next_ = Time::from_ns(params.first_ns);
  period_ns_ = params.period_ns;
  if (next_ <= call.now) {
    fire(call.cpu, call.now);
  } else {
    start_timeout(call.cpu.timeouts, timeout_, next_, expire, this);
  }
  call.reschedule = true;  // somebody was woken, or the CPU's own timer is to be armed anew
  return Outcome::done();
}

Outcome EventTimer::cancel(CallContext& call, const Interface::Cancel::Params::Value&,
                           Interface::Cancel::Results::Value& results) noexcept {
  if (!home_.is(call.cpu.id)) return Outcome::invalid(KernelError::bad_cpu);
  results.was_armed = timeout_.queued();
  disarm();
  call.reschedule = true;
  return Outcome::done();
}

Outcome EventTimer::status(CallContext& call, const Interface::Status::Params::Value&,
                           Interface::Status::Results::Value& results) noexcept {
  if (!home_.is(call.cpu.id)) return Outcome::invalid(KernelError::bad_cpu);
  results.armed = timeout_.queued();
  results.next_ns = timeout_.queued() ? next_.ns() : 0;
  results.fired = fired_;
  results.skipped = skipped_;
  return Outcome::done();
}

void EventTimer::destroy() noexcept { destroy_here(this); }

void EventTimer::destroy_here(void* subject) noexcept {
  auto* const timer = static_cast<EventTimer*>(subject);
  if (!timer->home_.is(Cpu::current().id)) return (void)post_later(timer->home_.cpu(), timer->death_, destroy_here, timer);
  timer->disarm();
  delete_object(timer);
}

}  // namespace capos::kernel
