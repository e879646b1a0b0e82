// SPDX-License-Identifier: Apache-2.0
// Endpoints: calls and sends with limits, servers, revocation.
#include <array>

#include "actions.hpp"

namespace capos::ktest {
namespace {

using schema::KernelError;
using schema::TransportError;

constexpr std::uint64_t kServed = 0xabcd;

bool make_endpoint(Chapter& c, Who w) {
  const std::uint64_t factory = c.service(w.process, "objects");
  if (factory == 0 || !has_room(c, w)) return false;
  const bool faults = c.random.one_in(3);
  const bool fits = !c.random.one_in(30);
  const auto made = ask<schema::ObjectFactory::CreateEndpoint>(
      c, w, factory, fits ? kNoError : invalid(KernelError::bad_range), [&](auto params) {
        params.set_interface_id(faults ? schema::FaultHandler::kInterfaceId : kServed);
        if (!fits) params.set_minimum_budget_ns(~std::uint64_t{0});
      });
  if (!made.has_value()) return true;
  c.tell(faults ? "for faults" : "");
  const abi::CapId endpoint = made->cap([](auto results) { return results.endpoint(); });
  const Id id = c.model.add({.kind = Kind::endpoint, .interface_id = schema::Endpoint::kInterfaceId,
                             .served = faults ? schema::FaultHandler::kInterfaceId : kServed});
  c.keep(id, *c.world.process(w.process).capabilities().find(endpoint)->object());
  c.model.brings(w.process, endpoint.raw, factory, id);
  return true;
}

bool connect(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::endpoint);
  if (cap == 0 || !has_room(c, w)) return false;
  c.tell(named(cap));
  const Id endpoint = c.model.process(w.process).caps.at(cap).id;
  const auto made = ask<schema::Endpoint::Connect>(c, w, cap, kNoError, [](auto) {});
  if (!made.has_value()) return true;
  const Id id = c.model.add({.kind = Kind::client, .interface_id = c.model.object(endpoint).served, .of = endpoint});
  c.model.brings(w.process, made->cap([](auto results) { return results.client().get_capability(); }).raw, cap, id);
  return true;
}

// Most calls go where they can be served.
bool served_here(Chapter& c, Who w, Id endpoint) {
  const ModelObject& object = c.model.object(endpoint);
  return object.servers > 0 && object.home == c.model.process(w.process).cpu;
}

// The model's word on a call or send, and the operation word with a limit, now and then.
bool call_or_send(Chapter& c, Who w, bool sends) {
  std::uint64_t cap = c.pick(w.process, Kind::client);
  if (cap == 0) return false;
  for (int again = 0; again < 5 && !served_here(c, w, object_of(c, w, cap).of); ++again) {
    if (const std::uint64_t other = c.pick(w.process, Kind::client); other != 0) cap = other;
  }
  if (!served_here(c, w, object_of(c, w, cap).of) && !c.random.one_in(6)) return false;
  const Held held = c.model.process(w.process).caps.at(cap);
  const std::uint64_t method = c.random.below(65'536), limit = c.random.one_in(3) ? 1 + c.random.below(300) : 0;
  const std::uint64_t interface_id = c.random.one_in(40) ? 0x1234 : held.interface_id;
  const Words words = random_words(c);
  c.tell(named(cap) + (limit != 0 ? " within " + std::to_string(limit) + " us" : ""));
  kernel::Thread& thread = c.thread(w);
  const Error refused = c.model.refusal(w.process, cap, interface_id);
  const Finds finds = !refused.ok() ? finds_error(refused)
                      : sends       ? c.model.send(w, held, method, interface_id, words, limit)
                                    : c.model.call(w, held, method, interface_id, words, limit);
  if (finds.blocked) c.model.waits_under(w, held.lease);
  const auto operation = sends ? abi::SystemCall::send : abi::SystemCall::call;
  const std::uint64_t word = static_cast<std::uint64_t>(operation) | method << 16 | limit << 32;
  c.expect(finds, c.world.enter(thread, word, abi::CapId{cap}, interface_id, words));
  return true;
}

bool call(Chapter& c, Who w) { return call_or_send(c, w, false); }
bool send(Chapter& c, Who w) { return call_or_send(c, w, true); }

// On what is no client.
bool send_to_an_object(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick_of(w.process, {Kind::memory, Kind::notification, Kind::endpoint, Kind::service});
  if (cap == 0) return false;
  c.tell(named(cap));
  const std::uint64_t interface_id = c.model.process(w.process).caps.at(cap).interface_id;
  const Error refused = c.model.refusal(w.process, cap, interface_id);
  const auto answer = c.world.enter(c.thread(w), static_cast<std::uint64_t>(abi::SystemCall::send), abi::CapId{cap}, interface_id, {});
  c.expect(finds_error(refused.ok() ? transport(TransportError::invalid_operation) : refused), answer);
  return true;
}

// An answer to a fault that makes sense, mostly.
Words random_answer(Chapter& c) {
  using Results = schema::FaultHandler::Fault::Results::Value;
  Results answer{};
  answer.action = static_cast<schema::FaultAction>(c.random.below(c.random.one_in(8) ? 6 : 4));
  answer.instruction_pointer = c.random.one_in(12) ? abi::kUserEnd : abi::kProgramBase;
  answer.stack_pointer = abi::kStackTop;
  Words words{};
  answer.to_words(words.data());
  return words;
}

bool reply_and_receive(Chapter& c, Who w) {
  std::uint64_t cap = c.pick(w.process, Kind::endpoint);
  if (cap == 0) return false;
  const ModelThread& server = c.model.thread(w);
  // A server stays with its endpoint, mostly.
  const auto suits = [&](Id id) {
    return server.serving != 0 ? id == server.serving : c.model.object(id).home.value_or(c.model.process(w.process).cpu) == c.model.process(w.process).cpu;
  };
  for (int again = 0; again < 6 && !suits(c.model.process(w.process).caps.at(cap).id); ++again) {
    if (const std::uint64_t other = c.pick(w.process, Kind::endpoint); other != 0) cap = other;
  }
  if (!suits(c.model.process(w.process).caps.at(cap).id) && !c.random.one_in(6)) return false;
  const auto exception = static_cast<std::uint16_t>(c.random.one_in(4) ? 1 + c.random.below(5) : 0);
  const std::uint64_t detail = c.random.below(65'536);
  const Words words = server.caller_faulted ? random_answer(c) : random_words(c);
  c.tell(named(cap) + (exception != 0 ? " with an exception" : ""));
  kernel::Thread& thread = c.thread(w);
  const bool dead = c.model.find(w.process, cap) == nullptr;
  const Id id = c.model.process(w.process).caps.at(cap).id, lease = lease_of(c, w, cap);
  const Finds finds = dead ? finds_error(transport(TransportError::invalid_cap))
                           : c.model.reply_receive(w, id, words, exception, detail);
  if (lease != 0 && finds.status == 0) c.model.serves_under(w, lease);
  c.expect(seen_by(c, w, finds), c.world.reply_receive(thread, abi::CapId{cap}, words, exception, detail));
  return true;
}

bool revoke(Chapter& c, Who w) {
  if (!c.random.one_in(4)) return false;
  const std::uint64_t cap = c.pick(w.process, Kind::endpoint);
  if (cap == 0) return false;
  c.tell(named(cap));
  const Id id = c.model.process(w.process).caps.at(cap).id;
  call_object<schema::Endpoint::Revoke>(c, w, cap, {}, [&] { return c.model.revoke(w, id); });
  return true;
}

// init only: nobody can serve the endpoint any more, or renew the session.
bool give_up_the_last(Chapter& c, Who w) {
  if (w.process != World::kInit) return false;
  const Id id = c.pick_unheld();
  if (id == 0) return false;
  c.tell("of object " + std::to_string(id));
  c.give_up_last(id);
  return true;
}

constexpr std::array kActions = {
    Action{"makes an endpoint", 6, false, make_endpoint},
    Action{"connects to", 8, false, connect},
    Action{"calls", 60, true, call},
    Action{"sends to", 16, true, send},
    Action{"sends to an object", 1, false, send_to_an_object},
    Action{"replies and receives at", 80, true, reply_and_receive},
    Action{"revokes", 2, false, revoke},
    Action{"gives up the last", 10, false, give_up_the_last},
};

}  // namespace

std::span<const Action> call_actions() { return kActions; }

}  // namespace capos::ktest
