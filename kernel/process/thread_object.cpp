// SPDX-License-Identifier: Apache-2.0
#include "process/thread_object.hpp"

#include <algorithm>
#include <bit>

#include "capos/abi/ring_identity.hpp"
#include "core/account.hpp"
#include "core/termination.hpp"
#include "core/wake.hpp"
#include "ipc/call_context.hpp"
#include "ipc/fault_call.hpp"
#include "ipc/ring_state.hpp"
#include "islands/binding.hpp"
#include "islands/lease.hpp"
#include "islands/settling.hpp"
#include "process/process.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {

using schema::KernelError;

namespace {

constexpr std::uint64_t kRingPages = 1 + abi::kArenaPages;

schema::ThreadActivity activity_of(ThreadState state) noexcept {
  using schema::ThreadActivity;
  switch (state) {
    case ThreadState::runnable: return ThreadActivity::ready;
    case ThreadState::await_release: return ThreadActivity::waits_for_release;
    case ThreadState::await_reply: return ThreadActivity::waits_for_reply;
    case ThreadState::await_server: return ThreadActivity::waits_for_server;
    case ThreadState::await_call: return ThreadActivity::waits_for_call;
    case ThreadState::await_signal:
    case ThreadState::await_leased:
    case ThreadState::await_completions: return ThreadActivity::waits_for_event;
    case ThreadState::ring_work:
    case ThreadState::call_work: return ThreadActivity::ready;
    case ThreadState::sleeping: return ThreadActivity::sleeps;
    case ThreadState::await_supervisor: return ThreadActivity::waits_for_supervisor;
    case ThreadState::parked: return ThreadActivity::parked;
    case ThreadState::dead: return ThreadActivity::ended;
  }
  return ThreadActivity::ready;
}

bool entry_valid(schema::ThreadFactory::Create::Params::Reader params) noexcept {
  return params.entry() < abi::kUserEnd && params.stack_top() <= abi::kUserEnd && params.stack_top() % 16 == 0 &&
         params.fs_base() < abi::kUserEnd;
}

// Is the memory for a ring's queues and operations at hand (clean_ahead)?
bool ring_can_be_made(std::uint32_t entries) noexcept {
  if (entries == 0 || entries > abi::kMaxSubmissionEntries) return true;  // refused
  const auto queues = static_cast<unsigned>(std::bit_width((abi::queue_bytes(entries) - 1) / hal::kPageSize));
  const unsigned pool = RingState::order_for(entries);
  return clean_ahead((std::uint64_t{1} << queues) + (std::uint64_t{1} << pool), std::max(queues, pool));
}

class ThreadFactoryService final : public SingletonObject<ThreadFactoryService, schema::ThreadFactory> {
 public:
  Outcome create(CallContext& call, schema::ThreadFactory::Create::Params::Reader params,
                 schema::ThreadFactory::Create::Results::Builder results) noexcept {
    if (!entry_valid(params)) return Outcome::invalid(KernelError::bad_address);
    if (!clean_ahead(Process::kThreadFrames, Process::kThreadOrder)) return Outcome::unfinished();
    auto supervisor = supervisor_of(call, params.has_supervisor(), params.supervisor());
    if (!supervisor.has_value()) return Outcome::invalid(supervisor.error());
    SchedulingContext* context = nullptr;
    if (params.has_context()) {
      context = call.argument<SchedulingContext>(params.context());
      if (context == nullptr) return Outcome::invalid(KernelError::bad_capability);
      if (context->stopped.load(std::memory_order_relaxed)) return Outcome::failed(KernelError::bad_state);
      if (context->cpu() != call.cpu.id) return Outcome::invalid(KernelError::bad_cpu);
      if (context->claimed.load()) return Outcome::overloaded(KernelError::busy);
    } else if (!best_effort_allowed(call.cpu.id, params.passive())) {
      return Outcome::invalid(KernelError::bad_cpu);
    }
    const auto equipped = equip(call);
    if (!equipped.has_value()) {
      return equipped.error() == KernelError::bad_address ? Outcome::invalid(equipped.error()) : Outcome::overloaded(equipped.error());
    }
    if (!*equipped) return Outcome::unfinished();
    if (context != nullptr && context->claimed.exchange(true)) return Outcome::overloaded(KernelError::busy);
    const Outcome outcome = make(call, params, context, *std::move(supervisor), results);
    if (context != nullptr && outcome.kind() != Outcome::Kind::done) context->claimed = false;
    return outcome;
  }

 private:
  // The thread that hangs on the call, until it is whole.
  static ResultOf<bool, KernelError> equip(CallContext& call) noexcept {
    CallProgress& progress = call.progress;
    if (progress.begun) return static_cast<Thread&>(*progress.object).equip_some();
    progress.object = TRY(call.process().begin_thread());
    progress.begun = true;
    return false;
  }

