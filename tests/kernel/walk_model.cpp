// SPDX-License-Identifier: Apache-2.0
#include "walk_model.hpp"

#include <algorithm>

#include "capos/abi/syscall.hpp"

namespace capos::ktest {

using schema::KernelError;
using schema::TransportError;

namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint32_t kRead = 1, kWrite = 2, kExecute = 4;

Finds finds_words(std::uint64_t first, std::uint64_t second = 0, std::uint64_t third = 0) {
  Finds finds;
  finds.words = {first, second, third};
  return finds;
}

// A call that somebody else ended: the registers keep the caller's words.
Finds finds_disconnected() {
  Finds finds = finds_error(transport(TransportError::disconnected));
  finds.words_known = false;
  return finds;
}

Finds blocked() {
  Finds finds;
  finds.blocked = true;
  return finds;
}

bool user_range(std::uint64_t address, std::uint64_t pages) {
  return address != 0 && address % kPage == 0 && address < abi::kUserEnd && pages != 0 &&
         pages <= (abi::kUserEnd - address) / kPage;
}

Error protection_error(std::uint32_t protection) {
  const bool both = (protection & kWrite) != 0 && (protection & kExecute) != 0;
  return (protection & kRead) == 0 || protection > 7 || both ? invalid(KernelError::bad_protection) : kNoError;
}

}  // namespace

Finds finds_error(Error error) {
  Finds finds;
  finds.status = -static_cast<std::int32_t>(error.transport);
  if (error.transport == TransportError::exception) {
    finds.cap = static_cast<std::uint64_t>(error.exception) | static_cast<std::uint64_t>(error.detail) << 16;
  }
  finds.words_known = false;
  return finds;
}

// --- things -------------------------------------------------------------------------------------------------------

ModelObject* Model::held(Number number, std::uint64_t cap) {
  const auto& caps = process(number).caps;
  const auto found = caps.find(cap);
  return found == caps.end() ? nullptr : &objects_.at(found->second);
}

Id Model::id_of(Number number, std::uint64_t cap) { return process(number).caps.at(cap); }

Id Model::add(ModelObject object) {
  objects_.emplace(next_, std::move(object));
  return next_++;
}

Id Model::add_service(const std::string& name) { return add({.kind = Kind::service, .name = name}); }
Id Model::add_memory(std::uint64_t pages) {
  return add({.kind = Kind::memory, .bytes = std::vector<std::uint8_t>(pages * kPage)});
}
Id Model::add_notification() { return add({.kind = Kind::notification}); }
Id Model::add_endpoint() { return add({.kind = Kind::endpoint}); }
Id Model::add_client(Id endpoint) { return add({.kind = Kind::client, .endpoint = endpoint}); }
Id Model::add_handle(Number process) { return add({.kind = Kind::handle, .process = process}); }
Id Model::add_virtual_memory(Number process) { return add({.kind = Kind::virtual_memory, .process = process}); }

void Model::add_process(Number number, std::uint16_t cpu) {
  ModelProcess process;
  process.number = number;
  process.cpu = cpu;
  processes_.emplace(number, std::move(process));
}

void Model::gets(Number number, std::uint64_t cap, Id object) {
  ModelProcess& owner = process(number);
  if (cap == 0) return complain("a process got the null capability");
  if (!owner.had.insert(cap).second) return complain("a process got a CapId that it had before");
  owner.caps[cap] = object;
}

bool Model::gives_up(Number number, std::uint64_t cap) { return process(number).caps.erase(cap) == 1; }

void Model::maps(Number number, std::uint64_t address, std::uint64_t pages, Id object, std::uint64_t first,
                 std::uint32_t protection) {
  for (std::uint64_t i = 0; i < pages; ++i) process(number).pages[address + i * kPage] = {object, first + i, protection};
}

// --- mail ---------------------------------------------------------------------------------------------------------

void Model::wakes(Number number, Finds finds) {
  ModelProcess& woken = process(number);
  woken.waits = Waits::no;
  woken.waits_at = 0;
  woken.found = finds;
}

void Model::post(std::uint16_t from, Letter letter) {
  const std::uint16_t to = process(letter.to).cpu;
  if (to == from) return deliver(letter);
  auto& box = mail_[to];
  if (std::find(box.begin(), box.end(), letter) == box.end()) box.push_back(letter);
}

void Model::deliver(Letter letter) {
  ModelProcess& to = process(letter.to);
  if (!to.alive()) return;
  switch (letter.what) {
    case Letter::What::start: to.started = true; return;
    case Letter::What::kill: return exit(letter.to, 2, 0, 0);
    case Letter::What::signal: {
      ModelObject& notification = objects_.at(to.waits_at);
      const std::uint64_t bits = std::exchange(notification.bits, 0);
      return wakes(letter.to, finds_words(bits));
    }
    case Letter::What::exit: {
      const ModelProcess& ended = process(to.waits_of);
      return wakes(letter.to, finds_words(ended.exit_reason, ended.exit_code, ended.exit_address));
    }
  }
}

