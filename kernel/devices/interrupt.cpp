// SPDX-License-Identifier: Apache-2.0
#include "devices/interrupt.hpp"

#include <array>

#include "devices/pci_config.hpp"
#include "core/assert.hpp"
#include "core/wake.hpp"
#include "ipc/call_context.hpp"
#include "resources/charged.hpp"
#include "process/process.hpp"

namespace capos::kernel {

using schema::KernelError;

namespace {

constexpr std::uint16_t kOfNone = 0xffff, kOnTheWay = 0x8000;

// Of which CPU a number is; with kOnTheWay: it goes there. `object` is touched by that CPU alone.
struct Owner {
  std::atomic<std::uint16_t> cpu{kOfNone};
  Interrupt* object = nullptr;
};
constinit std::array<Owner, hal::kInterruptNumbers> g_owners;

// What has come in of a number where it was not at home, and has not been looked at yet. Who counts one looks then whose the number is, and tells
// that CPU; whoever makes a number theirs does so first, and looks then what has been counted. So each is seen by one of the two.
struct Strays {
  std::atomic<std::uint32_t> count{0};
  Mail mail;
};
constinit std::array<Strays, hal::kInterruptNumbers> g_strays;

CpuId home_or_aim(std::uint16_t at) noexcept { return CpuId(static_cast<std::uint16_t>(at & ~kOnTheWay)); }

// Subject: the number's strays. On after it if it has gone on meanwhile; where it has not arrived yet, or nobody has it, they are looked at then.
void deliver_strays(void* subject) noexcept {
  auto& strays = *static_cast<Strays*>(subject);
  const Owner& owner = g_owners[static_cast<std::size_t>(&strays - g_strays.data())];
  const std::uint16_t at = owner.cpu.load(std::memory_order_seq_cst);
  if (at == Cpu::current().id.value()) return owner.object->take_strays();
  const bool elsewhere = at != kOfNone && (at & kOnTheWay) == 0;
  if (elsewhere && strays.count.load(std::memory_order_seq_cst) != 0) (void)post_later(CpuId(at), strays.mail, deliver_strays, &strays);
}

// False: it is nobody's. By itself, so that what is at home saves no registers for it.
[[gnu::noinline, gnu::cold]] bool note_stray(std::uint8_t number) noexcept {
  Strays& strays = g_strays[number];
  strays.count.fetch_add(1, std::memory_order_seq_cst);
  const std::uint16_t at = g_owners[number].cpu.load(std::memory_order_seq_cst);
  if (at == kOfNone) return false;
  (void)post_later(home_or_aim(at), strays.mail, deliver_strays, &strays);  // else it is under way, and finds this one, too
  return true;
}

struct Redirection {
  const InterruptSource& source;
  hal::InterruptMessage message;
};
void redirect_message(void* subject) noexcept {
  const auto& [source, message] = *static_cast<const Redirection*>(subject);
  set_message_target(source.function, source.message_at, message);
}

void unmask_message(void* subject) noexcept {
  const auto& source = *static_cast<const InterruptSource*>(subject);
  set_message_masked(source.function, source.message_at, false);
}

}  // namespace

Interrupt::Interrupt(Claim number, Claim function, const InterruptSource& source, CpuId cpu, bool stays) noexcept
    : TypedObject(kType), number_(std::move(number)), function_(std::move(function)), source_(source), stays_(stays), sent_to_(cpu) {}
Interrupt::~Interrupt() = default;

ResultOf<Ref<Interrupt>, KernelError> Interrupt::create(Ledger& payer, Claim number, Claim function, const InterruptSource& source,
                                                        CpuId cpu, bool stays) noexcept {
  Ref<Interrupt> object = TRY(new_object<Interrupt>(payer, std::move(number), std::move(function), source, cpu, stays));
  g_strays[source.number].count.store(0, std::memory_order_relaxed);
  g_owners[source.number].object = object.get();
  if (stays) g_owners[source.number].cpu.store(cpu.value(), std::memory_order_release);
  return object;
}

// The path of every device interrupt, though strays come here, too: a part of it, not called.
[[gnu::always_inline]] inline Thread* Interrupt::arrive() noexcept {
  ++count_;
  if (in_service_) [[unlikely]] {
    ++repeated_;
    remembered_ = true;
    set_masked(true);
    return nullptr;
  }
  if (!driver_ || !driver_->alive()) [[unlikely]] {
    ++unclaimed_;
    set_masked(true);
    return nullptr;
  }
  in_service_ = true;
  masked_ = source_.level;  // by the HAL, before it told
  Thread* const waiting = notification_->signal_and_take(bits_);
  if (waiting == nullptr) (void)notification_->wake_ring();
  return waiting;
}

Arrival interrupt_arrived(CpuId cpu, std::uint8_t number) noexcept {
  Owner& owner = g_owners[number];
  if (owner.cpu.load(std::memory_order_acquire) != cpu.value()) [[unlikely]] return {.known = note_stray(number)};
  return {true, owner.object->arrive()};
}

bool Interrupt::can_go_to(CpuId cpu) const noexcept { return hal::message_for(source_.number, cpu).address != 0; }

bool Interrupt::send_to(CpuId cpu) noexcept {
  if (!source_.is_message) {
    if (!hal::redirect_line(source_.number, cpu)) return false;
  } else {
    Redirection redirection{source_, hal::message_for(source_.number, cpu)};
    if (redirection.message.address == 0) return false;
    (void)Claim::while_held(source_.handed_out, redirect_message, &redirection);  // else it sends nothing any more
  }
  sent_to_ = cpu;
  return true;
}

// From the first line on, what comes is a stray.
void Interrupt::leave_for(CpuId to) noexcept {
  g_owners[source_.number].cpu.store(static_cast<std::uint16_t>(to.value() | kOnTheWay), std::memory_order_seq_cst);
  require(send_to(to), "a driver goes to a CPU that its interrupts reach");
}

void Interrupt::arrive_at(CpuId cpu) noexcept {
  g_owners[source_.number].cpu.store(cpu.value(), std::memory_order_seq_cst);
  take_strays();
}

void Interrupt::take_strays() noexcept {
  for (std::uint32_t left = g_strays[source_.number].count.exchange(0, std::memory_order_seq_cst); left != 0; --left) {
    if (Thread* const waiting = arrive(); waiting != nullptr) wake_for_signal(*waiting);
  }
}

void Interrupt::lose_driver() noexcept {
  forget_binding();
  put_down();
}

bool Interrupt::take_up(CpuId cpu) noexcept {
  std::atomic<std::uint16_t>& at = g_owners[source_.number].cpu;
  if (at.load(std::memory_order_relaxed) == cpu.value()) return true;  // nobody else writes it then
  std::uint16_t none = kOfNone;
  return !stays_ && at.compare_exchange_strong(none, cpu.value(), std::memory_order_seq_cst, std::memory_order_relaxed);
}

void Interrupt::put_down() noexcept {
  if (!stays_ && !driver_) g_owners[source_.number].cpu.store(kOfNone, std::memory_order_release);
}

void Interrupt::set_masked(bool masked) noexcept {
  masked_ = masked;
  if (!source_.is_message) return masked ? hal::mask_line(source_.number) : hal::unmask_line(source_.number);
  if (masked) return set_message_masked(source_.function, source_.message_at, true);
  // Not once its function is nobody's, or another's.
  masked_ = !Claim::while_held(source_.handed_out, unmask_message, const_cast<InterruptSource*>(&source_));
}

void Interrupt::forget_binding() noexcept {
  set_masked(true);
  in_service_ = remembered_ = false;
  bits_ = 0;
  notification_ = {};
  if (ListHook<DriverTag>::linked()) {
    List<Interrupt, DriverTag>::erase(*this);
    --driver_->bound_interrupts;
  }
  driver_ = {};
}

// One that is another CPU's, and may be anybody's, has been bound there by somebody who lives: lose_driver().
Outcome Interrupt::bind(CallContext& call, Interface::Bind::Params::Reader params,
                        Interface::Bind::Results::Builder) noexcept {
  if (!take_up(call.cpu.id)) return stays_ ? Outcome::invalid(KernelError::bad_cpu) : Outcome::overloaded(KernelError::busy);
  const Outcome outcome = bind_here(call, params);
  put_down();
  return outcome;
}

Outcome Interrupt::bind_here(CallContext& call, Interface::Bind::Params::Reader params) noexcept {
  Process& process = call.process();
  Notification* const notification = call.argument<Notification>(params.notification());
  if (notification == nullptr) return Outcome::invalid(KernelError::bad_capability);
  if (params.bits() == 0) return Outcome::invalid(KernelError::bad_range);
  if (driver_ && driver_->alive() && driver_.get() != &process) return Outcome::overloaded(KernelError::busy);
  if (!stays_ && !driver_) {
    if (process.bound_interrupts == kMostBound) return Outcome::overloaded(KernelError::quota_exceeded);
    if (sent_to_ != call.cpu.id && !send_to(call.cpu.id)) return Outcome::invalid(KernelError::bad_cpu);
    const std::uint32_t strays = g_strays[source_.number].count.exchange(0, std::memory_order_seq_cst);
    count_ += strays;
    unclaimed_ += strays;
  }
  forget_binding();
  notification_ = Ref<Notification>::share(*notification);
  driver_ = Ref<Process>::share(process);
  if (!stays_) {
    process.interrupts.push_back(*this);
    ++process.bound_interrupts;
  }
  bits_ = params.bits();
  set_masked(false);
  return Outcome::done();
}

Outcome Interrupt::acknowledge(CallContext& call, const Interface::Acknowledge::Params::Value&,
                               Interface::Acknowledge::Results::Value&) noexcept {
  if (!take_up(call.cpu.id)) return Outcome::invalid(KernelError::bad_cpu);
  if (!driver_) {
    put_down();
    return Outcome::failed(KernelError::bad_state);
  }
  if (!in_service_) return Outcome::done();
  in_service_ = remembered_;
  const bool again = remembered_;
  remembered_ = false;
  if (masked_) set_masked(false);
  if (again) call.reschedule = notification_->set(bits_);
  return Outcome::done();
}

Outcome Interrupt::unbind(CallContext& call, const Interface::Unbind::Params::Value&,
                          Interface::Unbind::Results::Value&) noexcept {
  if (!take_up(call.cpu.id)) return Outcome::invalid(KernelError::bad_cpu);
  const bool bound = static_cast<bool>(driver_);
  if (bound) forget_binding();
  put_down();
  return bound ? Outcome::done() : Outcome::failed(KernelError::bad_state);
}

Outcome Interrupt::statistics(CallContext& call, const Interface::Statistics::Params::Value&,
                              Interface::Statistics::Results::Value& results) noexcept {
  if (!take_up(call.cpu.id)) return Outcome::invalid(KernelError::bad_cpu);
  results.count = count_;
  results.repeated = repeated_;
  results.unclaimed = unclaimed_;
  results.bound = driver_ && driver_->alive();
  results.masked = masked_;
  put_down();
  return Outcome::done();
}

void Interrupt::destroy() noexcept { destroy_here(this); }

// Where it is; of no CPU: anywhere, for nobody can make it theirs any more.
void Interrupt::destroy_here(void* subject) noexcept {
  auto* const interrupt = static_cast<Interrupt*>(subject);
  Owner& owner = g_owners[interrupt->source_.number];
  const std::uint16_t at = owner.cpu.load(std::memory_order_acquire);
  if (at != kOfNone && at != Cpu::current().id.value()) {
    return (void)post_later(home_or_aim(at), interrupt->death_, destroy_here, interrupt);
  }
  interrupt->forget_binding();
  owner.cpu.store(kOfNone, std::memory_order_release);
  owner.object = nullptr;
  delete_object(interrupt);
}

}  // namespace capos::kernel