  static Outcome make(CallContext& call, schema::ThreadFactory::Create::Params::Reader params,
                      SchedulingContext* context, Ref<Object> supervisor,
                      schema::ThreadFactory::Create::Results::Builder results) noexcept {
    Process& process = call.process();
    auto& thread = static_cast<Thread&>(*call.progress.object);
    process.add_thread(thread);
    const auto index = call.give(Ref<Object>::share(thread));
    if (!index.has_value()) {
      process.withdraw(thread);
      return Outcome::overloaded(index.error());
    }
    if (context == nullptr && !params.passive() && !enlist_best_effort(process)) {
      process.withdraw(thread);
      return Outcome::invalid(KernelError::bad_cpu);  // the CPU was leased meanwhile
    }
    const Share share = process.shares().in_force();  // another one, if it has changed since the thread was begun
    call.cpu.scheduler.set_share(thread.entity, share.weight, share.request(), call.now);
    thread.user.start(hal::UserAddress(params.entry()), hal::UserAddress(params.stack_top()), thread.ring_place(),
                      thread.number, params.argument());
    hal::set_thread_pointer(thread.user, hal::UserAddress(params.fs_base()));
    if (supervisor) thread.supervisor = std::move(supervisor);
    if (context != nullptr) {
      make_for(*context, thread);
      attach(call.cpu, thread, call.now);
    } else {
      give_account(starting_account(thread), thread);
    }
    start_when_settled(call.cpu, thread, call.now);
    results.set_thread(*index);
    results.set_number(thread.number);
    call.reschedule = true;
    return Outcome::done();
  }
};

class ThreadControlService final : public SingletonObject<ThreadControlService, schema::ThreadControl> {
 public:
  static constexpr bool kPortionsByRegisters = true;
  using Interface = schema::ThreadControl;
  Outcome set_fs_base(CallContext& call, const Interface::SetFsBase::Params::Value& params,
                      Interface::SetFsBase::Results::Value&) noexcept {
    if (params.base >= abi::kUserEnd) return Outcome::invalid(KernelError::bad_address);
    hal::set_thread_pointer(call.thread.user, hal::UserAddress(params.base));
    return Outcome::done();
  }
  Outcome get_fs_base(CallContext& call, const Interface::GetFsBase::Params::Value&,
                      Interface::GetFsBase::Results::Value& results) noexcept {
    results.base = call.thread.user.thread_pointer().value();
    return Outcome::done();
  }
  Outcome set_ring(CallContext& call, const Interface::SetRing::Params::Value& params,
                   Interface::SetRing::Results::Value&) noexcept {
    if (!call.may_block) return Outcome::transport(schema::TransportError::invalid_operation);
    if (!ring_can_be_made(params.entries)) return Outcome::unfinished();
    const auto made = call.thread.set_ring(params.entries);
    if (made.has_value()) return Outcome::done();
    switch (made.error()) {
      case KernelError::bad_state: return Outcome::failed(made.error());
      case KernelError::bad_range:
      case KernelError::bad_address: return Outcome::invalid(made.error());
      default: return Outcome::overloaded(made.error());
    }
  }
  Outcome number(CallContext& call, const Interface::Number::Params::Value&,
                 Interface::Number::Results::Value& results) noexcept {
    results.number = call.thread.number;
    return Outcome::done();
  }
};

constinit ThreadFactoryService g_factory;
constinit ThreadControlService g_control;

}  // namespace

Object& thread_factory_service() noexcept { return g_factory; }
Object& thread_control_service() noexcept { return g_control; }

Thread::Thread(Process& owner, CpuId on, std::uint32_t own_number) noexcept
    : TypedObject(kType),
      ParkWaiter(false),
      process(owner),
      home(on),
      number(own_number),
      entity(owner.shares().in_force().weight, owner.shares().in_force().request()),
      hold_(Ref<Process>::share(owner)) {
  entity.owner = this;
}
Thread::~Thread() = default;

// One that has not been added to its process has not been stripped either.
void Thread::destroy() noexcept {
  if (hold_) process.strip(*this);
  delete_object(this);
}

namespace {

KernelError error_of_place(KernelError error) noexcept { return error == KernelError::overlap ? KernelError::bad_address : error; }

}  // namespace

ResultOf<bool, KernelError> Thread::equip_some() noexcept {
  AddressMap& map = process.memory();
  if (!ring_) {
    void* const area = process.pages().take_page();
    if (area == nullptr) return fail(process.pages().shortage());
    user.attach_vector_area(area);
    has_arena_ = payer()->charge(Resource::ring_arenas, 1);
    if (!has_arena_) return fail(KernelError::quota_exceeded);
    ring_ = TRY(MemoryObject::create_contiguous(process, kRingPages));
    ring_address_ = ring_->kernel_address();
    const auto begun = map.begin_map(ring_place(), ring_, 0, kRingPages, hal::Protection{.write = true, .execute = false}, false);
    if (!begun.has_value()) return fail(error_of_place(begun.error()));
    return false;
  }
  if (!ring_is_mapped_) {
    const auto mapped = map.map_portion(ring_place());
    if (!mapped.has_value()) return fail(error_of_place(mapped.error()));
    ring_is_mapped_ = *mapped;
    return false;
  }
  ring_state = TRY(RingState::create(*this, ring_address_, process.pages()));
  return true;
}

