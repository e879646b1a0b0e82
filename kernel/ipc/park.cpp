// SPDX-License-Identifier: Apache-2.0
#include "ipc/park.hpp"

#include "core/account.hpp"
#include "core/timeouts.hpp"
#include "core/wake.hpp"
#include "ipc/call_context.hpp"
#include "ipc/ring_state.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;
using schema::TransportError;

constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

std::uint32_t load_word(hal::PhysicalAddress frame, std::uint64_t within) noexcept {
  const auto* const page = static_cast<const std::byte*>(hal::to_kernel(frame));
  return __atomic_load_n(reinterpret_cast<const std::uint32_t*>(page + within), __ATOMIC_SEQ_CST);
}

// The wait of a thread that nobody else ends any more.
void finish(Thread& thread, std::int32_t status, Time now) noexcept {
  for (auto& word : thread.user.words()) word = 0;
  end_lease_use(thread.wait_lease);
  thread.waiting_hold = {};
  thread.parked_at = {};
  complete_call(thread, status, now);
}

void expire_park(void* subject, Cpu&, Time now) noexcept {
  Thread& thread = *static_cast<Thread*>(subject);
  if (leave_park(thread)) finish(thread, -static_cast<std::int32_t>(TransportError::timeout), now);
}

// What keeps who waits; see park.hpp.
void hold(ParkWaiter& waiter) noexcept {
  if (waiter.by_ring) return RingState::hold(static_cast<Operation&>(waiter));
  static_cast<Thread&>(waiter).acquire();
}
void let_go(ParkWaiter& waiter) noexcept {
  if (waiter.by_ring) return RingState::let_go(static_cast<Operation&>(waiter));
  static_cast<Thread&>(waiter).release();
}

// On the thread's CPU, from anywhere. Takes over the reference that its list held.
void deliver_unpark(void* subject) noexcept {
  Thread& thread = *static_cast<Thread*>(subject);
  if (!thread.home.is(Cpu::current().id)) [[unlikely]] return (void)post_to(thread.home, thread.wake_mail, deliver_unpark, subject);
  if (thread.state == ThreadState::parked) {  // else it has died meanwhile
    cancel_timeout(thread.timeout);
    finish(thread, 0, hal::now());
  }
  thread.release();
}

// Its wait ends; who took it out of its list calls this.
void wake(ParkWaiter& waiter) noexcept {
  if (waiter.by_ring) {
    auto& operation = static_cast<Operation&>(waiter);
    (void)post(operation.caller.home.cpu(), operation.mail, RingState::unparked, &operation);
  } else {
    auto& thread = static_cast<Thread&>(waiter);
    (void)post_to(thread.home, thread.wake_mail, deliver_unpark, &thread);
  }
}

// Compare and park in one step: done if it is in the list. `instead`: see park_by_ring.
Outcome enter_private(Process& process, ParkWaiter& waiter, std::uint64_t address, std::uint32_t expected,
                      const Outcome& instead) noexcept {
  const auto place = process.memory().find_word(address);
  if (!place.has_value()) return Outcome::invalid(place.error());
  if (load_word(*place, address % hal::kPageSize) != expected) return Outcome::failed(KernelError::mismatch);
  if (instead.kind() != Outcome::Kind::done) return instead;
  ParkList& list = process.parked();
  if (waiter.by_ring && list.size >= kMaxRingParked) return Outcome::overloaded(KernelError::busy);
  waiter.parked_at = {nullptr, address};
  hold(waiter);
  list.waiters.push_back(waiter);
  ++list.size;
  return Outcome::done();
}

bool in_object(MemoryObject& memory, std::uint64_t offset) noexcept {
  return offset % 4 == 0 && offset < memory.pages() * hal::kPageSize;
}

