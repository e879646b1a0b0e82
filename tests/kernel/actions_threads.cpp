// SPDX-License-Identifier: Apache-2.0
// Threads of a process, and parking.
#include <array>
#include <cstring>

#include "actions.hpp"

namespace capos::ktest {
namespace {

using schema::KernelError;
using schema::TransportError;

constexpr std::size_t kMostThreads = 5;  // of a process

bool make_thread(Chapter& c, Who w) {
  const std::uint64_t factory = c.service(w.process, "self.threads");
  // init's one thread is what a chapter ends with.
  if (factory == 0 || w.process == World::kInit || !has_room(c, w) || c.model.process(w.process).living() >= kMostThreads) return false;
  const bool good_stack = !c.random.one_in(30);
  const std::uint64_t supervisor = c.random.one_in(3) ? c.pick(w.process, Kind::client) : 0;
  const Held* const named_one = supervisor == 0 ? nullptr : c.model.find(w.process, supervisor);
  const bool good_supervisor = supervisor == 0 || (named_one != nullptr && named_one->interface_id == schema::FaultHandler::kInterfaceId);
  const Error expected = !good_stack        ? invalid(KernelError::bad_address)
                         : !good_supervisor ? invalid(KernelError::bad_capability)
                                            : kNoError;
  const auto made = ask<schema::ThreadFactory::Create>(c, w, factory, expected, [&](auto params, auto& transfers) {
    params.set_entry(abi::kProgramBase);
    params.set_stack_top(abi::kStackTop - (good_stack ? 0 : 8));
    if (supervisor != 0) params.set_supervisor(add(transfers, abi::CapId{supervisor}));
  });
  if (!made.has_value()) return true;
  ModelThread& thread = c.model.add_thread(w.process);
  if (supervisor != 0) thread.supervisor = c.model.object(named_one->id).of;
  const auto number = made->read([](auto results) { return results.number(); });
  c.tell(thread.who.text() + ", number " + std::to_string(number));
  c.require(number == thread.number, "a thread got another number than the lowest that is free");
  const Id id = c.model.add({.kind = Kind::thread, .interface_id = schema::Thread::kInterfaceId, .process = w.process,
                             .thread = thread.who.thread});
  c.model.brings(w.process, made->cap([](auto results) { return results.thread(); }).raw, factory, id);
  return true;
}

Who thread_of(Chapter& c, Who w, std::uint64_t cap) {
  const ModelObject& object = object_of(c, w, cap);
  return {object.process, object.thread};
}

bool wait_for_thread(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::thread);
  if (cap == 0) return false;
  const Who other = thread_of(c, w, cap);
  c.tell(other.text());
  call_object<schema::Thread::Wait>(c, w, cap, {}, [&] { return c.model.wait_for_thread(w, other); });
  return true;
}

bool kill_thread(Chapter& c, Who w) {
  if (!c.random.one_in(3)) return false;
  const std::uint64_t cap = c.pick(w.process, Kind::thread);
  if (cap == 0) return false;
  const Who victim = thread_of(c, w, cap);
  if (victim == w) return false;  // "ends its thread" is that
  c.tell(victim.text());
  call_object<schema::Thread::Kill>(c, w, cap, {}, [&] {
    if (c.model.thread(victim).alive()) c.model.kill_thread(w, victim);
    return finds_words();
  });
  return true;
}

schema::ThreadActivity activity_of(const ModelThread& thread) {
  using schema::ThreadActivity;
  switch (thread.waits) {
    case Waits::no: return ThreadActivity::ready;
    case Waits::for_reply: return ThreadActivity::waits_for_reply;
    case Waits::for_server: return ThreadActivity::waits_for_server;
    case Waits::for_call: return ThreadActivity::waits_for_call;
    case Waits::for_signal:
    case Waits::for_exit:
    case Waits::for_thread:
    case Waits::in_ring: return ThreadActivity::waits_for_event;
    case Waits::asleep: return ThreadActivity::sleeps;
    case Waits::parked: return ThreadActivity::parked;
    case Waits::for_supervisor: return ThreadActivity::waits_for_supervisor;
    case Waits::dead: break;
  }
  return ThreadActivity::ended;
}

bool describe_thread(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::thread);
  if (cap == 0) return false;
  const ModelThread& thread = c.model.thread(thread_of(c, w, cap));
  // A wait in cap_enter is over before its thread runs; when it is, the model does not say.
  const bool resumes = thread.waits == Waits::in_ring && c.thread(thread.who).state == kernel::ThreadState::ring_work;
  call_object<schema::Thread::Describe>(c, w, cap, {}, [&] {
    const schema::Thread::Describe::Results::Value expected{.alive = thread.alive(),
                                                            .ready = thread.alive() && thread.waited,
                                                            .activity = resumes ? schema::ThreadActivity::ready : activity_of(thread),
                                                            .number = thread.number};
    Finds finds;
    expected.to_words(finds.words.data());
    return finds;
  });
  return true;
}