void Thread::unmap_ring() noexcept {
  if (ring_) process.memory().unmap_object(ring_place(), kRingPages, *ring_);
  unmap_queues();
}

void Thread::unmap_queues() noexcept {
  if (queues_) process.memory().unmap_object(ring_place() + queues_offset_, queues_->pages(), *queues_);
}

ResultOf<void, KernelError> Thread::set_ring(std::uint32_t entries) noexcept {
  if ((entries & (entries - 1)) != 0 || entries < abi::kSubmissionEntries || entries > abi::kMaxSubmissionEntries) {
    return fail(KernelError::bad_range);
  }
  if (!ring_state->idle()) return fail(KernelError::bad_state);
  Ref<MemoryObject> queues;
  std::uint32_t offset = 0;
  if (entries != abi::kSubmissionEntries) {
    const std::uint64_t pages = (abi::queue_bytes(entries) + hal::kPageSize - 1) / hal::kPageSize;
    // Not where the present ones are: those must be there if this fails.
    offset = static_cast<std::uint32_t>(abi::kQueuesOffset + (queues_offset_ == abi::kQueuesOffset ? abi::kQueuesStride : 0));
    queues = TRY(MemoryObject::create_contiguous(process, pages));
    const auto mapped = process.memory().map(ring_place() + offset, queues, 0, queues->pages(),
                                             hal::Protection{.write = true, .execute = false});
    if (!mapped.has_value()) return fail(mapped.error() == KernelError::overlap ? KernelError::bad_address : mapped.error());
  }
  const auto made = queues ? RingState::create(*this, {ring_address_, queues->kernel_address(), offset, entries},
                                               process.pages())
                           : RingState::create(*this, ring_address_, process.pages());
  if (!made.has_value()) {
    if (queues) process.memory().unmap_object(ring_place() + offset, queues->pages(), *queues);
    return fail(made.error());
  }
  (*made)->succeed(*ring_state);
  RingState::release(*std::exchange(ring_state, *made), process.pages());
  unmap_queues();
  queues_ = std::move(queues);
  queues_offset_ = offset;
  return {};
}

void Thread::give_back() noexcept {
  outgoing = &direct_call;  // not one of the ring's
  if (ring_state != nullptr) RingState::release(*std::exchange(ring_state, nullptr), process.pages());
  if (void* const area = user.vector_area(); area != nullptr) process.pages().give_page(area);
  user.attach_vector_area(nullptr);
  supervisor = {};
  if (ring_address_ != nullptr) ::new (static_cast<std::byte*>(ring_address_) + abi::kRingIdentityOffset) abi::RingIdentity{};
  ring_ = {};
  queues_ = {};
  ring_address_ = nullptr;
  if (has_arena_) payer()->give_back(Resource::ring_arenas, 1);
  has_arena_ = false;
  hold_ = {};
}

void Thread::end(const ExitRecord& how) noexcept {
  exit = how;
  state = ThreadState::dead;
  ended_.store(true, std::memory_order_release);
  if (Thread* const waiting = waiter.take(); waiting != nullptr) wake_for_exit(*waiting, exit);
}

Outcome Thread::wait(CallContext& call, const Interface::Wait::Params::Value&,
                     Interface::Wait::Results::Value& results) noexcept {
  const auto ended = [&]() noexcept {
    results.reason = exit.reason;
    results.code = exit.code;
    results.address = exit.address;
    return Outcome::done();
  };
  if (has_ended()) return ended();
  if (&call.thread == this) return Outcome::failed(KernelError::bad_state);
  if (!call.may_block) return Outcome::transport(schema::TransportError::invalid_operation);
  if (!waiter.enter(call.thread)) return Outcome::overloaded(KernelError::busy);
  if (has_ended() && waiter.leave(call.thread)) return ended();
  await_event(call, waiter, *this, nullptr);
  return Outcome::blocked();
}

Outcome Thread::kill(CallContext& call, const Interface::Kill::Params::Value&,
                     Interface::Kill::Results::Value&) noexcept {
  if (!has_ended()) kill_thread(*this);
  call.reschedule = true;
  return Outcome::done();
}

Outcome Thread::describe(CallContext&, const Interface::Describe::Params::Value&,
                         Interface::Describe::Results::Value& results) noexcept {
  results.alive = !has_ended();
  results.ready = results.alive && has_waited;
  results.activity = activity_of(state);
  results.number = number;
  return Outcome::done();
}

Outcome Thread::wake_ring(CallContext& call, const Interface::WakeRing::Params::Value&,
                          Interface::WakeRing::Results::Value&) noexcept {
  if (has_ended()) return Outcome::done();
  if (!home.is(call.cpu.id)) return Outcome::invalid(KernelError::bad_cpu);
  ring_state->look_again(call.cpu, call.now);
  call.reschedule = true;
  return Outcome::done();
}

}  // namespace capos::kernel