void Model::mail(std::uint16_t cpu) {
  cpu_of_event_ = cpu;
  std::deque<Letter> letters;
  std::swap(letters, mail_[cpu]);
  for (const Letter& letter : letters) deliver(letter);
}

void Model::timer(std::uint16_t cpu, std::uint64_t now) {
  cpu_of_event_ = cpu;
  for (auto& [number, sleeper] : processes_) {
    if (sleeper.cpu == cpu && sleeper.waits == Waits::asleep && sleeper.until <= now) wakes(number, finds_words(now));
  }
}

void Model::spawned(Number spawner, Number child) {
  cpu_of_event_ = process(spawner).cpu;
  post(cpu_of_event_, {Letter::What::start, child});
}

// --- notifications, sleep, processes ------------------------------------------------------------------------------

Finds Model::signal(Number caller, Id id, std::uint64_t bits) {
  ModelObject& notification = objects_.at(id);
  notification.bits |= bits;
  if (bits != 0 && notification.waiter != 0) {
    const Number woken = std::exchange(notification.waiter, 0);
    post(process(caller).cpu, {Letter::What::signal, woken});
  }
  return finds_words(0);
}

Finds Model::wait(Number caller, Id id) {
  ModelObject& notification = objects_.at(id);
  if (notification.bits != 0) return poll(id);
  if (notification.waiter != 0) return finds_error(overloaded(KernelError::busy));
  notification.waiter = caller;
  process(caller).waits = Waits::for_signal;
  process(caller).waited = true;
  process(caller).waits_at = id;
  return blocked();
}

Finds Model::poll(Id id) { return finds_words(std::exchange(objects_.at(id).bits, 0)); }

Finds Model::sleep_until(Number caller, std::uint64_t until, std::uint64_t now) {
  if (until <= now) return finds_words(now);
  process(caller).waits = Waits::asleep;
  process(caller).waited = true;
  process(caller).until = until;
  return blocked();
}

Finds Model::wait_for(Number caller, Number number) {
  ModelProcess& awaited = process(number);
  if (!awaited.alive()) return finds_words(awaited.exit_reason, awaited.exit_code, awaited.exit_address);
  if (awaited.exit_waiter != 0) return finds_error(overloaded(KernelError::busy));
  awaited.exit_waiter = caller;
  process(caller).waits = Waits::for_exit;
  process(caller).waited = true;
  process(caller).waits_of = number;
  return blocked();
}

Finds Model::state_of(Number number) {
  const ModelProcess& asked = process(number);
  return finds_words((asked.alive() ? 1u : 0u) | (asked.alive() && asked.waited ? 2u : 0u));
}

void Model::kill(Number caller, Number number) {
  cpu_of_event_ = process(caller).cpu;
  if (process(number).alive()) post(cpu_of_event_, {Letter::What::kill, number});
}

void Model::exit(Number number, std::uint64_t reason, std::uint64_t code, std::uint64_t address) {
  ModelProcess& ended = process(number);
  cpu_of_event_ = ended.cpu;
  // As a waiter.
  if (ended.waits == Waits::for_signal && objects_.at(ended.waits_at).waiter == number) objects_.at(ended.waits_at).waiter = 0;
  if (ended.waits == Waits::for_exit && process(ended.waits_of).exit_waiter == number) process(ended.waits_of).exit_waiter = 0;
  // As a caller: queued, or being served; a server at work goes on for nobody.
  if (ended.waits == Waits::for_server) std::erase(objects_.at(ended.waits_at).callers, number);
  if (ended.server != 0) process(ended.server).caller = 0;
  ended.server = 0;
  // As a server.
  const Number caller = std::exchange(ended.caller, 0);
  if (caller != 0) {
    process(caller).server = 0;
    wakes(caller, finds_disconnected());
  }
  if (ended.waits == Waits::for_call) std::erase(objects_.at(ended.serving).waiting, number);
  ended.waits = Waits::dead;
  if (ended.serving != 0) leaves_endpoint(ended);
  ended.exit_reason = reason;
  ended.exit_code = code;
  ended.exit_address = address;
  ended.caps.clear();
  ended.pages.clear();
  ended.found.reset();
  if (const Number waiting = std::exchange(ended.exit_waiter, 0); waiting != 0) {
    post(ended.cpu, {Letter::What::exit, waiting});
  }
}

// --- endpoints ----------------------------------------------------------------------------------------------------

void Model::deliver_call(ModelProcess& caller, ModelProcess& server) {
  server.caller = caller.number;
  caller.server = server.number;
  caller.waits = Waits::for_reply;
  caller.waits_at = 0;
  Finds finds;
  finds.method = caller.call_method;
  finds.cap = caller.number;
  finds.interface_id = caller.call_interface;
  finds.words = caller.call_words;
  wakes(server.number, finds);
}

