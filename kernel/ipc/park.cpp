// SPDX-License-Identifier: Apache-2.0
#include "ipc/park.hpp"

#include "core/account.hpp"
#include "core/timeouts.hpp"
#include "core/wake.hpp"
#include "ipc/call_context.hpp"
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
  thread.waiting_hold = {};
  thread.parked_at = {};
  complete_call(thread, status, now);
}

void expire_park(void* subject, Cpu&, Time now) noexcept {
  Thread& thread = *static_cast<Thread*>(subject);
  if (leave_park(thread)) finish(thread, -static_cast<std::int32_t>(TransportError::timeout), now);
}

// On the thread's CPU, from anywhere. Takes over the reference that its list held.
void deliver_unpark(void* subject) noexcept {
  Thread& thread = *static_cast<Thread*>(subject);
  if (thread.state == ThreadState::parked) {  // else it has died meanwhile
    cancel_timeout(Cpu::current(), thread.timeout);
    finish(thread, 0, hal::now());
  }
  thread.release();
}

// The calling thread is in its list: it waits, `timeout_ns` at most.
Outcome wait_parked(CallContext& call, std::uint64_t timeout_ns) noexcept {
  Thread& thread = call.thread;
  thread.state = ThreadState::parked;
  thread.has_waited = true;
  block(call.cpu, thread.account, call.now);
  if (timeout_ns < static_cast<std::uint64_t>(sched::kMaxPeriod.ns())) {
    start_timeout(call.cpu, thread.timeout, call.now + Duration::ns(static_cast<std::int64_t>(timeout_ns)), expire_park,
                  &thread);
  }
  return Outcome::blocked();
}

bool timeout_valid(std::uint64_t timeout_ns) noexcept {
  return timeout_ns == kNoLimit || timeout_ns < static_cast<std::uint64_t>(sched::kMaxPeriod.ns());
}

class ParkSpaceService final : public SingletonObject<ParkSpaceService, schema::ParkSpace> {
 public:
  using Interface = schema::ParkSpace;

  Outcome park(CallContext& call, const Interface::Park::Params::Value& params,
               Interface::Park::Results::Value&) noexcept {
    if (params.address % 4 != 0) return Outcome::invalid(KernelError::bad_address);
    if (!timeout_valid(params.timeout_ns)) return Outcome::invalid(KernelError::bad_range);
    const auto place = call.process().memory().find_word(params.address);
    if (!place.has_value()) return Outcome::invalid(place.error());
    if (load_word(*place, params.address % hal::kPageSize) != params.expected) {
      return Outcome::failed(KernelError::mismatch);
    }
    if (!call.may_block) return Outcome::transport(TransportError::invalid_operation);
    if (params.timeout_ns == 0) return Outcome::transport(TransportError::timeout);
    call.thread.parked_at = {nullptr, params.address};
    call.thread.acquire();
    call.process().parked().push_back(call.thread);
    return wait_parked(call, params.timeout_ns);
  }

  Outcome unpark(CallContext& call, const Interface::Unpark::Params::Value& params,
                 Interface::Unpark::Results::Value& results) noexcept {
    if (params.address % 4 != 0) return Outcome::invalid(KernelError::bad_address);
    auto& parked = call.process().parked();
    Thread* next = parked.front();
    while (next != nullptr && results.woken < params.count) {
      Thread& thread = *next;
      next = parked.next(thread);
      if (thread.parked_at.offset != params.address) continue;
      List<Thread, ParkTag>::erase(thread);
      deliver_unpark(&thread);
      ++results.woken;
    }
    call.reschedule = results.woken != 0;
    return Outcome::done();
  }

  Outcome share(CallContext& call, Interface::Share::Params::Reader params,
                Interface::Share::Results::Builder results) noexcept {
    MemoryObject* const memory = call.argument<MemoryObject>(params.memory());
    if (memory == nullptr) return Outcome::invalid(KernelError::bad_capability);
    if (!memory->is_ram()) return Outcome::failed(KernelError::bad_state);
    auto space = new_object<SharedParkSpaceObject>(call.ledger(), *memory);
    if (!space.has_value()) return Outcome::overloaded(space.error());
    const auto index = call.give(*std::move(space));
    if (!index.has_value()) return Outcome::overloaded(index.error());
    results.set_space(*index);
    return Outcome::done();
  }
};

constinit ParkSpaceService g_park;

}  // namespace

Object& park_space_service() noexcept { return g_park; }

bool leave_park(Thread& thread) noexcept {
  MemoryObject* const memory = thread.parked_at.memory;
  if (memory == nullptr) {
    if (!static_cast<ListHook<ParkTag>&>(thread).linked()) return false;
    List<Thread, ParkTag>::erase(thread);
  } else {
    auto list = memory->parked.lock();
    if (!static_cast<ListHook<ParkTag>&>(thread).linked()) return false;
    List<Thread, ParkTag>::erase(thread);
    --list->size;
  }
  thread.release();
  return true;
}

void SharedParkSpaceObject::destroy() noexcept { delete_object(this); }

Outcome SharedParkSpaceObject::park(CallContext& call, const Interface::Park::Params::Value& params,
                                    Interface::Park::Results::Value&) noexcept {
  const std::uint64_t bytes = memory_->pages() * hal::kPageSize;
  if (params.offset % 4 != 0 || params.offset >= bytes) return Outcome::invalid(KernelError::bad_range);
  if (!timeout_valid(params.timeout_ns)) return Outcome::invalid(KernelError::bad_range);
  const hal::PhysicalAddress frame = memory_->frame_at(params.offset / hal::kPageSize);
  Thread& thread = call.thread;
  {
    auto list = memory_->parked.lock();
    if (load_word(frame, params.offset % hal::kPageSize) != params.expected) return Outcome::failed(KernelError::mismatch);
    if (!call.may_block) return Outcome::transport(TransportError::invalid_operation);
    if (params.timeout_ns == 0) return Outcome::transport(TransportError::timeout);
    if (list->size == kMaxSharedParked) return Outcome::overloaded(KernelError::busy);
    thread.parked_at = {memory_.get(), params.offset};
    thread.acquire();
    list->threads.push_back(thread);
    ++list->size;
  }
  thread.waiting_hold = Ref<Object>::share(*memory_);
  return wait_parked(call, params.timeout_ns);
}

Outcome SharedParkSpaceObject::unpark(CallContext& call, const Interface::Unpark::Params::Value& params,
                                      Interface::Unpark::Results::Value& results) noexcept {
  if (params.offset % 4 != 0 || params.offset >= memory_->pages() * hal::kPageSize) {
    return Outcome::invalid(KernelError::bad_range);
  }
  // Taken out under the lock, woken after it: from then on their ends are ours to tell.
  Thread* woken = nullptr;
  Thread** last = &woken;
  {
    auto list = memory_->parked.lock();
    Thread* next = list->threads.front();
    while (next != nullptr && results.woken < params.count) {
      Thread& thread = *next;
      next = list->threads.next(thread);
      if (thread.parked_at.offset != params.offset) continue;
      List<Thread, ParkTag>::erase(thread);
      --list->size;
      ++results.woken;
      thread.next_woken = nullptr;
      *last = &thread;
      last = &thread.next_woken;
    }
  }
  while (woken != nullptr) {
    Thread& thread = *woken;
    woken = thread.next_woken;
    (void)post(thread.cpu, thread.wake_mail, deliver_unpark, &thread);
  }
  call.reschedule = results.woken != 0;
  return Outcome::done();
}

}  // namespace capos::kernel