bool end_own_thread(Chapter& c, Who w) {
  if (!c.random.one_in(c.model.process(w.process).living() > 1 ? 3 : 30)) return false;
  const std::uint64_t code = c.random.below(256);
  kernel::Thread& thread = c.thread(w);
  c.model.exit_thread(w, code);
  (void)c.world.enter(thread, static_cast<std::uint64_t>(abi::SystemCall::exit_thread), {}, 0, {code});
  return true;
}

bool set_fs_base(Chapter& c, Who w) {
  const std::uint64_t cap = c.service(w.process, "self.thread");
  if (cap == 0) return false;
  const std::uint64_t base = c.random.one_in(10) ? abi::kUserEnd + c.random.below(8) : c.random.below(abi::kUserEnd);
  call_object<schema::ThreadControl::SetFsBase>(c, w, cap, {.base = base}, [&] {
    if (base >= abi::kUserEnd) return finds_error(invalid(KernelError::bad_address));
    c.model.thread(w).fs_base = base;
    return finds_words();
  });
  return true;
}

bool ask_about_itself(Chapter& c, Who w) {
  const std::uint64_t cap = c.service(w.process, "self.thread");
  if (cap == 0) return false;
  call_object<schema::ThreadControl::GetFsBase>(c, w, cap, {}, [&] { return finds_words(c.model.thread(w).fs_base); });
  call_object<schema::ThreadControl::Number>(c, w, cap, {}, [&] { return finds_words(c.model.thread(w).number); });
  return true;
}

// --- parking ----------------------------------------------------------------------------------------------------

