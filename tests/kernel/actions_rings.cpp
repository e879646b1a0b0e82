// SPDX-License-Identifier: Apache-2.0
// Rings: batches of entries that complete at once or wait, chains, and waiting in cap_enter.
#include <array>

#include "actions.hpp"

namespace capos::ktest {
namespace {

using abi::RingOperation;
using schema::TransportError;

constexpr std::size_t kMostOpen = 14;  // of one ring

struct Entry {
  abi::CapSqe sqe{};
  RingOp op;
};

// `after`: user_data of the entry that it is linked to, 0 for none. Its own.
std::uint64_t submit(Chapter& c, Who w, Entry entry, std::uint64_t after) {
  entry.op.by = w;
  entry.op.data = c.next_user_data();
  entry.op.after = after;
  entry.op.kind = static_cast<RingOperation>(entry.sqe.operation);
  entry.op.flags = entry.sqe.flags;
  entry.op.cap = entry.sqe.cap;
  entry.sqe.user_data = entry.op.data;
  c.world.submit(c.thread(w), entry.sqe);
  c.model.submits(entry.op);
  ++c.tally_of("(entry of operation " + std::to_string(entry.sqe.operation) + ")");
  return entry.op.data;
}

// One that completes at once, whatever the time.
Entry simple_entry(Chapter& c) {
  Entry entry;
  if (c.random.one_in(3)) {
    entry.sqe.operation = static_cast<std::uint8_t>(RingOperation::post);
    entry.sqe.cap = c.random.next();
    entry.op.value = entry.sqe.cap;
  } else if (c.random.one_in(6)) {
    entry.sqe.operation = 0xee;
    entry.op.expected = transport(TransportError::invalid_operation);
  }
  if (c.random.one_in(5)) entry.sqe.flags = abi::kSqeQuiet;
  return entry;
}

Entry timeout_entry(Chapter& c) {
  Entry entry;
  entry.sqe.operation = static_cast<std::uint8_t>(RingOperation::timeout);
  entry.sqe.cap = c.model.now() + c.random.below(300'000);
  entry.op.until = entry.sqe.cap;
  return entry;
}

// A space, and a word of it: of the process's own memory, or of an object that it shares.
void name_word(Chapter& c, Who w, Entry& entry, std::uint32_t& word) {
  const std::uint64_t shared = c.random.one_in(3) ? c.pick(w.process, Kind::shared_park) : 0;
  entry.sqe.cap = shared != 0 ? shared : c.service(w.process, "self.park");
  if (entry.sqe.cap == 0 || c.random.one_in(30)) entry.sqe.cap = c.random.next();
  if (shared != 0) {
    const Id memory = object_of(c, w, shared).of;
    const std::uint64_t size = c.model.pages_of(memory) * kWalkPage;
    entry.op.key = shared_place(c, size);
    word = entry.op.key < size ? shared_word(c, memory, entry.op.key) : 0;
  } else {
    entry.op.key = parking_place(c, w);
    word = c.model.word_at(w.process, entry.op.key).value_or(0);
  }
  entry.sqe.interface_id = entry.op.key;
}

Entry park_entry(Chapter& c, Who w) {
  Entry entry;
  entry.sqe.operation = static_cast<std::uint8_t>(RingOperation::park);
  std::uint32_t word = 0;
  name_word(c, w, entry, word);
  entry.op.word = c.random.one_in(8) ? word + 1 : word;
  entry.sqe.params_size = entry.op.word;
  if (c.random.one_in(2)) entry.op.until = c.model.now() + c.random.below(300'000) - c.random.below(std::min<std::uint64_t>(c.model.now(), 20'000));
  entry.sqe.deadline_ns = entry.op.until;
  return entry;
}

Entry unpark_entry(Chapter& c, Who w) {
  Entry entry;
  entry.sqe.operation = static_cast<std::uint8_t>(RingOperation::unpark);
  std::uint32_t word = 0;
  name_word(c, w, entry, word);
  entry.op.word = static_cast<std::uint32_t>(c.random.below(4));
  entry.sqe.params_size = entry.op.word;
  if (c.random.one_in(6)) entry.sqe.flags = abi::kSqeQuiet;
  return entry;
}

// Behind the entry with that user_data; 0: behind none that it could watch.
Entry link_timeout_entry(Chapter& c, std::uint64_t watched) {
  Entry entry;
  entry.sqe.operation = static_cast<std::uint8_t>(RingOperation::link_timeout);
  entry.sqe.cap = c.model.now() + c.random.below(300'000);
  if (c.random.one_in(8)) entry.sqe.cap = c.random.below(c.model.now() + 1);
  entry.op.until = entry.sqe.cap;
  entry.op.watches = watched;
  if (watched == 0) entry.op.expected = transport(TransportError::invalid_operation);
  if (c.random.one_in(3)) entry.sqe.flags = abi::kSqeQuiet;
  return entry;
}

Entry notify_entry(Chapter& c, std::uint64_t cap) {
  Entry entry;
  entry.sqe.operation = static_cast<std::uint8_t>(RingOperation::notify);
  entry.sqe.cap = cap;
  if (c.random.one_in(2)) entry.sqe.flags = abi::kSqeMultishot;
  return entry;
}

Entry cancel_entry(Chapter& c, const std::vector<std::uint64_t>& targets) {
  Entry entry;
  entry.sqe.operation = static_cast<std::uint8_t>(RingOperation::cancel);
  entry.sqe.cap = c.random.one_in(6) ? c.random.next() : targets[c.random.below(targets.size())];
  return entry;
}

Entry release_entry(Chapter& c, Who w) {
  Entry entry;
  entry.sqe.operation = static_cast<std::uint8_t>(RingOperation::release);
  const auto& caps = c.model.process(w.process).caps;
  auto chosen = caps.begin();
  std::advance(chosen, static_cast<long>(c.random.below(caps.size())));
  const Kind kind = c.model.object(chosen->second.id).kind;
  const bool fine = w.process != World::kInit && kind != Kind::service && kind != Kind::virtual_memory && caps.size() > 12;
  entry.sqe.cap = fine ? chosen->first : c.random.next();
  return entry;
}

// An entry that does not belong to a chain.
Entry lone_entry(Chapter& c, Who w) {
  switch (c.random.below(9)) {
    case 0: return timeout_entry(c);
    case 5:
    case 6: return park_entry(c, w);
    case 7: return unpark_entry(c, w);
    case 8: return c.random.one_in(4) ? link_timeout_entry(c, 0) : unpark_entry(c, w);
    case 1:
    case 2: {
      const std::uint64_t cap = c.pick(w.process, Kind::notification);
      return notify_entry(c, cap != 0 ? cap : c.random.next());
    }
    case 3: {
      const auto targets = c.model.ring_ops_that_wait(w);
      return targets.empty() ? release_entry(c, w) : cancel_entry(c, targets);
    }
    default: return simple_entry(c);
  }
}

void submit_batch(Chapter& c, Who w) {
  const std::uint64_t count = 1 + c.random.below(5);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!c.random.one_in(3)) {
      (void)submit(c, w, lone_entry(c, w), 0);
      continue;
    }
    Entry first = c.random.one_in(3) ? timeout_entry(c) : c.random.one_in(2) ? park_entry(c, w) : simple_entry(c);
    first.sqe.flags |= abi::kSqeLink;
    const std::uint64_t before = c.peek_user_data();
    bool goes_on = true;
    if (c.random.one_in(2)) {
      first.op.watched_by = before + 1;
      (void)submit(c, w, first, 0);
      Entry timeout = link_timeout_entry(c, before);
      goes_on = c.random.one_in(2);
      if (goes_on) timeout.sqe.flags |= abi::kSqeLink;
      (void)submit(c, w, timeout, 0);
    } else {
      (void)submit(c, w, first, 0);
    }
    if (goes_on) (void)submit(c, w, simple_entry(c), before);
  }
  // What is to wait for all before it: not for a signal, which may never come.
  if (!c.random.one_in(6) || c.model.ring_waits_for_signal(w)) return;
  Entry last = simple_entry(c);
  last.sqe.flags = abi::kSqeDrain;
  (void)submit(c, w, last, 0);
}

// cap_enter, and whether it had to wait.
void enter(Chapter& c, Who w) {
  kernel::Thread& thread = c.thread(w);
  ModelThread& model = c.model.thread(w);
  model.wanted = w == c.init() || c.random.one_in(2) ? 0 : static_cast<std::uint32_t>(1 + c.random.below(3));
  const std::uint64_t timeout = model.wanted == 0 || c.random.one_in(6) ? 0 : c.random.one_in(6) ? ~std::uint64_t{0} : 1 + c.random.below(300'000);
  c.tell("for " + std::to_string(model.wanted) + " within " + std::to_string(timeout));
  c.model.enters_ring(w);
  const Time before = c.world.machine().now();
  const auto answer = c.world.enter(thread, static_cast<std::uint64_t>(abi::SystemCall::cap_enter), {}, 0, {model.wanted, timeout});
  const std::uint32_t there = c.completions(thread);
  // While it waits another thread of the CPU may go on polling, which takes time.
  const bool over = static_cast<std::uint64_t>((c.world.machine().now() - before).ns()) >= timeout;
  const bool blocks = there < model.wanted && !over;
  c.require(answer.has_value() != blocks, blocks ? "cap_enter does not wait" : "cap_enter waits with enough completions there");
  if (blocks) {
    model.waits = Waits::in_ring;
    model.waited = true;
    model.ring_until = timeout > ~std::uint64_t{0} - c.model.now() ? ~std::uint64_t{0} : c.model.now() + timeout;
  } else {
    c.expect(finds_words(there), answer);
  }
  c.see_completions(thread, model);
  if (there < abi::kCompletionEntries) {
    const std::string late = c.model.overdue(w);
    c.require(late.empty(), late);
  }
}

// The same, and it looks for submissions while it waits: time passes in the kernel. What comes of it the walk sees.
void enter_polling(Chapter& c, Who w) {
  ModelThread& model = c.model.thread(w);
  const bool never_enough = c.random.one_in(6);
  const std::uint64_t wanted = never_enough ? ~std::uint64_t{0} : 1 + c.random.below(3);
  const std::uint64_t timeout = !never_enough && c.random.one_in(6) ? ~std::uint64_t{0} : c.random.below(300'000);
  const std::uint64_t poll = 1 + c.random.below(c.random.one_in(3) ? 40'000 : 4'000);
  c.tell("for " + std::to_string(wanted) + " within " + std::to_string(timeout) + ", polling for " + std::to_string(poll));
  c.model.enters_ring(w);
  model.wanted = static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, ~std::uint32_t{0}));
  model.waits = Waits::in_ring;
  model.polls = true;
  model.ring_until = timeout > ~std::uint64_t{0} - c.model.now() ? ~std::uint64_t{0} : c.model.now() + timeout;
  (void)c.world.enter(c.thread(w), static_cast<std::uint64_t>(abi::SystemCall::cap_enter), {}, 0, {wanted, timeout, poll});
}

bool poll_ring(Chapter& c, Who w) {
  c.model.forget_ended(w);
  if (!c.ring_is_clear(w) || c.model.ring_ops_open(w) > kMostOpen) return false;
  if (c.random.one_in(2)) submit_batch(c, w);
  enter_polling(c, w);
  return true;
}

// Into the ring of another thread of the process, which polls it. If that has parked, it is to be woken.
bool submit_to_polled(Chapter& c, Who w) {
  for (auto& [serial, other] : c.model.process(w.process).threads) {
    if (!other.alive() || other.who == w || other.waits != Waits::in_ring || !other.polls) continue;
    const abi::RingHeader& header = c.world.ring(c.thread(other.who)).header;
    if (c.model.ring_drains(other.who)) continue;  // nothing behind such an entry gets on
    if (c.model.ring_ops_open(other.who) > kMostOpen || header.sq_tail - header.sq_head > 8) continue;
    c.tell("of " + other.who.text());
    for (std::uint64_t left = 1 + c.random.below(3); left > 0; --left) {
      (void)submit(c, other.who, c.random.one_in(2) ? timeout_entry(c) : simple_entry(c), 0);
    }
    return true;
  }
  return false;
}

bool ring_batch(Chapter& c, Who w) {
  c.model.forget_ended(w);
  if (!c.ring_is_clear(w) || c.model.ring_ops_open(w) > kMostOpen) return false;
  submit_batch(c, w);
  enter(c, w);
  return true;
}

bool enter_again(Chapter& c, Who w) {
  if (c.model.ring_ops_open(w) == 0) return false;
  enter(c, w);
  return true;
}

constexpr std::array kActions = {
    Action{"submits to its ring", 24, false, ring_batch},
    Action{"enters its ring", 10, false, enter_again},
    Action{"polls its ring", 6, true, poll_ring},
    Action{"submits to the ring", 20, false, submit_to_polled},
};

}  // namespace

std::span<const Action> ring_actions() { return kActions; }

}  // namespace capos::ktest