Outcome enter_shared(MemoryObject& memory, ParkWaiter& waiter, std::uint64_t offset, std::uint32_t expected,
                     const Outcome& instead) noexcept {
  const hal::PhysicalAddress frame = memory.frame_at(offset / hal::kPageSize);
  auto list = memory.parked.lock();
  if (load_word(frame, offset % hal::kPageSize) != expected) return Outcome::failed(KernelError::mismatch);
  if (instead.kind() != Outcome::Kind::done) return instead;
  if (list->size == kMaxSharedParked) return Outcome::overloaded(KernelError::busy);
  waiter.parked_at = {&memory, offset};
  hold(waiter);
  list->waiters.push_back(waiter);
  ++list->size;
  return Outcome::done();
}

// How many an unpark wakes before it lets interrupts in.
constexpr std::uint32_t kWokenAtOnce = 4;

// Of those in a list that wait at one place, in order.
struct Taken {
  ParkWaiter* first = nullptr;  // by next_woken; out of the list: their ends are to be told by whoever took them
  std::uint32_t count = 0;
  std::uint32_t others = 0;     // that wait there too
};

// `most` of them, at most kWokenAtOnce.
Taken take(ParkList& list, std::uint64_t offset, std::uint32_t most) noexcept {
  Taken taken;
  ParkWaiter** last = &taken.first;
  const std::uint32_t at_once = most < kWokenAtOnce ? most : kWokenAtOnce;
  ParkWaiter* next = most == 0 ? nullptr : list.waiters.front();
  while (next != nullptr) {
    ParkWaiter& waiter = *next;
    next = list.waiters.next(waiter);
    if (waiter.parked_at.offset != offset) continue;
    if (taken.count == at_once) {
      if (at_once == most) break;
      ++taken.others;
      continue;
    }
    List<ParkWaiter, ParkTag>::erase(waiter);
    --list.size;
    ++taken.count;
    waiter.next_woken = nullptr;
    *last = &waiter;
    last = &waiter.next_woken;
  }
  return taken;
}

// The first of an unpark's portions finds how many it is to wake in all, so that those who come back in between do not keep it at
// work; the others have that, and how many have been woken.
struct Waking {
  static Waking of(const CallProgress& progress) noexcept {
    return {static_cast<std::uint32_t>(progress.done), static_cast<std::uint32_t>(progress.done >> 32)};
  }
  void note_in(CallProgress& progress) const noexcept {
    progress.begun = true;
    progress.done = woken | std::uint64_t{all} << 32;
  }
  std::uint32_t woken = 0, all = 0;
};

Thread& thread_of(ParkWaiter& waiter) noexcept {
  return waiter.by_ring ? static_cast<Operation&>(waiter).caller : static_cast<Thread&>(waiter);
}

// A portion; `memory` null: the process's own words. Done: `woken` in all. Unfinished: others are to be woken. `on_context`: one of
// those woken runs on a context.
Outcome unpark_portion(Process& process, MemoryObject* memory, std::uint64_t offset, std::uint32_t count, CallProgress& progress,
                       std::uint32_t& woken, bool& on_context) noexcept {
  Waking waking = progress.begun ? Waking::of(progress) : Waking{0, count};
  const std::uint32_t left = waking.all - waking.woken;
  // Of an object's list they are taken out under its lock, and woken after it.
  Taken taken;
  if (memory == nullptr) {
    taken = take(process.parked(), offset, left);
  } else {
    taken = take(*memory->parked.lock(), offset, left);
  }
  for (ParkWaiter* next = taken.first; next != nullptr;) {
    ParkWaiter& waiter = *next;
    next = waiter.next_woken;
    const Thread& thread = thread_of(waiter);
    on_context = on_context || (thread.home.is(process.cpu()) && thread.account.context != nullptr);
    wake(waiter);
  }
  waking.woken = woken = waking.woken + taken.count;
  if (taken.others == 0 || waking.woken == waking.all) return Outcome::done();
  if (!progress.begun && taken.others < waking.all - waking.woken) waking.all = waking.woken + taken.others;
  waking.note_in(progress);
  return Outcome::unfinished();
}

Outcome unpark_by_call(CallContext& call, MemoryObject* memory, std::uint64_t offset, std::uint32_t count,
                       std::uint32_t& woken) noexcept {
  const Outcome outcome = unpark_portion(call.process(), memory, offset, count, call.progress, woken, call.yields);
  call.reschedule = woken != 0;
  return outcome;
}