std::uint64_t random_timeout(Chapter& c) {
  if (c.random.one_in(8)) return 0;
  if (c.random.one_in(20)) return 3'600'000'000'000;
  return c.random.one_in(8) ? ~std::uint64_t{0} : c.random.below(300'000);
}

bool timeout_fits(std::uint64_t timeout) { return timeout == ~std::uint64_t{0} || timeout < 3'600'000'000'000; }

// The comparison, and what comes of it.
Finds parks(Chapter& c, Who w, Id list, std::uint64_t key, std::uint32_t word, std::uint32_t expected, std::uint64_t timeout) {
  if (word != expected) return finds_error(failed(KernelError::mismatch));
  if (timeout == 0) return finds_error(transport(TransportError::timeout));
  return c.model.park(w, list, key, timeout);
}

bool park(Chapter& c, Who w) {
  const std::uint64_t cap = c.service(w.process, "self.park");
  if (cap == 0) return false;
  const std::uint64_t address = parking_place(c, w), timeout = random_timeout(c);
  const std::optional<std::uint32_t> there = c.model.word_at(w.process, address);
  const std::uint32_t word = there.value_or(0);
  const std::uint32_t expected = c.random.one_in(8) ? word + 1 : word;
  c.tell("at " + std::to_string(address));
  call_object<schema::ParkSpace::Park>(c, w, cap, {.address = address, .expected = expected, .timeout_ns = timeout}, [&] {
    if (address % 4 != 0) return finds_error(invalid(KernelError::bad_address));
    if (!timeout_fits(timeout)) return finds_error(invalid(KernelError::bad_range));
    if (!there.has_value()) return finds_error(invalid(KernelError::bad_address));
    return parks(c, w, 0, address, word, expected, timeout);
  });
  return true;
}

bool unpark(Chapter& c, Who w) {
  const std::uint64_t cap = c.service(w.process, "self.park");
  if (cap == 0) return false;
  const std::uint64_t address = parking_place(c, w);
  const auto count = static_cast<std::uint32_t>(c.random.below(4));
  c.tell("at " + std::to_string(address));
  call_object<schema::ParkSpace::Unpark>(c, w, cap, {.address = address, .count = count}, [&] {
    return address % 4 != 0 ? finds_error(invalid(KernelError::bad_address)) : c.model.unpark(w, 0, address, count);
  });
  return true;
}

bool share_words(Chapter& c, Who w) {
  const std::uint64_t cap = c.service(w.process, "self.park"), memory = c.pick(w.process, Kind::memory);
  if (cap == 0 || memory == 0 || !has_room(c, w)) return false;
  c.tell("of " + named(memory));
  const bool whole = c.model.refusal(w.process, memory, schema::MemoryObject::kInterfaceId).ok();
  const Id of = c.model.process(w.process).caps.at(memory).id;
  // The space ends with both leases: the one that ends with the other is told of.
  const Id by = lease_of(c, w, cap), under = lease_of(c, w, memory);
  const bool inner = by == 0 || (under != 0 && c.model.is_within(under, by));
  const bool apart = !inner && under != 0 && !c.model.is_within(by, under);
  const Error expected = !whole ? invalid(KernelError::bad_capability) : apart ? invalid(KernelError::mismatch) : kNoError;
  const auto made = ask<schema::ParkSpace::Share>(c, w, cap, expected,
                                                  [&](auto params, auto& transfers) { params.set_memory(add(transfers, abi::CapId{memory})); });
  if (!made.has_value()) return true;
  c.model.object(of).pinned = true;
  const Id id = c.model.add({.kind = Kind::shared_park, .interface_id = schema::SharedParkSpace::kInterfaceId, .of = of});
  Held held = c.model.process(w.process).caps.at(cap);
  held.id = id;
  held.interface_id = schema::SharedParkSpace::kInterfaceId;
  held.lease = inner ? under : by;
  c.model.gets(w.process, made->cap([](auto results) { return results.space(); }).raw, held);
  return true;
}

bool park_shared(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::shared_park);
  if (cap == 0) return false;
  const Id memory = object_of(c, w, cap).of;
  const std::uint64_t size = c.model.pages_of(memory) * kWalkPage, offset = shared_place(c, size), timeout = random_timeout(c);
  const std::uint32_t word = offset < size ? shared_word(c, memory, offset) : 0;
  const std::uint32_t expected = c.random.one_in(8) ? word + 1 : word;
  c.tell(named(cap) + " at " + std::to_string(offset));
  call_object<schema::SharedParkSpace::Park>(c, w, cap, {.offset = offset, .expected = expected, .timeout_ns = timeout}, [&] {
    if (offset % 4 != 0 || offset >= size || !timeout_fits(timeout)) return finds_error(invalid(KernelError::bad_range));
    return parks(c, w, memory, offset, word, expected, timeout);
  });
  return true;
}

bool unpark_shared(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::shared_park);
  if (cap == 0) return false;
  const Id memory = object_of(c, w, cap).of;
  const std::uint64_t size = c.model.pages_of(memory) * kWalkPage, offset = shared_place(c, size);
  const auto count = static_cast<std::uint32_t>(c.random.below(4));
  c.tell(named(cap) + " at " + std::to_string(offset));
  call_object<schema::SharedParkSpace::Unpark>(c, w, cap, {.offset = offset, .count = count}, [&] {
    const bool fits = offset % 4 == 0 && offset < size;
    return fits ? c.model.unpark(w, memory, offset, count) : finds_error(invalid(KernelError::bad_range));
  });
  return true;
}

constexpr std::array kActions = {
    Action{"makes a thread", 8, false, make_thread},
    Action{"waits for thread", 2, true, wait_for_thread},
    Action{"kills thread", 3, true, kill_thread},
    Action{"describes a thread", 3, false, describe_thread},
    Action{"ends its thread", 2, true, end_own_thread},
    Action{"sets its FS base", 1, false, set_fs_base},
    Action{"asks about itself", 1, false, ask_about_itself},
    Action{"parks", 5, true, park},
    Action{"unparks", 6, false, unpark},
    Action{"shares the words", 3, false, share_words},
    Action{"parks in the shared", 5, true, park_shared},
    Action{"unparks in the shared", 6, false, unpark_shared},
};

}  // namespace

std::span<const Action> thread_actions() { return kActions; }

}  // namespace capos::ktest
