// SPDX-License-Identifier: Apache-2.0
// Capabilities, mail, and how threads and processes wait and end.
#include "walk_model.hpp"

#include <algorithm>
#include <utility>

#include "capos/schema/authority.hpp"

namespace capos::ktest {

using schema::KernelError;
using schema::TransportError;

namespace {

constexpr std::uint64_t kPage = 4096;

Finds blocked() {
  Finds finds;
  finds.blocked = true;
  return finds;
}

}  // namespace

Finds finds_words(std::uint64_t first, std::uint64_t second, std::uint64_t third, std::uint64_t fourth) {
  Finds finds;
  finds.words = {first, second, third, fourth};
  return finds;
}

Finds finds_error(Error error) {
  Finds finds;
  finds.status = -static_cast<std::int32_t>(error.transport);
  if (error.transport == TransportError::exception) {
    finds.cap = static_cast<std::uint64_t>(error.exception) | static_cast<std::uint64_t>(error.detail) << 16;
  }
  finds.words_known = false;
  return finds;
}

std::size_t ModelProcess::living() const {
  return static_cast<std::size_t>(std::ranges::count_if(threads, [](const auto& each) { return each.second.alive(); }));
}

// --- capabilities -------------------------------------------------------------------------------------------------

bool Model::holds(Id id) {
  for (; id != 0; id = object(id).life->parent) {
    if (object(id).life->until <= now_) return false;
  }
  return true;
}

bool Model::is_within(Id life, Id other) {
  for (; life != 0; life = object(life).life->parent) {
    if (life == other) return true;
  }
  return false;
}

const Held* Model::find(Number number, std::uint64_t cap) {
  const auto& caps = process(number).caps;
  const auto found = caps.find(cap);
  if (found == caps.end() || !holds(found->second.lease) || object(found->second.id).revoked) return nullptr;
  return &found->second;
}

// The interfaces that have ancestors, as the schemas state them.
bool Model::permits(std::uint64_t own, std::uint64_t called) {
  static const std::map<std::uint64_t, std::uint64_t> kAncestor = {
      {schema::MemoryOwner::kInterfaceId, schema::MemoryObject::kInterfaceId},
      {schema::MemoryObject::kInterfaceId, schema::MemoryReader::kInterfaceId},
      {schema::Notification::kInterfaceId, schema::NotificationSignal::kInterfaceId},
      {schema::ResourceLedger::kInterfaceId, schema::LedgerReader::kInterfaceId},
      {schema::Session::kInterfaceId, schema::SessionInfo::kInterfaceId}};
  while (own != called) {
    const auto ancestor = kAncestor.find(own);
    if (ancestor == kAncestor.end()) return false;
    own = ancestor->second;
  }
  return true;
}

Error Model::refusal(Number number, std::uint64_t cap, std::uint64_t interface_id) {
  const Held* const held = find(number, cap);
  if (held == nullptr) return transport(TransportError::invalid_cap);
  if (!permits(held->interface_id, interface_id)) return exception(schema::ExceptionType::unimplemented, KernelError::none);
  return kNoError;
}

std::uint64_t Model::session_number(Id session) const { return session == 0 ? 0 : objects_.at(session).life->session; }

bool Model::may_travel(const Held& held, Number from, std::uint64_t to_session) const {
  if (held.transfer == schema::TransferScope::none) return false;
  return held.transfer == schema::TransferScope::any || session_number(processes_.at(from).session) == to_session;
}

std::uint64_t Model::disclosed(const Held& held, Number number) {
  if (held.disclosure == schema::DisclosureScope::process) return number;
  return held.disclosure == schema::DisclosureScope::session ? session_number(process(number).session) : 0;
}

Id Model::add(ModelObject made) {
  if (made.kind == Kind::interrupt) interrupts_.push_back(next_);
  objects_.emplace(next_, std::move(made));
  return next_++;
}

void Model::add_process(Number number, std::uint16_t cpu) {
  ModelProcess made;
  made.number = number;
  made.cpu = cpu;
  processes_.emplace(number, std::move(made));
  add_thread(number);
}

// The lowest from 1 up that no living thread has.
std::uint32_t Model::next_thread_number(Number number) const {
  std::set<std::uint32_t> taken;
  for (const auto& [serial, one] : processes_.at(number).threads) {
    if (one.alive()) taken.insert(one.number);
  }
  std::uint32_t lowest = 1;
  while (taken.contains(lowest)) ++lowest;
  return lowest;
}

ModelThread& Model::add_thread(Number number) {
  ModelProcess& owner = process(number);
  ModelThread made;
  made.who = {number, static_cast<std::uint32_t>(owner.threads.size())};
  made.number = made.who.thread == 0 ? 0 : next_thread_number(number);
  made.supervisor = owner.supervisor;
  return owner.threads.emplace(made.who.thread, std::move(made)).first->second;
}

void Model::gets(Number number, std::uint64_t cap, const Held& held) {
  ModelProcess& owner = process(number);
  if (cap == 0) return complain("a process got the null capability");
  if (!owner.had.insert(cap).second) return complain("a process got a CapId that it had before");
  owner.caps[cap] = held;
  ++object(held.id).held;
}

void Model::brings(Number number, std::uint64_t cap, std::uint64_t via, Id made) {
  Held held = process(number).caps.at(via);
  held.id = made;
  held.interface_id = object(made).interface_id;
  gets(number, cap, held);
}

void Model::drop(Id id) { --object(id).held; }

bool Model::gives_up(Number number, std::uint64_t cap) {
  auto& caps = process(number).caps;
  const auto found = caps.find(cap);
  if (found == caps.end()) return false;
  drop(found->second.id);
  caps.erase(found);
  return true;
}

std::uint64_t Model::pages_of(Id memory) const {
  const ModelObject& one = objects_.at(memory);
  return one.bytes.empty() ? one.pages : one.bytes.size() / kPage;
}

std::uint8_t* Model::bytes_of(Id memory) {
  ModelObject& one = object(memory);
  if (one.kind == Kind::registers) return registers_.data() + (one.first - kWindow / kPage) * kPage;
  return one.of != 0 ? object(one.of).bytes.data() + one.first * kPage : one.bytes.data();
}

// --- mail ---------------------------------------------------------------------------------------------------------

void Model::wakes(Who who, const Finds& finds) {
  ModelThread& woken = thread(who);
  woken.waits = Waits::no;
  woken.waits_at = 0;
  woken.until = 0;
  woken.wait_lease = 0;
  woken.found = finds;
}

void Model::post(std::uint16_t from, std::uint16_t to, const Letter& letter) {
  if (to == from) return deliver(to, letter);
  put(to & ~kOnTheWay, letter);
}

// Who moves has its mail sent on: so a letter may be in another box.
void Model::put(std::uint16_t cpu, const Letter& letter) {
  for (const auto& [number, box] : mail_) {
    if (std::ranges::find(box, letter) != box.end()) return;
  }
  mail_[cpu].push_back(letter);
}

void Model::deliver(std::uint16_t cpu, const Letter& letter) {
  using What = Letter::What;
  if (letter.to.process != 0 && letter.what != What::start && process(letter.to.process).cpu != cpu) {
    return put(process(letter.to.process).cpu & ~kOnTheWay, letter);
  }
  switch (letter.what) {
    case What::start: return;
    case What::revoke: return end_endpoint(letter.object);
    case What::abandon: return disconnect_queue(object(letter.object));
    case What::timer_gone:
      if (object(letter.object).home != cpu) return put(*object(letter.object).home & ~kOnTheWay, letter);
      object(letter.object).next = 0;
      return;
    case What::strays:
      if (object(letter.object).home == cpu) {
        for (auto& left = object(letter.object).device->strays; left != 0; --left) arrives(letter.object);
      } else if (const auto& home = object(letter.object).home; home.has_value() && home != (cpu | kOnTheWay)) {
        put(*home & ~kOnTheWay, letter);
      }
      return;
    case What::interrupt_gone:
      if (const auto& home = object(letter.object).home; home.has_value() && home != cpu) return put(*home & ~kOnTheWay, letter);
      object(letter.object).device->claimed = false;
      std::erase(interrupts_, letter.object);
      return;
    case What::kill:
      if (process(letter.to.process).alive()) end_process(letter.to.process, {2, 0, 0});
      return;
    default: break;
  }
  const auto& threads = process(letter.to.process).threads;
  if (const auto found = threads.find(letter.to.thread); found == threads.end() || !found->second.alive()) return;
  ModelThread& to = thread(letter.to);
  switch (letter.what) {
    case What::kill_thread: return end_thread(letter.to, {2, 0, 0});
    case What::signal: {
      ModelObject& notification = object(to.waits_at);
      if (notification.bits != 0 || !notification.waiter.none()) {
        return wakes(letter.to, finds_words(std::exchange(notification.bits, 0)));
      }
      notification.waiter = letter.to;  // there is nothing to tell it
      return;
    }
    case What::exit: {
      const Exit& how = process(to.waits_of.process).exit;
      return wakes(letter.to, finds_words(how.reason, how.code, how.address));
    }
    case What::thread_exit: {
      const Exit& how = thread(to.waits_of).exit;
      return wakes(letter.to, finds_words(how.reason, how.code, how.address));
    }
    case What::unpark:
      if (to.waits == Waits::parked) wakes(letter.to, finds_words());
      return;
    case What::ring_unpark:
      if (RingOp* const op = ring_op(letter.operation); op != nullptr) op->told.push_back({.error = kNoError, .last = true});
      return;
    case What::ring_signal:
      if (RingOp* const op = ring_op(letter.operation); op != nullptr) takes_signal(*op);
      return;
    default: return;
  }
}

void Model::mail(std::uint16_t cpu) {
  for (auto& [number, one] : processes_) {
    if (one.cpu == (cpu | kOnTheWay)) moves(number, cpu);  // before its letters, which were written after it had gone
  }
  std::deque<Letter> letters;
  std::swap(letters, mail_[cpu]);
  for (const Letter& letter : letters) deliver(cpu, letter);
  end_doomed();
}

void Model::moves(Number number, std::uint16_t cpu) {
  process(number).cpu = cpu;
  for (auto& [id, one] : objects_) {
    if (one.kind == Kind::timer && one.process == number) one.home = cpu;
    if (one.kind != Kind::interrupt || !one.device->follows || one.device->driver != number) continue;
    one.home = cpu;
    // What comes in there before it does is told when it has come.
    if (cpu >= kOnTheWay) mail_[cpu & ~kOnTheWay].push_back({.what = Letter::What::strays, .object = id});
  }
}

std::string Model::why_it_stays(Number number) const {
  constexpr std::size_t kMostThreads = 8, kMostDevices = 8;
  const ModelProcess& one = processes_.at(number);
  if (!one.placed_freely) return "its CPU was named";
  if (one.ending || one.supervisor != 0 || one.living() > kMostThreads) return "it ends, has a supervisor, or many threads";
  for (const auto& [cap, held] : one.caps) {
    const ModelObject& object = objects_.at(held.id);
    switch (object.kind) {
      case Kind::endpoint: case Kind::client: return "it has something of its CPU's";
      case Kind::interrupt:
        if (!object.device->follows) return "it has an interrupt of its CPU";
        break;
      case Kind::timer:
        if (object.process != number) return "it has another's timer";
        break;
      case Kind::service:
        if (object.name == "islands" || object.name == "standing") return "it may ask CPU 0 for islands";
        break;
      default: break;
    }
  }
  std::size_t devices = 0;
  for (const auto& [id, object] : objects_) {
    const bool is_timer = object.kind == Kind::timer && object.process == number && object.held > 0;
    devices += is_timer || (object.kind == Kind::interrupt && object.device->follows && object.device->driver == number) ? 1 : 0;
    const auto has = [&, wanted = id](const auto& other) {
      return other.first != number && std::ranges::any_of(other.second.caps, [&](const auto& each) { return each.second.id == wanted; });
    };
    if (is_timer && std::ranges::any_of(processes_, has)) return "another has its timer";
  }
  if (devices > kMostDevices) return "it has many interrupts and timers";
  for (const auto& [serial, thread] : one.threads) {
    if (!thread.alive()) continue;
    switch (thread.waits) {
      case Waits::no: case Waits::for_signal: case Waits::for_exit: case Waits::for_thread: case Waits::asleep: case Waits::parked: break;
      default: return "a thread is in a call, or in its ring";
    }
    if (thread.wait_lease != 0 || thread.serving != 0 || thread.supervisor != 0) return "a thread waits under a lease, serves or is supervised";
    for (const auto& [data, op] : ring_ops_) {
      // What is quiet ends unheard.
      if (op.by != thread.who || !op.started || op.ended || (op.flags & abi::kSqeQuiet) != 0) continue;
      return "something is under way in the ring of thread " + thread.who.text();
    }
  }
  return {};
}

void Model::spawned(Who spawner, Number child) {
  post(process(spawner.process).cpu, process(child).cpu, {.what = Letter::What::start, .to = {child, 0}});
}

// --- notifications, sleep -----------------------------------------------------------------------------------------

void Model::set_bits(std::uint16_t from, Id id, std::uint64_t bits) {
  ModelObject& notification = object(id);
  notification.bits |= bits;
  if (bits == 0) return;
  if (const Who woken = std::exchange(notification.waiter, Who{}); !woken.none()) {
    return post(from, process(woken.process).cpu, {.what = Letter::What::signal, .to = woken});
  }
  if (const std::uint64_t operation = std::exchange(notification.ring_waiter, 0); operation != 0) {
    const Who who = ring_ops_.at(operation).by;
    post(from, process(who.process).cpu, {.what = Letter::What::ring_signal, .to = who, .operation = operation});
  }
}

Finds Model::signal(Who caller, Id id, std::uint64_t bits) {
  set_bits(process(caller.process).cpu, id, bits);
  return finds_words();
}

Finds Model::wait(Who caller, Id id) {
  ModelObject& notification = object(id);
  if (notification.bits != 0) return poll(id);
  if (!notification.waiter.none()) return finds_error(overloaded(KernelError::busy));
  notification.waiter = caller;
  ModelThread& waiter = thread(caller);
  waiter.waits = Waits::for_signal;
  waiter.waited = true;
  waiter.waits_at = id;
  return blocked();
}

Finds Model::poll(Id id) { return finds_words(std::exchange(object(id).bits, 0)); }

Finds Model::sleep_until(Who caller, std::uint64_t until) {
  if (until <= now_) return finds_words(now_);
  ModelThread& sleeper = thread(caller);
  sleeper.waits = Waits::asleep;
  sleeper.waited = true;
  sleeper.until = until;
  return blocked();
}

// --- processes and threads ----------------------------------------------------------------------------------------

Finds Model::wait_for(Who caller, Number number) {
  ModelProcess& awaited = process(number);
  if (!awaited.alive()) return finds_words(awaited.exit.reason, awaited.exit.code, awaited.exit.address);
  if (!awaited.exit_waiter.none()) return finds_error(overloaded(KernelError::busy));
  awaited.exit_waiter = caller;
  ModelThread& waiter = thread(caller);
  waiter.waits = Waits::for_exit;
  waiter.waited = true;
  waiter.waits_of = {number, 0};
  return blocked();
}

Finds Model::state_of(Number number) {
  const ModelProcess& asked = process(number);
  return finds_words((asked.alive() ? 1u : 0u) | (asked.alive() && asked.threads.at(0).waited ? 2u : 0u) | std::uint32_t{asked.cpu} % kOnTheWay << 16);
}

void Model::kill(Who caller, Number number) {
  const ModelProcess& victim = process(number);
  if (victim.alive()) post(process(caller.process).cpu, victim.cpu, {.what = Letter::What::kill, .to = {number, 0}});
  end_doomed();
}

void Model::kill_thread(Who caller, Who victim) {
  const std::uint16_t cpu = process(victim.process).cpu;
  post(process(caller.process).cpu, cpu, {.what = Letter::What::kill_thread, .to = victim});
  end_doomed();
}

void Model::exit_process(Number number, Exit how) {
  end_process(number, how);
  end_doomed();
}

void Model::exit_thread(Who who, std::uint64_t code) {
  end_thread(who, {0, code, 0});
  end_doomed();
}

// Out of what it waits in, as a caller too; a server at work goes on for nobody.
void Model::leave_slots(ModelThread& ended) {
  const Who who = ended.who;
  if (ended.waits == Waits::for_signal && object(ended.waits_at).waiter == who) object(ended.waits_at).waiter = {};
  if (ended.waits == Waits::for_exit && process(ended.waits_of.process).exit_waiter == who) {
    process(ended.waits_of.process).exit_waiter = {};
  }
  if (ended.waits == Waits::for_thread && thread(ended.waits_of).exit_waiter == who) thread(ended.waits_of).exit_waiter = {};
  if (ended.waits == Waits::parked) leave_parked(ended);
  withdraw(ended);  // as a caller, or with a fault
  ended.wait_lease = 0;
}

void Model::waits_under(Who who, Id lease) {
  ModelThread& waiter = thread(who);
  const bool ends_by_itself = waiter.waits == Waits::no || waiter.waits == Waits::asleep || waiter.waits == Waits::dead;
  waiter.wait_lease = ends_by_itself ? 0 : lease;
}

void Model::serves_under(Who who, Id lease) {
  ModelThread& server = thread(who);
  if (server.serving != 0 && server.serving_lease == 0) server.serving_lease = lease;
}

void Model::stops_waiting(Who who) {
  leave_slots(thread(who));
  wakes(who, finds_error(transport(TransportError::disconnected)));
}

void Model::stops_serving(Who who) {
  ModelThread& server = thread(who);
  if (server.waits == Waits::for_call) std::erase(object(server.serving).waiting, who);
  set_free(server);
  end_doomed();
}

void Model::leave_waits(ModelThread& ended) {
  const Who who = ended.who;
  leave_slots(ended);
  leave_ring(who);
  // As a server.
  if (const Who caller = std::exchange(ended.caller, Who{}); !caller.none()) {
    thread(caller).server = {};
    if (std::exchange(ended.caller_faulted, false)) {
      doomed_.push_back(caller);
    } else {
      Finds finds = finds_error(transport(TransportError::disconnected));
      wakes(caller, finds);
    }
  }
  if (ended.waits == Waits::for_call) std::erase(object(ended.serving).waiting, who);
  ended.waits = Waits::dead;
  ended.until = 0;
  ended.found.reset();
  if (ended.serving != 0) leaves_endpoint(ended);
}

void Model::end_thread(Who who, Exit how) {
  if (process(who.process).ending) return;  // it ends with its process
  if (process(who.process).living() == 1) return end_process(who.process, how);
  ModelThread& ended = thread(who);
  leave_waits(ended);
  ended.exit = how;
  if (const Who waiting = std::exchange(ended.exit_waiter, Who{}); !waiting.none()) {
    post(process(who.process).cpu, process(waiting.process).cpu, {.what = Letter::What::thread_exit, .to = waiting});
  }
}

// At once: none of its threads gets a call any more; the one that runs ends, and one that is alone.
void Model::end_process(Number number, Exit how) {
  ModelProcess& ended = process(number);
  if (ended.ending) return;
  ended.ending = true;
  ended.exit = how;
  Who first = running(ended.cpu);
  if (first.process != number || !thread(first).alive()) first = {};
  for (const auto& [serial, one] : ended.threads) {
    if (one.waits == Waits::for_call) std::erase(object(one.serving).waiting, one.who);
    if (one.alive() && ended.living() == 1) first = one.who;
  }
  if (!first.none()) leaves_process(first);
}

void Model::leaves_process(Who who) {
  ModelThread& one = thread(who);
  leave_waits(one);
  one.exit = process(who.process).exit;
  if (const Who waiting = std::exchange(one.exit_waiter, Who{}); !waiting.none()) {
    post(process(who.process).cpu, process(waiting.process).cpu, {.what = Letter::What::thread_exit, .to = waiting});
  }
  if (process(who.process).living() == 0) finish_process(who.process);
}

void Model::finish_process(Number number) {
  ModelProcess& ended = process(number);
  ended.ended = true;
  for (const auto& [cap, held] : ended.caps) {
    drop(held.id);
    ended.left.insert(held.id);
  }
  ended.caps.clear();
  for (auto& [id, object] : objects_) {
    if (object.kind == Kind::interrupt && object.device->follows && object.device->driver == number) forget_binding(id);
  }
  std::set<Id> mapped;
  for (const auto& [address, region] : std::exchange(ended.pages, {})) mapped.insert(region.object);
  for (const Id id : mapped) {
    if (id == 0) continue;
    ended.left.insert(id);
    see_unmapped(id, true);
  }
  if (const Who waiting = std::exchange(ended.exit_waiter, Who{}); !waiting.none()) {
    post(ended.cpu, process(waiting.process).cpu, {.what = Letter::What::exit, .to = waiting});
  }
}

// Whoever was supervised by what is gone ends as if nobody had supervised it.
void Model::end_doomed() {
  while (!doomed_.empty()) {
    const Who who = doomed_.back();
    doomed_.pop_back();
    if (thread(who).alive()) end_process(who.process, thread(who).fault);  // unless that ends already
  }
}

Finds Model::wait_for_thread(Who caller, Who other) {
  ModelThread& awaited = thread(other);
  if (!awaited.alive()) return finds_words(awaited.exit.reason, awaited.exit.code, awaited.exit.address);
  if (caller == other) return finds_error(failed(KernelError::bad_state));
  if (!awaited.exit_waiter.none()) return finds_error(overloaded(KernelError::busy));
  awaited.exit_waiter = caller;
  ModelThread& waiter = thread(caller);
  waiter.waits = Waits::for_thread;
  waiter.waited = true;
  waiter.waits_of = other;
  return blocked();
}

}  // namespace capos::ktest
