// SPDX-License-Identifier: Apache-2.0
// Endpoints: calls, what is sent one way, faults and who answers them, revocation.
#include <algorithm>
#include <utility>

#include "capos/abi/syscall.hpp"
#include "walk_model.hpp"

namespace capos::ktest {

using schema::TransportError;

namespace {

Finds blocked() {
  Finds finds;
  finds.blocked = true;
  return finds;
}

}  // namespace

bool Model::is_home(ModelObject& endpoint, std::uint16_t cpu) {
  if (!endpoint.home.has_value()) endpoint.home = cpu;
  return *endpoint.home == cpu;
}

Error Model::obstacle(const ModelThread& caller, ModelObject& endpoint) {
  if (!is_home(endpoint, process(caller.who.process).cpu)) return transport(TransportError::wrong_cpu);
  if (endpoint.closed || endpoint.abandoned) return transport(TransportError::disconnected);
  return caller.depth >= abi::kCallDepth ? transport(TransportError::too_deep) : kNoError;
}

// What is asked goes to the server, which waits.
void Model::deliver_next(const Queued& next, ModelThread& server) {
  ModelThread& asking = thread(next.who);
  server.depth = 0;
  Finds finds;
  finds.words = asking.call_words;
  finds.method = asking.call_method;
  finds.interface_id = asking.call_interface;
  finds.cap = next.what == Asks::fault ? next.who.process : asking.disclosed;
  wakes(server.who, finds);
  if (next.what == Asks::send) {
    server.found->one_way = true;
    wakes(next.who, finds_words());
    return;
  }
  server.caller = next.who;
  server.caller_faulted = next.what == Asks::fault;
  asking.server = server.who;
  asking.waits_at = 0;
  if (next.what == Asks::fault) return;
  asking.waits = Waits::for_reply;
  server.depth = asking.depth + 1;
}

Finds Model::starts(Who who, Asks what, const Held& by, std::uint64_t method, std::uint64_t interface_id,
                    const Words& words, std::uint64_t limit_us) {
  ModelThread& caller = thread(who);
  const Id id = object(by.id).of;
  ModelObject& endpoint = object(id);
  if (const Error why = obstacle(caller, endpoint); !why.ok()) return finds_error(why);
  caller.call_method = method;
  caller.call_interface = interface_id;
  caller.call_words = words;
  caller.disclosed = disclosed(by, who.process);
  if (!endpoint.waiting.empty()) {
    const Who server = endpoint.waiting.front();
    endpoint.waiting.pop_front();
    deliver_next({who, what}, thread(server));
    if (what == Asks::send) return *std::exchange(caller.found, std::nullopt);
  } else {
    caller.waits = Waits::for_server;
    caller.waits_at = id;
    endpoint.callers.push_back({who, what});
  }
  caller.until = limit_us == 0 ? 0 : now_ + limit_us * 1'000;
  return blocked();
}

Finds Model::call(Who caller, const Held& by, std::uint64_t method, std::uint64_t interface_id, const Words& words,
                  std::uint64_t limit_us) {
  return starts(caller, Asks::call, by, method, interface_id, words, limit_us);
}

Finds Model::send(Who sender, const Held& by, std::uint64_t method, std::uint64_t interface_id, const Words& words,
                  std::uint64_t limit_us) {
  return starts(sender, Asks::send, by, method, interface_id, words, limit_us);
}

// A thread's own call, send or fault is called off.
void Model::withdraw(ModelThread& caller) {
  if (caller.waits_at != 0 && (caller.waits == Waits::for_server || caller.waits == Waits::for_supervisor)) {
    std::erase_if(object(caller.waits_at).callers, [&](const Queued& each) { return each.who == caller.who; });
  }
  if (const Who server = std::exchange(caller.server, Who{}); !server.none()) {
    thread(server).caller = {};
    thread(server).caller_faulted = false;
  }
}

void Model::disconnect_queue(ModelObject& endpoint) {
  for (const Queued& waiting : std::exchange(endpoint.callers, {})) {
    if (waiting.what == Asks::fault) {
      doomed_.push_back(waiting.who);
    } else {
      wakes(waiting.who, finds_error(transport(TransportError::disconnected)));
    }
  }
}

void Model::leaves_endpoint(ModelThread& server) {
  const Id id = std::exchange(server.serving, 0);
  server.serving_lease = 0;
  ModelObject& endpoint = object(id);
  drop(id);
  endpoint.closed = --endpoint.servers == 0;
  if (endpoint.closed) disconnect_queue(endpoint);
}

bool Model::answers_fault(ModelThread& server, const Words& words, bool exception) {
  using Results = schema::FaultHandler::Fault::Results::Value;
  using schema::FaultAction;
  const Results answer = Results::from_words(words.data(), abi::kRegisterWords);
  const FaultAction action = exception ? FaultAction::end_process : answer.action;
  const bool away = answer.instruction_pointer >= abi::kUserEnd || answer.stack_pointer >= abi::kUserEnd;
  if (action > FaultAction::end_process || (action == FaultAction::restart && away)) return false;
  const Who who = server.caller;
  ModelThread& faulter = thread(who);
  withdraw(faulter);
  faulter.waits = Waits::no;
  if (action == FaultAction::end_thread) end_thread(who, faulter.fault);
  if (action == FaultAction::end_process) end_process(who.process, faulter.fault);
  return true;
}

Finds Model::reply_receive(Who who, Id id, const Words& words, std::uint64_t exception_word, std::uint64_t detail) {
  ModelThread& server = thread(who);
  ModelObject& endpoint = object(id);
  if (!is_home(endpoint, process(who.process).cpu)) return finds_error(transport(TransportError::wrong_cpu));
  if (server.caller_faulted) {
    if (!answers_fault(server, words, exception_word != 0)) return finds_error(transport(TransportError::invalid_message));
    if (process(who.process).ending) {
      end_doomed();
      return blocked();
    }
  } else if (const Who caller = std::exchange(server.caller, Who{}); !caller.none()) {
    Finds finds;
    finds.words = words;
    if (exception_word != 0) {
      finds.status = -static_cast<std::int32_t>(TransportError::exception);
      finds.cap = (exception_word - 1) | (detail & 0xffff) << 16;
    }
    thread(caller).server = {};
    wakes(caller, finds);
  }
  server.waited = true;
  server.depth = 0;
  if (server.serving != id) {
    if (server.serving != 0) leaves_endpoint(server);
    server.serving = id;
    ++endpoint.servers;
    ++endpoint.held;
    endpoint.closed = false;
  }
  if (!endpoint.callers.empty()) {
    const Queued next = endpoint.callers.front();
    endpoint.callers.pop_front();
    deliver_next(next, server);
    end_doomed();
    return *std::exchange(server.found, std::nullopt);
  }
  server.waits = Waits::for_call;
  endpoint.waiting.push_back(who);
  end_doomed();
  return blocked();
}

void Model::fault(Who who, std::uint64_t vector, std::uint64_t address, const Words& told) {
  ModelThread& faulter = thread(who);
  faulter.fault = {1, vector, address};
  const Id id = faulter.supervisor;
  const bool can = id != 0 && faulter.serving != id && !object(id).closed && !object(id).abandoned &&
                   is_home(object(id), process(who.process).cpu);
  if (!can) return exit_process(who.process, faulter.fault);
  faulter.call_words = told;
  faulter.call_method = schema::FaultHandler::Fault::kOrdinal;
  faulter.call_interface = schema::FaultHandler::kInterfaceId;
  faulter.waits = Waits::for_supervisor;
  ModelObject& endpoint = object(id);
  if (endpoint.waiting.empty()) {
    faulter.waits_at = id;
    return endpoint.callers.push_back({who, Asks::fault});
  }
  const Who server = endpoint.waiting.front();
  endpoint.waiting.pop_front();
  deliver_next({who, Asks::fault}, thread(server));
}

// What it works on and what it waits in end with `disconnected`.
void Model::set_free(ModelThread& server) {
  if (const Who caller = std::exchange(server.caller, Who{}); !caller.none()) {
    thread(caller).server = {};
    if (std::exchange(server.caller_faulted, false)) {
      doomed_.push_back(caller);
    } else {
      wakes(caller, finds_error(transport(TransportError::disconnected)));
    }
  }
  leaves_endpoint(server);
  if (server.waits == Waits::for_call) wakes(server.who, finds_error(transport(TransportError::disconnected)));
}

// Its owner has revoked it, on its CPU: calls in every state end, servers go on without.
void Model::end_endpoint(Id id) {
  std::vector<Who> servers;
  for (const auto& [number, one] : processes_) {
    for (const auto& [serial, each] : one.threads) {
      if (each.alive() && each.serving == id) servers.push_back(each.who);
    }
  }
  for (const Who& who : servers) set_free(thread(who));
  ModelObject& endpoint = object(id);
  endpoint.waiting.clear();
  endpoint.closed = true;
  disconnect_queue(endpoint);
}

Finds Model::revoke(Who caller, Id id) {
  ModelObject& endpoint = object(id);
  endpoint.revoked = true;
  const std::uint16_t cpu = process(caller.process).cpu;
  (void)is_home(endpoint, cpu);
  post(cpu, *endpoint.home, {.what = Letter::What::revoke, .object = id});
  end_doomed();
  return finds_words();
}

void Model::last_is_gone(std::uint16_t cpu, Id id) {
  ModelObject& gone = object(id);
  gone.abandoned = true;
  if (gone.life.has_value()) gone.life->until = 0;
  if (gone.device.has_value()) device_is_gone(cpu, id);
  if (gone.kind == Kind::end) leave_side(cpu, gone.of, gone.first);
  if (gone.kind == Kind::timer) post(cpu, *gone.home, {.what = Letter::What::timer_gone, .object = id});
  // By mail even on its own CPU.
  if (gone.kind == Kind::endpoint && gone.home.has_value()) {
    mail_[*gone.home].push_back({.what = Letter::What::abandon, .object = id});
  }
}

}  // namespace capos::ktest
