// SPDX-License-Identifier: Apache-2.0
// A source of device interrupts that signals a notification: the path signals and leaves.
//
// Invariants: an Interrupt belongs to one CPU, where its source is sent, where its methods are called and where it dies;
// so its state needs no lock. Between an interrupt and its acknowledgement a level line is masked, and of an edge line
// or a message one more interrupt is remembered and masks it: no edge is lost, and no device is faster than its driver. A
// message is never unmasked after its function has been given back: to unmask it takes the lock of the claims.
// Bounds: an arrival is O(1): a lookup, a signal, at most one masking.
#pragma once

#include <atomic>

#include "capos/hal/devices.hpp"
#include "capos/schema/devices.hpp"
#include "core/mailbox.hpp"
#include "devices/claim.hpp"
#include "ipc/notification.hpp"

namespace capos::kernel {

class Process;

// Where an interrupt comes from, and how it is stopped.
struct InterruptSource {
  std::uint8_t number = 0;    // of hal/devices.hpp
  bool level = false;
  bool is_message = false;
  hal::PciAddress function;   // of a message
  std::uint16_t message_at = 0;  // its MSI capability in configuration space
  ClaimIdentity handed_out;      // the function's claim: unmasked only while that is held
};

class Interrupt final : public TypedObject<Interrupt, schema::Interrupt> {
 public:
  static constexpr ObjectType kType = ObjectType::interrupt;
  using Interface = schema::Interrupt;

  // Masked and not bound. `number`: its claim; `function`: that on the only message of a PCI function, or empty.
  // Errors: out_of_memory.
  [[nodiscard]] static ResultOf<Ref<Interrupt>, schema::KernelError> create(Ledger& payer, Claim number, Claim function,
                                                                            const InterruptSource& source,
                                                                            CpuId cpu) noexcept;

  Outcome bind(CallContext&, Interface::Bind::Params::Reader, Interface::Bind::Results::Builder) noexcept;
  Outcome acknowledge(CallContext&, const Interface::Acknowledge::Params::Value&,
                      Interface::Acknowledge::Results::Value&) noexcept;
  Outcome unbind(CallContext&, const Interface::Unbind::Params::Value&, Interface::Unbind::Results::Value&) noexcept;
  Outcome statistics(CallContext&, const Interface::Statistics::Params::Value&,
                     Interface::Statistics::Results::Value&) noexcept;

  // On its CPU, from on_device_interrupt. The thread that waited for it, taken out of its wait: the caller ends that.
  [[nodiscard]] Thread* arrive() noexcept;

 private:
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;

  Interrupt(Claim number, Claim function, const InterruptSource& source, CpuId cpu) noexcept;
  ~Interrupt();
  void destroy() noexcept override;
  static void destroy_here(void* subject) noexcept;
  void set_masked(bool masked) noexcept;
  void forget_binding() noexcept;

  Claim number_, function_;
  const InterruptSource source_;
  const CpuId cpu_;
  bool masked_ = true;
  bool in_service_ = false;  // signalled, not yet acknowledged
  bool remembered_ = false;  // another came meanwhile
  std::uint64_t bits_ = 0;
  Ref<Notification> notification_;
  Ref<Process> driver_;      // who bound it
  std::uint64_t count_ = 0, repeated_ = 0, unclaimed_ = 0;
  Mail death_;
};

// `number` has come in on this CPU: whether it is anybody's here, and who waited for it.
struct Arrival {
  bool known = false;
  Thread* waiting = nullptr;
};
[[nodiscard]] Arrival interrupt_arrived(CpuId cpu, std::uint8_t number) noexcept;

}  // namespace capos::kernel
