// SPDX-License-Identifier: Apache-2.0
#include "ring_call_walk.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>
#include <span>

#include "capos/schema/ringcalls.hpp"
#include "memory/object_heap.hpp"

namespace capos::ktest {

using abi::RingOperation;
using kernel::ThreadState;
using schema::ExceptionType;
using schema::KernelError;
using schema::TransportError;

namespace {

constexpr std::uint64_t kInterface = 0xca11;
// The arena: parameters and descriptors of calls and of returns, answers, areas of received calls.
constexpr std::uint32_t kCallParams = 0, kCallCaps = 1024, kAnswers = 2048, kReturnParams = 4608, kReturnCaps = 5632, kAreas = 8192;
constexpr std::uint32_t kMessage = 128, kDescriptors = 128, kPlace = 2048;
constexpr std::uint64_t kEver = ~std::uint64_t{0};

// What follows from the token, in every word after it.
std::uint64_t mixed(std::uint64_t token, std::uint64_t word) { return (token ^ word << 56) * 0x9e3779b97f4a7c15; }

template <typename Map>
auto take(Map& from, std::uint64_t key) {
  auto node = from.extract(key);
  return std::move(node.mapped());
}

std::uint32_t lowest_free(std::uint32_t used, std::uint32_t count) {
  const auto slot = static_cast<std::uint32_t>(std::countr_one(used));
  return slot < count ? slot : count;
}

}  // namespace

RingCallWalk::RingCallWalk(std::uint64_t seed)
    : seed_(seed),
      world_({.pack = {.cpus = 2, .trace_events = 64, .slice_us = static_cast<std::uint32_t>(100 + seed % 3 * 200)}, .ram_bytes = 24u << 20}) {
  heap_bytes_ = kernel::heap_use().bytes;
  frames_ = World::frames_free();
  Admitted island;
  if (seed % 2 != 0) {
    Claim claim{.cpu = 1};
    for (std::size_t i = kServers; i < kActors; ++i) {
      claim.tasks.push_back({.name = "caller" + std::to_string(i), .budget_ns = 150'000, .priority = static_cast<std::uint8_t>(100 + i)});
    }
    island = admit_honest(world_, claim);
    init_caps_ = island.contexts;
    init_caps_.push_back(island.island);
  }
  std::vector<std::pair<std::string, abi::CapId>> grants;
  for (std::size_t e = 0; e < kServers; ++e) {
    endpoints_[e] = world_.make_endpoint(kInterface);
    clients_[e] = world_.connect(endpoints_[e]);
    grants.emplace_back("client" + std::to_string(e), clients_[e]);
  }
  for (unsigned i = 0; i < 5; ++i) {
    init_caps_.push_back(world_.make_notification());
    grants.emplace_back("event" + std::to_string(i), init_caps_.back());
  }
  for (std::size_t i = 0; i < kActors; ++i) {
    SpawnOptions options{.cpu = 1, .memory_pages = 100, .grants = grants};
    if (i < kServers) options.grants.emplace_back("serve", endpoints_[i]);
    if (i >= kServers && !island.contexts.empty()) options.context = island.contexts[i - kServers];
    actors_[i].child = world_.spawn(options);
    kernel::Process& process = thread(i).process;
    if (!options.context.is_null()) {
      (void)world_.call<schema::SchedulingContext::WaitNextRelease>(thread(i), world_.granted(process, "self.context"));
    }
    for (const auto& [name, cap] : world_.capset(process)) actors_[i].held[cap.raw] = process.capabilities().find(cap)->object();
  }
  if (!island.contexts.empty()) {
    (void)world_.call<schema::RealtimeIsland::Activate>(world_.init(), island.island, {.start_ns = world_.machine().now().ns() + 1'000'000});
  }
}

std::string RingCallWalk::run(std::size_t steps) {
  std::size_t number = 0;
  try {
    for (; number < steps; ++number) {
      last_.push_back("step " + std::to_string(number) + ": ");
      if (last_.size() > 20) last_.pop_front();
      step(number);
      look();
    }
    last_.emplace_back("the end: ");
    end();
  } catch (const std::exception& broken) {
    std::string text = "seed " + std::to_string(seed_) + ", step " + std::to_string(number) + ": " + broken.what();
    for (const std::string& each : last_) text += "\n  " + each;
    return text;
  }
  return {};
}

// --- what happens

void RingCallWalk::step(std::size_t number) {
  random_ = Random(seed_ * 0x2545f4914f6cdd1d + number);
  if (random_.one_in(250)) return interfere();
  for (std::size_t actor = 0; actor < kActors; ++actor) {
    if (actors_[actor].alive && world_.is_current(thread(actor)) && !random_.one_in(5)) return act(actor);
  }
  const Time next = world_.machine().next_timer();
  std::uint64_t by = random_.below(120'000);
  if (!next.is_never() && next > world_.machine().now() && random_.one_in(2)) by = next.ns() - world_.machine().now().ns();
  tell("time goes on by " + std::to_string(by));
  world_.run_for(Duration::ns(static_cast<std::int64_t>(by)));
}

void RingCallWalk::interfere() {
  const std::size_t which = random_.below(kActors + kServers);
  if (which >= kActors) {
    const std::size_t endpoint = which - kActors;
    if (!random_.one_in(3) || revoked_[endpoint]) return;
    tell("endpoint " + std::to_string(endpoint) + " is revoked");
    revoked_[endpoint] = true;
    (void)world_.call<schema::Endpoint::Revoke>(world_.init(), endpoints_[endpoint]);
  } else if (actors_[which].alive && random_.one_in(3)) {
    tell("actor " + std::to_string(which) + " is killed");
    actors_[which].alive = false;
    (void)world_.call<schema::ProcessHandle::Kill>(world_.init(), actors_[which].child.handle);
    std::erase_if(calls_, [&](const auto& each) { return each.second.by == which; });
  } else {
    return;
  }
  world_.run_for(Duration::us(1));  // the mail
  ++tally_["interferes"];
}

void RingCallWalk::submit(std::size_t actor, abi::CapSqe entry) {
  world_.submit(thread(actor), entry);
  ++tally_["operation " + std::to_string(entry.operation)];
}

// A message of one struct: the token, and words that follow from it. Its size.
std::uint32_t RingCallWalk::write_message(std::size_t actor, std::uint32_t offset, std::uint64_t what, std::uint64_t token) {
  const std::uint64_t words = 2 + random_.below(6);
  std::vector<std::uint64_t> message = {words << 32, what, token};
  for (std::uint64_t i = 2; i < words; ++i) message.push_back(mixed(token, i));
  std::memcpy(world_.arena(thread(actor)) + offset, message.data(), message.size() * 8);
  return static_cast<std::uint32_t>(message.size() * 8);
}

std::vector<RingCallWalk::Sent> RingCallWalk::choose_caps(std::size_t actor, std::uint32_t offset) {
  std::vector<Sent> chosen;
  std::vector<abi::TransferDescriptor> descriptors;
  const std::uint64_t count = random_.one_in(2) ? 0 : random_.below(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    std::vector<Sent> all;
    for (const auto& [cap, object] : actors_[actor].held) {
      const bool twice = std::ranges::any_of(chosen, [&](const Sent& each) { return each.cap == cap; });
      if (object->type() == kernel::ObjectType::notification && !twice) all.push_back({.cap = cap, .object = object});
    }
    Sent one;
    if (random_.one_in(40)) {
      one.cap = random_.next();  // nothing of its own
    } else if (!all.empty()) {
      one = all[random_.below(all.size())];
      // The table would grow: what there is much of moves.
      one.moves = actors_[actor].held.size() > 24 || random_.one_in(2);
    } else {
      break;
    }
    chosen.push_back(one);
    descriptors.push_back({one.cap, static_cast<std::uint32_t>(one.moves ? abi::Transfer::move : abi::Transfer::copy), 0});
  }
  std::ranges::copy(std::as_bytes(std::span(descriptors)), world_.arena(thread(actor)) + offset);
  return chosen;
}

std::uint64_t RingCallWalk::submit_call(std::size_t actor, std::uint64_t after) {
  Actor& own = actors_[actor];
  const std::uint32_t slot = lowest_free(own.call_slots, kSlots);
  if (slot == kSlots) return 0;
  own.call_slots |= 1u << slot;
  const std::uint64_t data = next_data_++;
  Call call{.by = actor, .endpoint = actor == 0 ? 1 : random_.below(kServers), .slot = slot, .after = after};
  call.caps = choose_caps(actor, kCallCaps + slot * kDescriptors);
  if (random_.one_in(5)) call.deadline = world_.machine().now().ns() + random_.below(200'000);
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(RingOperation::call);
  entry.method = static_cast<std::uint16_t>(data);
  entry.cap = world_.granted(thread(actor).process, "client" + std::to_string(call.endpoint)).raw;
  entry.interface_id = kInterface;
  entry.user_data = data;
  entry.params_offset = kCallParams + slot * kMessage;
  entry.params_size = write_message(actor, entry.params_offset, 0, data);
  entry.transfers_offset = kCallCaps + slot * kDescriptors;
  entry.transfers_count = static_cast<std::uint32_t>(call.caps.size());
  entry.results_offset = kAnswers + slot * kArea;
  entry.results_capacity = kArea;
  entry.deadline_ns = call.deadline;
  if (after == 0 && random_.one_in(6) && lowest_free(own.call_slots, kSlots) != kSlots) entry.flags = abi::kSqeLink;
  tell("calls " + std::to_string(call.endpoint) + " as " + std::to_string(data) + " with " + std::to_string(call.caps.size()));
  calls_.emplace(data, std::move(call));
  submit(actor, entry);
  if (entry.flags != 0) (void)submit_call(actor, data);
  return data;
}

void RingCallWalk::submit_receive(std::size_t actor) {
  Actor& own = actors_[actor];
  const std::uint32_t place = lowest_free(own.receive_places, 4);
  if (actor >= kServers || place == 4) return;
  own.receive_places |= 1u << place;
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(RingOperation::receive);
  entry.cap = world_.granted(thread(actor).process, "serve").raw;
  entry.user_data = next_data_++;
  entry.results_offset = kAreas + place * kPlace;
  entry.results_capacity = kArea;
  if (random_.one_in(2)) {
    entry.flags = abi::kSqeMultishot;
    entry.pipeline_field = static_cast<std::uint32_t>(1 + random_.below(kPlace / kArea));
  }
  tell("receives");
  receives_.emplace(entry.user_data, Receive{actor, entry.results_offset, place});
  submit(actor, entry);
}

void RingCallWalk::submit_return(std::size_t actor) {
  Actor& own = actors_[actor];
  const std::uint32_t slot = lowest_free(own.return_slots, kSlots);
  std::vector<std::uint64_t> open;
  for (const auto& [data, call] : calls_) {
    const bool again = call.ended && random_.one_in(20);  // nobody waits for it any more
    if (call.received && call.server == actor && call.answers.empty() && (!call.ended || again)) open.push_back(data);
  }
  if (slot == kSlots || open.empty()) return;
  own.return_slots |= 1u << slot;
  const std::uint64_t data = open[random_.below(open.size())];
  Call& call = calls_.at(data);
  Answer answer{.nonce = random_.next()};
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(RingOperation::return_call);
  entry.cap = call.id;
  entry.user_data = next_data_++;
  entry.params_offset = kReturnParams + slot * kMessage;
  if (random_.one_in(6)) {
    answer.exception = true;
    entry.flags = abi::kSqeException;
    wire::MessageBuilder message({reinterpret_cast<wire::Word*>(world_.arena(thread(actor)) + entry.params_offset), kMessage / 8});
    auto root = message.init_root<schema::CapException>();
    root.set_type(ExceptionType::overloaded);
    root.set_detail(static_cast<std::uint16_t>(answer.nonce));
    entry.params_size = static_cast<std::uint32_t>(message.words().size() * 8);
  } else {
    entry.params_size = write_message(actor, entry.params_offset, answer.nonce, data);
    answer.caps = choose_caps(actor, kReturnCaps + slot * kDescriptors);
    entry.transfers_offset = kReturnCaps + slot * kDescriptors;
    entry.transfers_count = static_cast<std::uint32_t>(answer.caps.size());
  }
  tell("answers " + std::to_string(data) + " with " + std::to_string(answer.caps.size()));
  call.answers.emplace(entry.user_data, std::move(answer));
  returns_.emplace(entry.user_data, Return{data, slot, false});
  submit(actor, entry);
}

void RingCallWalk::submit_cancel(std::size_t actor) {
  std::vector<std::uint64_t> open;
  for (const auto& [data, call] : calls_) {
    if (call.by == actor && !call.ended) open.push_back(data);
  }
  if (open.empty()) return;
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(RingOperation::cancel);
  entry.cap = open[random_.below(open.size())];
  entry.user_data = next_data_++;
  calls_.at(entry.cap).cancel_asked = true;
  tell("cancels " + std::to_string(entry.cap));
  others_.emplace(entry.user_data, actor);
  submit(actor, entry);
}

void RingCallWalk::submit_something(std::size_t actor) {
  const std::uint64_t what = random_.below(40);
  if (what < 2) return submit_cancel(actor);
  if (actor < kServers && what < 14) return submit_receive(actor);
  if (actor < kServers && what < 39) return submit_return(actor);
  // Who has calls of its own to make takes none: one server only calls, the other only.
  if (actor >= kServers || (actor == 0 && actors_[actor].call_slots == 0)) (void)submit_call(actor, 0);
}

void RingCallWalk::enter(std::size_t actor, std::uint32_t wanted, std::uint64_t timeout) {
  abi::RingHeader& header = world_.ring(thread(actor)).header;
  header.cq_head = header.cq_tail;
  tell("waits for " + std::to_string(wanted) + " within " + std::to_string(timeout));
  (void)world_.enter(thread(actor), static_cast<std::uint64_t>(abi::SystemCall::cap_enter), {}, 0, {wanted, timeout});
}

void RingCallWalk::act(std::size_t actor) {
  tell("actor " + std::to_string(actor));
  const abi::RingHeader& header = world_.ring(thread(actor)).header;
  const std::uint64_t count = random_.below(5);
  for (std::uint64_t i = 0; i < count && header.sq_tail - header.sq_head + 2 <= abi::kSubmissionEntries; ++i) submit_something(actor);
  const auto wanted = static_cast<std::uint32_t>(random_.one_in(4) ? 0 : 1 + random_.below(3));
  const bool serves = actor < kServers && !revoked_[actor];
  if (serves && actors_[actor].receive_places == 0 && header.sq_tail - header.sq_head < abi::kSubmissionEntries) submit_receive(actor);
  // For ever only where the next call ends it.
  const bool at_work = std::ranges::any_of(calls_, [&](const auto& each) { return each.second.received && each.second.server == actor; });
  enter(actor, wanted, serves && !at_work && random_.one_in(2) ? kEver : random_.below(200'000));
}

// --- what is seen

void RingCallWalk::look() {
  for (std::size_t i = 0; i < kActors; ++i) {
    Actor& actor = actors_[i];
    if (!actor.alive) continue;
    const abi::Ring& ring = world_.ring(thread(i));
    for (; actor.seen != ring.header.cq_tail; ++actor.seen) see(i, ring.cq[actor.seen % abi::kCompletionEntries]);
  }
  for (const auto& judge : std::exchange(judgements_, {})) judge();
  for (std::size_t i = 0; i < kActors; ++i) {
    if (actors_[i].alive) check_table(i);
  }
  std::set<std::uint64_t> needed;  // to judge those that are linked to it
  for (const auto& [data, call] : calls_) {
    if (!call.ended) needed.insert(call.after);
  }
  std::erase_if(calls_, [&](const auto& each) {
    return each.second.ended && each.second.answers.empty() && !needed.contains(each.first);
  });
}

void RingCallWalk::see(std::size_t actor, const abi::CapCqe& completion) {
  const std::uint64_t data = completion.user_data;
  const std::string name = "entry " + std::to_string(data);
  if (const auto call = calls_.find(data); call != calls_.end()) {
    require(call->second.by == actor && !call->second.ended, name + " ends twice, or elsewhere");
    return see_ended(data, call->second, completion);
  }
  if (const auto receive = receives_.find(data); receive != receives_.end()) {
    require(receive->second.by == actor, name + " ends elsewhere");
    return see_received(actor, receive->second, completion);
  }
  if (returns_.contains(data)) {
    const Return entry = take(returns_, data);
    actors_[actor].return_slots &= ~(1u << entry.slot);
    judgements_.emplace_back([=, this] { see_returned(data, entry, completion); });
    return;
  }
  require(others_.erase(data) == 1, name + " was never submitted, or ends twice");
}

// What a message carried has come: as many, the same objects; what moved has left.
void RingCallWalk::carried(std::size_t from, std::size_t to, const std::vector<Sent>& sent, const std::byte* records, std::uint32_t count) {
  require(count == sent.size(), "a message brings more or fewer capabilities than it took");
  kernel::CapabilityTable& table = thread(to).process.capabilities();
  for (std::uint32_t i = 0; i < count; ++i) {
    abi::ResultCap record;
    std::memcpy(&record, records + i * sizeof record, sizeof record);
    const kernel::CapabilityEntry* const entry = table.find(abi::CapId{record.cap});
    require(sent[i].object != nullptr, "a capability travels that nobody had");
    require(entry != nullptr && entry->object() == sent[i].object, "a message brings another capability than it took");
    require(actors_[to].held.emplace(record.cap, sent[i].object).second, "a capability comes under an id that was in use");
    if (sent[i].moves && actors_[from].alive) require(actors_[from].held.erase(sent[i].cap) == 1, "what moves was not there");
    ++tally_[sent[i].moves ? "moved" : "copied"];
  }
}

void RingCallWalk::see_received(std::size_t actor, const Receive& receive, const abi::CapCqe& completion) {
  const bool more = completion.result == 0 && (completion.flags & abi::kCqeMore) != 0;
  if (completion.result == 0) {
    const std::byte* const at = world_.arena(thread(actor)) + receive.offset + area_of(completion) * kArea;
    abi::ReceivedCall header;
    std::memcpy(&header, at, sizeof header);
    std::array<std::uint64_t, 16> words{};
    require(completion.results_size >= 24 && completion.results_size <= sizeof words, "a received message has another size");
    std::memcpy(words.data(), at + sizeof header, completion.results_size);
    const std::uint64_t token = words[2];
    for (std::size_t i = 3; i < completion.results_size / 8; ++i) require(words[i] == mixed(token, i - 1), "a message is damaged");
    const auto found = calls_.find(token);
    // Its caller may have died since it was delivered.
    if (found == calls_.end()) {
      require(std::ranges::any_of(actors_, [](const Actor& each) { return !each.alive; }), "a call is received that nobody makes");
    } else {
      Call& call = found->second;
      require(call.endpoint == actor && !call.received && !call.ended, "a call is received twice, elsewhere, or after its end");
      require(header.caller == actors_[call.by].child.number && header.method == static_cast<std::uint16_t>(token), "a call is another's");
      call.received = true;
      call.server = actor;
      call.id = completion.value;
      carried(call.by, actor, call.caps, at + sizeof header + completion.results_size, completion.caps_count);
      ++tally_["received"];
    }
  } else {
    const Error found = error_of(completion.result, completion.flags);
    const bool busy = found == overloaded(KernelError::busy);
    require(busy || revoked_[actor], "a receive fails: " + found.text());
  }
  if (!more) {
    actors_[actor].receive_places &= ~(1u << receive.place);
    receives_.erase(completion.user_data);
  }
}

bool RingCallWalk::is_gone(const Sent& sent, std::size_t holder) const {
  return sent.object == nullptr || !actors_[holder].held.contains(sent.cap);
}

// An error must have its reason.
void RingCallWalk::check_cause(std::uint64_t data, const Call& call, Error found) {
  const std::uint64_t now = world_.machine().now().ns();
  const auto because = [&](bool holds) { require(holds, "call " + std::to_string(data) + " ends with " + found.text()); };
  const Actor& server = actors_[call.endpoint];
  if (found == transport(TransportError::timeout)) return because(call.deadline != 0 && now > call.deadline && !call.received);
  if (found == transport(TransportError::disconnected)) return because(revoked_[call.endpoint] || !server.alive);
  if (found == transport(TransportError::invalid_cap)) return because(revoked_[call.endpoint]);
  if (found == transport(TransportError::cancelled)) {
    const auto before = calls_.find(call.after);
    return because(call.cancel_asked || (before != calls_.end() && before->second.ended && !before->second.well));
  }
  if (found == invalid(KernelError::bad_capability)) {
    return because(!call.received && std::ranges::any_of(call.caps, [&](const Sent& each) { return is_gone(each, call.by); }));
  }
  because(false);
}

void RingCallWalk::see_ended(std::uint64_t data, Call& call, const abi::CapCqe& completion) {
  call.ended = true;
  call.well = completion.result == 0;
  actors_[call.by].call_slots &= ~(1u << call.slot);
  const Error found = error_of(completion.result, completion.flags);
  ++tally_["(" + found.text() + ")"];
  if (call.after != 0 && call.well) {
    const Call& before = calls_.at(call.after);
    require(before.ended && before.well, "a call does not wait for the one that it is linked to");
  }
  if (call.well) return see_answer(call, completion);
  for (auto& [by, answer] : call.answers) {
    if (answer.exception && found == exception(ExceptionType::overloaded, static_cast<KernelError>(answer.nonce & 0xffff))) {
      call.answered_by = by;
      return;
    }
  }
  judgements_.emplace_back([this, data, call, found] { check_cause(data, call, found); });
}

void RingCallWalk::see_answer(Call& call, const abi::CapCqe& completion) {
  require(call.received && completion.results_size >= 24 && completion.results_size <= 128, "an answer without a question");
  const std::byte* const at = world_.arena(thread(call.by)) + kAnswers + call.slot * kArea;
  std::array<std::uint64_t, 16> words{};
  std::memcpy(words.data(), at, completion.results_size);
  require(words[2] == completion.user_data, "an answer is another call's");
  for (std::size_t i = 3; i < completion.results_size / 8; ++i) require(words[i] == mixed(words[2], i - 1), "an answer is damaged");
  for (auto& [by, answer] : call.answers) {
    if (answer.exception || answer.nonce != words[1]) continue;
    call.answered_by = by;
    carried(call.server, call.by, answer.caps, at + completion.results_size, completion.caps_count);
    ++tally_["answered"];
    return;
  }
  require(false, "an answer that its server never gave");
}

void RingCallWalk::see_returned(std::uint64_t data, const Return& entry, const abi::CapCqe& completion) {
  const auto found = calls_.find(entry.call);
  const Error error = error_of(completion.result, completion.flags);
  ++tally_["return (" + error.text() + ")"];
  if (found == calls_.end()) return;  // its caller has died
  Call& call = found->second;
  const Answer answer = take(call.answers, data);
  const bool bad = std::ranges::any_of(answer.caps, [&](const Sent& each) { return is_gone(each, call.server); });
  if (error.ok()) {
    // The caller's completion may wait for room, or be in a ring that is looked at later: seen then, for the answer is kept.
    if (!call.ended) {
      call.answers.emplace(data, answer);
    } else {
      require(call.answered_by == data, "a return goes well, and its call has ended otherwise");
    }
  } else if (error == invalid(KernelError::bad_capability)) {
    require(bad && !call.ended, "an answer is refused without a reason");
  } else {
    const bool known = error == transport(TransportError::cancelled) || error == transport(TransportError::invalid_cap);
    require(known && call.ended && call.answered_by != data, "an answer is refused: " + error.text());
  }
}

void RingCallWalk::check_table(std::size_t actor) {
  kernel::CapabilityTable& table = thread(actor).process.capabilities();
  const std::string who = "actor " + std::to_string(actor);
  for (const auto& [cap, object] : actors_[actor].held) {
    const kernel::CapabilityEntry* const entry = table.find(abi::CapId{cap});
    const bool of_revoked = object->type() == kernel::ObjectType::endpoint || object->type() == kernel::ObjectType::client_endpoint;
    require(entry != nullptr ? entry->object() == object : of_revoked, who + " has lost a capability");
  }
  require(table.in_use() == actors_[actor].held.size(), who + " holds " + std::to_string(table.in_use()) + " capabilities instead of " +
                                                            std::to_string(actors_[actor].held.size()));
}

// --- the end

// Nobody serves any more: every call that is open ends. Then everything goes.
void RingCallWalk::end() {
  for (std::size_t e = 0; e < kServers; ++e) {
    if (!std::exchange(revoked_[e], true)) (void)world_.call<schema::Endpoint::Revoke>(world_.init(), endpoints_[e]);
  }
  for (unsigned turn = 0; turn < 400; ++turn) {
    world_.run_for(Duration::us(50));
    for (std::size_t i = 0; i < kActors; ++i) {
      if (actors_[i].alive && world_.is_current(thread(i))) enter(i, 1, 20'000);
    }
    look();
  }
  for (const auto& [data, call] : calls_) require(call.ended, "call " + std::to_string(data) + " never ends");
  for (Actor& actor : actors_) {
    (void)world_.call<schema::ProcessHandle::Kill>(world_.init(), actor.child.handle);
    (void)world_.release(world_.init(), actor.child.handle);
  }
  for (const auto& caps : {std::vector(endpoints_.begin(), endpoints_.end()), std::vector(clients_.begin(), clients_.end()), init_caps_}) {
    for (const abi::CapId cap : caps) (void)world_.release(world_.init(), cap);
  }
  world_.settle();
  require(kernel::heap_use().bytes == heap_bytes_ && World::frames_free() == frames_, "something remains");
}

}  // namespace capos::ktest
