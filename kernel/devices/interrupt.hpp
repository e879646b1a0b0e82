// SPDX-License-Identifier: Apache-2.0
// A source of device interrupts that signals a notification: the path signals and leaves.
//
// Invariants: an Interrupt is of one CPU at a time, to which its source is sent, or of none. One that was opened for a CPU is that one's for good.
// One that was opened for its driver's (kDriversCpu) is of none while nobody has bound it, and masked; from then on it is of its driver's CPU, moves with
// the driver's process (process/moving.hpp), and on the way is of none that may touch it. Only the CPU that it is of touches its
// state; while it is of none, whoever makes it its own for the length of a call, or ends it. So its state needs no lock.
// An interrupt that comes in where its number is not at home, on its way when that moved or before its driver, is counted, and told to where it is by
// mail, or seen at its arrival there: none is lost, none is counted twice, and a level line is masked until that is acknowledged, as ever. Between an interrupt and its acknowledgement a level line is masked, and of an edge line
// or a message one more interrupt is remembered and masks it: no edge is lost, and no device is faster than its driver. A
// message is never unmasked after its function has been given back: to unmask it takes the lock of the claims.
// Bounds: an arrival is O(1): a lookup, a signal, at most one masking; one that is told by mail likewise, at its new CPU. A move: two device accesses.
#pragma once

#include <atomic>

#include "capos/base/list.hpp"
#include "capos/hal/devices.hpp"
#include "capos/schema/devices.hpp"
#include "core/mailbox.hpp"
#include "devices/claim.hpp"
#include "ipc/notification.hpp"

namespace capos::kernel {

class Process;
struct DriverTag;

// `cpu` of DeviceManager.interrupt and PciFunction.message: that of whoever binds it.
inline constexpr CpuId kDriversCpu{0xffff};

// Where an interrupt comes from, and how it is stopped.
struct InterruptSource {
  std::uint8_t number = 0;    // of hal/devices.hpp
  bool level = false;
  bool is_message = false;
  hal::PciAddress function;   // of a message
  std::uint16_t message_at = 0;  // its MSI capability in configuration space
  ClaimIdentity handed_out;      // the function's claim: unmasked only while that is held
};

class Interrupt final : public TypedObject<Interrupt, schema::Interrupt>, public ListHook<DriverTag> {
 public:
  static constexpr ObjectType kType = ObjectType::interrupt;
  using Interface = schema::Interrupt;

  // That one process may have bound of those that go where it goes: what a move takes along is bounded.
  static constexpr std::uint32_t kMostBound = 8;

  // Masked and not bound, sent to `cpu`; `stays`: for good. `number`: its claim; `function`: that on the only message of a PCI
  // function, or empty. Errors: out_of_memory.
  [[nodiscard]] static ResultOf<Ref<Interrupt>, schema::KernelError> create(Ledger& payer, Claim number, Claim function,
                                                                            const InterruptSource& source, CpuId cpu,
                                                                            bool stays) noexcept;
  // One of a CPU binds who holds it to that; another goes where its driver goes.
  [[nodiscard]] bool binds(const CapabilityTable&) noexcept override { return stays_; }

  Outcome bind(CallContext&, Interface::Bind::Params::Reader, Interface::Bind::Results::Builder) noexcept;
  Outcome acknowledge(CallContext&, const Interface::Acknowledge::Params::Value&,
                      Interface::Acknowledge::Results::Value&) noexcept;
  Outcome unbind(CallContext&, const Interface::Unbind::Params::Value&, Interface::Unbind::Results::Value&) noexcept;
  Outcome statistics(CallContext&, const Interface::Statistics::Params::Value&,
                     Interface::Statistics::Results::Value&) noexcept;

  // On its CPU, from on_device_interrupt. The thread that waited for it, taken out of its wait: the caller ends that.
  [[nodiscard]] Thread* arrive() noexcept;

  // With its driver's process, which has it in its list: by the CPU that it is of, to one that can be reached; by the one it comes to, after the
  // process's threads; and at the process's end.
  [[nodiscard]] bool can_go_to(CpuId cpu) const noexcept;
  void leave_for(CpuId to) noexcept;
  void arrive_at(CpuId cpu) noexcept;
  void lose_driver() noexcept;
  // On its CPU: what has come in elsewhere.
  void take_strays() noexcept;

 private:
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;

  Interrupt(Claim number, Claim function, const InterruptSource& source, CpuId cpu, bool stays) noexcept;
  ~Interrupt();
  void destroy() noexcept override;
  static void destroy_here(void* subject) noexcept;
  // This CPU's, or made so for the length of a call: false if it is another's.
  [[nodiscard]] bool take_up(CpuId cpu) noexcept;
  // The end of that; whoever calls this does not touch it any more.
  void put_down() noexcept;
  Outcome bind_here(CallContext& call, Interface::Bind::Params::Reader params) noexcept;
  [[nodiscard]] bool send_to(CpuId cpu) noexcept;
  void set_masked(bool masked) noexcept;
  void forget_binding() noexcept;

  Claim number_, function_;
  const InterruptSource source_;
  const bool stays_;
  CpuId sent_to_;
  bool masked_ = true;
  bool in_service_ = false;  // signalled, not yet acknowledged
  bool remembered_ = false;  // another came meanwhile
  std::uint64_t bits_ = 0;
  Ref<Notification> notification_;
  Ref<Process> driver_;      // who bound it
  std::uint64_t count_ = 0, repeated_ = 0, unclaimed_ = 0;
  Mail death_;
};

// `number` has come in on this CPU: whether it is anybody's, and who waited for it here.
struct Arrival {
  bool known = false;
  Thread* waiting = nullptr;
};
[[nodiscard]] Arrival interrupt_arrived(CpuId cpu, std::uint8_t number) noexcept;

}  // namespace capos::kernel
