// SPDX-License-Identifier: Apache-2.0
#include "devices/interrupt.hpp"

#include <array>

#include "devices/pci_config.hpp"
#include "ipc/call_context.hpp"
#include "resources/charged.hpp"
#include "process/process.hpp"

namespace capos::kernel {

using schema::KernelError;

namespace {

// Whose a number is. `object` is touched by the owning CPU alone; another CPU, to which a number that has moved since may
// still arrive, sees that it is not its own.
struct Owner {
  static constexpr std::uint16_t kNobody = 0xffff;
  std::atomic<std::uint16_t> cpu{kNobody};
  Interrupt* object = nullptr;
};
constinit std::array<Owner, hal::kInterruptNumbers> g_owners;

void unmask_message(void* subject) noexcept {
  const auto& source = *static_cast<const InterruptSource*>(subject);
  set_message_masked(source.function, source.message_at, false);
}

}  // namespace

Interrupt::Interrupt(Claim number, Claim function, const InterruptSource& source, CpuId cpu) noexcept
    : TypedObject(kType), number_(std::move(number)), function_(std::move(function)), source_(source), cpu_(cpu) {}
Interrupt::~Interrupt() = default;

ResultOf<Ref<Interrupt>, KernelError> Interrupt::create(Ledger& payer, Claim number, Claim function, const InterruptSource& source,
                                                        CpuId cpu) noexcept {
  Ref<Interrupt> object = TRY(new_object<Interrupt>(payer, std::move(number), std::move(function), source, cpu));
  g_owners[source.number].object = object.get();
  g_owners[source.number].cpu.store(cpu.value(), std::memory_order_release);
  return object;
}

// The path of every device interrupt.
Arrival interrupt_arrived(CpuId cpu, std::uint8_t number) noexcept {
  Owner& owner = g_owners[number];
  if (owner.cpu.load(std::memory_order_acquire) != cpu.value()) [[unlikely]] return {};
  return {true, owner.object->arrive()};
}

Thread* Interrupt::arrive() noexcept {
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
  driver_ = {};
}

Outcome Interrupt::bind(CallContext& call, Interface::Bind::Params::Reader params,
                        Interface::Bind::Results::Builder) noexcept {
  if (call.cpu.id != cpu_) return Outcome::invalid(KernelError::bad_cpu);
  Notification* const notification = call.argument<Notification>(params.notification());
  if (notification == nullptr) return Outcome::invalid(KernelError::bad_capability);
  if (params.bits() == 0) return Outcome::invalid(KernelError::bad_range);
  if (driver_ && driver_->alive() && driver_.get() != &call.process()) return Outcome::overloaded(KernelError::busy);
  forget_binding();
  notification_ = Ref<Notification>::share(*notification);
  driver_ = Ref<Process>::share(call.process());
  bits_ = params.bits();
  set_masked(false);
  return Outcome::done();
}

Outcome Interrupt::acknowledge(CallContext& call, const Interface::Acknowledge::Params::Value&,
                               Interface::Acknowledge::Results::Value&) noexcept {
  if (call.cpu.id != cpu_) return Outcome::invalid(KernelError::bad_cpu);
  if (!driver_) return Outcome::failed(KernelError::bad_state);
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
  if (call.cpu.id != cpu_) return Outcome::invalid(KernelError::bad_cpu);
  if (!driver_) return Outcome::failed(KernelError::bad_state);
  forget_binding();
  return Outcome::done();
}

Outcome Interrupt::statistics(CallContext& call, const Interface::Statistics::Params::Value&,
                              Interface::Statistics::Results::Value& results) noexcept {
  if (call.cpu.id != cpu_) return Outcome::invalid(KernelError::bad_cpu);
  results.count = count_;
  results.repeated = repeated_;
  results.unclaimed = unclaimed_;
  results.bound = driver_ && driver_->alive();
  results.masked = masked_;
  return Outcome::done();
}

void Interrupt::destroy() noexcept { (void)post(cpu_, death_, destroy_here, this); }

void Interrupt::destroy_here(void* subject) noexcept {
  auto* const interrupt = static_cast<Interrupt*>(subject);
  interrupt->forget_binding();
  Owner& owner = g_owners[interrupt->source_.number];
  owner.cpu.store(Owner::kNobody, std::memory_order_release);
  owner.object = nullptr;
  delete_object(interrupt);
}

}  // namespace capos::kernel