Finds Model::call(Number number, Id id, std::uint64_t method, std::uint64_t interface_id, const Words& words) {
  ModelProcess& caller = process(number);
  ModelObject& endpoint = objects_.at(id);
  if (!endpoint.home.has_value()) endpoint.home = caller.cpu;
  if (*endpoint.home != caller.cpu) return finds_error(transport(TransportError::wrong_cpu));
  if (endpoint.closed) return finds_error(transport(TransportError::disconnected));
  caller.call_method = method;
  caller.call_interface = interface_id;
  caller.call_words = words;
  if (!endpoint.waiting.empty()) {
    const Number server = endpoint.waiting.front();
    endpoint.waiting.pop_front();
    deliver_call(caller, process(server));
    return blocked();
  }
  caller.waits = Waits::for_server;
  caller.waits_at = id;
  endpoint.callers.push_back(number);
  return blocked();
}

void Model::leaves_endpoint(ModelProcess& server) {
  ModelObject& endpoint = objects_.at(std::exchange(server.serving, 0));
  endpoint.closed = --endpoint.servers == 0;
  if (!endpoint.closed) return;
  for (const Number waiting : endpoint.callers) wakes(waiting, finds_disconnected());
  endpoint.callers.clear();
}

Finds Model::reply_receive(Number number, Id id, const Words& words, std::uint64_t exception_word, std::uint64_t detail) {
  ModelProcess& server = process(number);
  ModelObject& endpoint = objects_.at(id);
  if (!endpoint.home.has_value()) endpoint.home = server.cpu;
  if (*endpoint.home != server.cpu) return finds_error(transport(TransportError::wrong_cpu));
  if (const Number caller = std::exchange(server.caller, 0); caller != 0) {
    Finds finds;
    finds.words = words;
    if (exception_word != 0) {
      finds.status = -static_cast<std::int32_t>(TransportError::exception);
      finds.cap = (exception_word - 1) | (detail & 0xffff) << 16;
    }
    process(caller).server = 0;
    wakes(caller, finds);
  }
  server.waited = true;
  if (server.serving != id) {
    if (server.serving != 0) leaves_endpoint(server);
    server.serving = id;
    ++endpoint.servers;
    endpoint.closed = false;
  }
  if (!endpoint.callers.empty()) {
    const Number next = endpoint.callers.front();
    endpoint.callers.pop_front();
    deliver_call(process(next), server);
    return *std::exchange(server.found, std::nullopt);
  }
  server.waits = Waits::for_call;
  endpoint.waiting.push_back(number);
  return blocked();
}

// --- address maps -------------------------------------------------------------------------------------------------

bool Model::mapped(const ModelProcess& process, std::uint64_t address, std::uint64_t pages) const {
  for (std::uint64_t i = 0; i < pages; ++i) {
    if (!process.pages.contains(address + i * kPage)) return false;
  }
  return true;
}

Error Model::map_error(Number number, std::uint64_t address, std::uint64_t pages, std::uint32_t protection,
                       const ModelObject* object, std::uint64_t first) const {
  if (const Error error = protection_error(protection); !error.ok()) return error;
  if (!user_range(address, pages)) return invalid(KernelError::bad_address);
  if (object != nullptr) {
    const std::uint64_t size = object->bytes.size() / kPage;
    if (first > size || pages > size - first) return invalid(KernelError::bad_range);
  }
  const auto& taken = processes_.at(number).pages;
  const auto next = taken.lower_bound(address);
  if (next != taken.end() && next->first < address + pages * kPage) return invalid(KernelError::overlap);
  return kNoError;
}

std::uint64_t Model::room_for(Number number, std::uint64_t pages) const {
  std::uint64_t candidate = abi::kDynamicBase;
  for (const auto& [address, region] : processes_.at(number).pages) {
    if (address < candidate) continue;
    if (address - candidate >= pages * kPage) break;
    candidate = address + kPage;
  }
  return candidate;
}

Error Model::unmap(Number number, std::uint64_t address, std::uint64_t pages) {
  if (!user_range(address, pages) || !mapped(process(number), address, pages)) return invalid(KernelError::bad_address);
  for (std::uint64_t i = 0; i < pages; ++i) process(number).pages.erase(address + i * kPage);
  return kNoError;
}

Error Model::protect(Number number, std::uint64_t address, std::uint64_t pages, std::uint32_t protection) {
  if (const Error error = protection_error(protection); !error.ok()) return error;
  if (!user_range(address, pages) || !mapped(process(number), address, pages)) return invalid(KernelError::bad_address);
  for (std::uint64_t i = 0; i < pages; ++i) process(number).pages.at(address + i * kPage).protection = protection;
  return kNoError;
}

}  // namespace capos::ktest