// What to answer instead of waiting, if the word is as expected.
Outcome instead_of_waiting(const CallContext& call, std::uint64_t timeout_ns) noexcept {
  if (!call.may_block) return Outcome::transport(TransportError::invalid_operation);
  return timeout_ns == 0 ? Outcome::transport(TransportError::timeout) : Outcome::done();
}

// The calling thread is in its list: it waits, `timeout_ns` at most.
Outcome wait_parked(CallContext& call, std::uint64_t timeout_ns) noexcept {
  Thread& thread = call.thread;
  thread.state = ThreadState::parked;
  thread.has_waited = true;
  block(call.cpu, thread.account, call.now);
  if (timeout_ns < static_cast<std::uint64_t>(sched::kMaxPeriod.ns())) {
    start_timeout(call.cpu.timeouts, thread.timeout, call.now + Duration::ns(static_cast<std::int64_t>(timeout_ns)), expire_park,
                  &thread);
  }
  return Outcome::blocked();
}

bool timeout_valid(std::uint64_t timeout_ns) noexcept {
  return timeout_ns == kNoLimit || timeout_ns < static_cast<std::uint64_t>(sched::kMaxPeriod.ns());
}

class ParkSpaceService final : public SingletonObject<ParkSpaceService, schema::ParkSpace> {
 public:
  static constexpr bool kPortionsByRegisters = true;
  using Interface = schema::ParkSpace;

  Outcome park(CallContext& call, const Interface::Park::Params::Value& params,
               Interface::Park::Results::Value&) noexcept {
    if (params.address % 4 != 0) return Outcome::invalid(KernelError::bad_address);
    if (!timeout_valid(params.timeout_ns)) return Outcome::invalid(KernelError::bad_range);
    const Outcome entered = enter_private(call.process(), call.thread, params.address, params.expected,
                                          instead_of_waiting(call, params.timeout_ns));
    if (entered.kind() != Outcome::Kind::done) return entered;
    return wait_parked(call, params.timeout_ns);
  }

  Outcome unpark(CallContext& call, const Interface::Unpark::Params::Value& params,
                 Interface::Unpark::Results::Value& results) noexcept {
    if (params.address % 4 != 0) return Outcome::invalid(KernelError::bad_address);
    return unpark_by_call(call, nullptr, params.address, params.count, results.woken);
  }

  Outcome share(CallContext& call, Interface::Share::Params::Reader params,
                Interface::Share::Results::Builder results) noexcept {
    MemoryObject* const memory = call.argument<MemoryObject>(params.memory());
    if (memory == nullptr) return Outcome::invalid(KernelError::bad_capability);
    if (!memory->is_ram()) return Outcome::failed(KernelError::bad_state);
    auto space = new_object<SharedParkSpaceObject>(call.ledger(), *memory);
    if (!space.has_value()) return Outcome::overloaded(space.error());
    // It ends with the memory's lease and with that of this capability.
    HoldEdge edge = call.edge();
    Liveness* const of_memory = call.argument_entry(params.memory())->lease();
    if (edge.lease == nullptr || (of_memory != nullptr && of_memory->is_within(*edge.lease))) {
      edge.lease = of_memory;
    } else if (of_memory != nullptr && !edge.lease->is_within(*of_memory)) {
      return Outcome::invalid(KernelError::mismatch);
    }
    const auto index = call.give(*std::move(space), schema::SharedParkSpace::kInterfaceId, edge);
    if (!index.has_value()) return Outcome::overloaded(index.error());
    results.set_space(*index);
    return Outcome::done();
  }
};

constinit ParkSpaceService g_park;

}  // namespace

Object& park_space_service() noexcept { return g_park; }

namespace {

// The space that a ring's entry names: the process's own words (`memory` null), or an object's. False: neither.
bool find_space(const Operation& operation, MemoryObject*& memory) noexcept {
  CapabilityEntry* const entry = operation.caller.process.capabilities().find(abi::CapId{operation.sqe.cap});
  if (entry == nullptr) return false;
  memory = nullptr;
  if (entry->object() == &g_park) return true;
  auto* const space = object_cast<SharedParkSpaceObject>(entry->object());
  if (space != nullptr) memory = &space->memory();
  return space != nullptr;
}

// The word is possible; with `memory` null, that it is there is seen when it is read.
Outcome check_word(MemoryObject* memory, std::uint64_t word) noexcept {
  if (memory == nullptr) return word % 4 == 0 ? Outcome::done() : Outcome::invalid(KernelError::bad_address);
  return in_object(*memory, word) ? Outcome::done() : Outcome::invalid(KernelError::bad_range);
}

}  // namespace

Outcome park_by_ring(Operation& operation, const Outcome& instead) noexcept {
  MemoryObject* memory = nullptr;
  if (!find_space(operation, memory)) return Outcome::transport(TransportError::invalid_cap);
  const std::uint64_t word = operation.sqe.interface_id;
  const std::uint32_t expected = operation.sqe.params_size;
  if (const Outcome possible = check_word(memory, word); possible.kind() != Outcome::Kind::done) return possible;
  if (memory == nullptr) return enter_private(operation.caller.process, operation, word, expected, instead);
  const Outcome entered = enter_shared(*memory, operation, word, expected, instead);
  // Whoever has taken it out meanwhile tells this CPU by mail.
  if (entered.kind() == Outcome::Kind::done) operation.object = Ref<Object>::share(*memory);
  return entered;
}

Outcome unpark_by_ring(const Operation& operation, CallProgress& progress, std::uint32_t& woken) noexcept {
  MemoryObject* memory = nullptr;
  if (!find_space(operation, memory)) return Outcome::transport(TransportError::invalid_cap);
  const std::uint64_t word = operation.sqe.interface_id;
  if (const Outcome possible = check_word(memory, word); possible.kind() != Outcome::Kind::done) return possible;
  bool on_context = false;  // it runs when the thread's ring lets others in
  return unpark_portion(operation.caller.process, memory, word, operation.sqe.params_size, progress, woken, on_context);
}

bool leave_park(ParkWaiter& waiter) noexcept {
  MemoryObject* const memory = waiter.parked_at.memory;
  if (memory == nullptr) {
    if (!waiter.linked()) return false;
    List<ParkWaiter, ParkTag>::erase(waiter);
    Process& process = waiter.by_ring ? static_cast<Operation&>(waiter).caller.process : static_cast<Thread&>(waiter).process;
    --process.parked().size;
  } else {
    auto list = memory->parked.lock();
    if (!waiter.linked()) return false;
    List<ParkWaiter, ParkTag>::erase(waiter);
    --list->size;
  }
  let_go(waiter);
  return true;
}

void end_park(Thread& thread, TransportError why, Time now) noexcept {
  if (!leave_park(thread)) return;
  cancel_timeout(thread.timeout);
  finish(thread, -static_cast<std::int32_t>(why), now);
}

void SharedParkSpaceObject::destroy() noexcept { delete_object(this); }

Outcome SharedParkSpaceObject::park(CallContext& call, const Interface::Park::Params::Value& params,
                                    Interface::Park::Results::Value&) noexcept {
  if (!in_object(*memory_, params.offset)) return Outcome::invalid(KernelError::bad_range);
  if (!timeout_valid(params.timeout_ns)) return Outcome::invalid(KernelError::bad_range);
  const Outcome entered = enter_shared(*memory_, call.thread, params.offset, params.expected,
                                       instead_of_waiting(call, params.timeout_ns));
  if (entered.kind() != Outcome::Kind::done) return entered;
  call.thread.waiting_hold = Ref<Object>::share(*memory_);
  return wait_parked(call, params.timeout_ns);
}

Outcome SharedParkSpaceObject::unpark(CallContext& call, const Interface::Unpark::Params::Value& params,
                                      Interface::Unpark::Results::Value& results) noexcept {
  if (!in_object(*memory_, params.offset)) return Outcome::invalid(KernelError::bad_range);
  return unpark_by_call(call, memory_.get(), params.offset, params.count, results.woken);
}

}  // namespace capos::kernel
