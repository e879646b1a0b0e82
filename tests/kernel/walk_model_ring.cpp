// SPDX-License-Identifier: Apache-2.0
// Rings: each entry ends in one completion, at no time that it must not, and with what its operation promises. In which
// order operations that wait complete is the kernel's affair: the model judges each completion as it is seen.
#include <algorithm>
#include <cstring>
#include <utility>

#include "walk_model.hpp"

namespace capos::ktest {

using abi::RingOperation;
using schema::KernelError;
using schema::TransportError;

namespace {

constexpr bool waits(RingOperation kind) {
  return kind == RingOperation::timeout || kind == RingOperation::notify || kind == RingOperation::park;
}

}  // namespace

std::size_t Model::ring_ops_open(Who who) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      ring_ops_, [&](const auto& each) { return each.second.by == who && !each.second.ended; }));
}

RingOp* Model::ring_op(std::uint64_t data) {
  const auto found = ring_ops_.find(data);
  return found == ring_ops_.end() ? nullptr : &found->second;
}

std::vector<std::uint64_t> Model::ring_ops_that_wait(Who who) const {
  std::vector<std::uint64_t> found;
  for (const auto& [data, op] : ring_ops_) {
    if (op.by == who && !op.ended && waits(op.kind)) found.push_back(data);
  }
  return found;
}

// The capability's notification has bits, or it waits in that one's slot.
void Model::start_notify(RingOp& op) {
  const Held* const held = find(op.by.process, op.cap);
  if (held == nullptr || !permits(held->interface_id, schema::Notification::kInterfaceId) ||
      object(held->id).kind != Kind::notification) {
    op.told.push_back({.error = transport(TransportError::invalid_cap), .last = true});
    return;
  }
  ModelObject& notification = object(held->id);
  op.notification = held->id;
  op.lease = held->lease;
  if (notification.ring_waiter != 0) {
    op.told.push_back({.error = overloaded(KernelError::busy), .last = true});
    return;
  }
  notification.ring_waiter = op.data;
  if (notification.bits == 0) return;
  notification.ring_waiter = 0;
  takes_signal(op);
}

// --- parking

std::optional<Id> Model::space_of(const RingOp& op) {
  const Held* const held = find(op.by.process, op.cap);
  if (held == nullptr) return std::nullopt;
  const ModelObject& space = object(held->id);
  if (space.kind == Kind::shared_park) return space.of;
  return space.kind == Kind::service && space.name == "self.park" ? std::optional<Id>(0) : std::nullopt;
}

Error Model::word_error(Id memory, std::uint64_t key) const {
  if (memory == 0) return key % 4 == 0 ? kNoError : invalid(KernelError::bad_address);
  return key % 4 == 0 && key < pages_of(memory) * 4096 ? kNoError : invalid(KernelError::bad_range);
}

void Model::start_park(RingOp& op) {
  constexpr std::size_t kMostOwn = 64, kMostShared = 128;
  const std::optional<Id> memory = space_of(op);
  const auto refuse = [&](Error why) { op.told.push_back({.error = why, .last = true}); };
  if (!memory.has_value()) return refuse(transport(TransportError::invalid_cap));
  if (const Error error = word_error(*memory, op.key); !error.ok()) return refuse(error);
  std::optional<std::uint32_t> word = 0;
  if (*memory == 0) {
    word = word_at(op.by.process, op.key);
  } else {
    std::memcpy(&*word, bytes_of(*memory) + op.key, sizeof *word);
  }
  if (!word.has_value()) return refuse(invalid(KernelError::bad_address));
  if (*word != op.word) return refuse(failed(KernelError::mismatch));
  if (op.until != 0 && op.until <= now_) return refuse(transport(TransportError::timeout));
  op.memory = *memory;
  op.lease = find(op.by.process, op.cap)->lease;
  auto& list = parked_in(op.by.process, op.memory);
  if (list.size() >= (op.memory == 0 ? kMostOwn : kMostShared)) return refuse(overloaded(KernelError::busy));
  list.push_back({op.by, op.data, op.key});
}

void Model::start_unpark(RingOp& op) {
  const std::optional<Id> memory = space_of(op);
  op.expected = !memory.has_value() ? transport(TransportError::invalid_cap) : word_error(*memory, op.key);
  if (op.expected.ok()) op.value = unpark(op.by, *memory, op.key, op.word).words[0];
}

// --- time

void Model::times_out(RingOp& op) {
  if (op.kind == RingOperation::timeout) op.due = true;
  if (op.kind != RingOperation::park || !op.told.empty() || !leave_parked(op)) return;
  op.told.push_back({.error = transport(TransportError::timeout), .last = true});
}

// A LINK_TIMEOUT tells before what it watches does.
std::string Model::judge_link_timeout(RingOp& op, const abi::CapCqe& completion, Error found) {
  const std::string name = "timeout " + std::to_string(op.data);
  if ((op.flags & abi::kSqeQuiet) != 0) return name + " is quiet, and completes";
  if (found == transport(TransportError::cancelled)) return {};
  if (!found.ok()) return name + ": found " + found.text();
  const RingOp* const watched = ring_op(op.watches);
  if (watched == nullptr || watched->ended || !waits(watched->kind)) return name + " fires, and what it watches has ended";
  op.fired = true;
  const bool in_time = completion.value >= op.until && completion.value <= now_;
  return in_time ? std::string() : name + " fires too early, or states another time";
}

// An operation that waits ended with `timeout`: its own time came, or that of the LINK_TIMEOUT behind it.
std::string Model::judge_timed_out(RingOp& op) {
  const std::string name = "entry " + std::to_string(op.data);
  const RingOp* const behind = op.watched_by == 0 ? nullptr : ring_op(op.watched_by);
  const bool own = op.kind == RingOperation::park && op.until != 0 && op.until <= now_;
  const bool by_link = behind != nullptr && behind->until <= now_;
  if (!own && !by_link) return name + " ends with timeout, and no time has come";
  const bool tells = behind != nullptr && (behind->flags & abi::kSqeQuiet) == 0;
  if (op.kind == RingOperation::timeout && (op.until <= op.began || op.until < behind->until)) {
    return name + " ends with timeout, and its own time came first";
  }
  const bool over_at_once = own && op.until <= op.began;
  const bool must_fire = by_link && !over_at_once && (!own || behind->until < op.until);
  const bool may_fire = must_fire || (by_link && !over_at_once && behind->until == op.until);
  if (tells && (behind->fired ? !may_fire : must_fire)) return name + ": the timeout behind it tells it wrongly";
  if (op.kind != RingOperation::park) return {};
  if (op.told.empty()) return leave_parked(op) ? std::string() : name + " ends with timeout, and was woken";
  return op.told.front().error == transport(TransportError::timeout) ? std::string() : name + " ends with timeout, and has ended otherwise";
}

// --- signals

void Model::takes_signal(RingOp& op) {
  ModelObject& notification = object(op.notification);
  const std::uint64_t bits = std::exchange(notification.bits, 0);
  const bool nothing = bits == 0 && !op.called_off;
  const bool goes_on = nothing || ((op.flags & abi::kSqeMultishot) != 0 && !op.called_off && ring_room(op.by) > 0);
  const Error error = op.called_off && bits == 0 ? transport(TransportError::cancelled) : kNoError;
  if (!nothing) op.told.push_back({.error = error, .bits = bits, .last = !goes_on});
  if (!goes_on) return;
  if (!nothing) ++written_[op.by];
  if (notification.ring_waiter != 0) {
    op.told.push_back({.error = overloaded(KernelError::busy), .last = true});
    return;
  }
  notification.ring_waiter = op.data;
}

std::uint32_t Model::ring_room(Who who) {
  const std::uint32_t room = room_of_ring ? room_of_ring(who) : 0, written = written_[who];
  return room > written ? room - written : 0;
}

// Ends an operation that waits; the cancelling entry's own result.
Error Model::cancels(std::uint64_t target) {
  RingOp* const op = ring_op(target);
  if (op == nullptr || op->ended || !op->started || op->due) return transport(TransportError::invalid_cap);
  if (op->kind == RingOperation::timeout) {
    op->called_off = op->due = true;
    return kNoError;
  }
  if (!op->told.empty() && op->told.back().last) return transport(TransportError::invalid_cap);
  if (op->kind == RingOperation::park) {  // else its unpark is under way, and ends it
    if (leave_parked(*op)) op->told.push_back({.error = transport(TransportError::cancelled), .last = true});
    return kNoError;
  }
  op->called_off = true;
  if (object(op->notification).ring_waiter != target) return kNoError;  // its signal is under way, and ends it
  object(op->notification).ring_waiter = 0;
  op->told.push_back({.error = transport(TransportError::cancelled), .last = true});
  return kNoError;
}

void Model::submits(RingOp op) { ring_ops_.emplace(op.data, std::move(op)); }

void Model::enters_ring(Who who) {
  thread(who).lingers = false;
  for (auto& [data, op] : ring_ops_) {
    if (op.by != who || !op.started || op.ended) continue;
    // Times that have come do so before the entries that follow.
    const RingOp* const behind = op.watched_by == 0 ? nullptr : ring_op(op.watched_by);
    const bool own = op.until != 0 && op.until <= now_;
    if (own || (behind != nullptr && behind->until <= now_)) times_out(op);
  }
  for (auto& [data, op] : ring_ops_) {  // by user_data: the order in which they were submitted
    if (op.by != who || op.started || (op.flags & abi::kSqeDrain) != 0) continue;
    op.started = true;
    op.began = now_;
    switch (op.kind) {
      case RingOperation::park: start_park(op); break;
      case RingOperation::unpark: start_unpark(op); break;
      case RingOperation::link_timeout:
        if (RingOp* const watched = ring_op(op.watches); watched != nullptr && op.until <= now_) times_out(*watched);
        break;
      case RingOperation::timeout: op.due = op.until <= now_; break;
      case RingOperation::notify: start_notify(op); break;
      case RingOperation::cancel: op.expected = cancels(op.cap); break;
      case RingOperation::release: op.expected = gives_up(who.process, op.cap) ? kNoError : transport(TransportError::invalid_cap); break;
      default: break;
    }
    // Of what is quiet nothing is heard if it goes well.
    if ((op.flags & abi::kSqeQuiet) != 0 && op.after == 0 && op.watches == 0 && op.expected.ok()) op.ended = true;
  }
}

// Its lease has ended, and it with that: disconnected, or with the signal that was on its way.
bool Model::ends_with_its_lease(RingOp& op, Error found, std::uint64_t bits, bool more) {
  if (op.lease == 0 || holds(op.lease) || more) return false;
  if (op.kind == RingOperation::park) return found == transport(TransportError::disconnected) && leave_parked(op);
  const bool last_bits = found.ok() && !op.told.empty() && op.told.front().bits == bits && !op.told.front().last;
  if (!last_bits && found != transport(TransportError::disconnected)) return false;
  op.told.clear();
  if (object(op.notification).ring_waiter == op.data) object(op.notification).ring_waiter = 0;
  return true;
}

std::string Model::completed(Who who, const abi::CapCqe& completion) {
  RingOp* const op = ring_op(completion.user_data);
  const std::string name = "entry " + std::to_string(completion.user_data);
  if (op == nullptr || op->by != who) return name + " completes and was never submitted";
  if (op->ended) return name + " completes twice";
  const bool more = completion.result == 0 && (completion.flags & abi::kCqeMore) != 0;
  const Error found = error_of(completion.result, completion.flags);
  op->ended = !more;
  op->failed = !found.ok();
  if (more && op->kind != RingOperation::notify) return name + " is to go on and cannot";
  if (op->watches != 0) return judge_link_timeout(*op, completion, found);
  if ((op->flags & abi::kSqeQuiet) != 0 && found.ok()) return name + " is quiet, and completes";
  if ((op->flags & abi::kSqeDrain) != 0) {
    for (const auto& [data, other] : ring_ops_) {
      if (data < op->data && other.by == who && !other.ended && (other.flags & abi::kSqeQuiet) == 0) {
        return name + " does not wait for entry " + std::to_string(data);
      }
    }
  }
  Error expected = op->expected;
  if (op->must_fail && !op->failed) return name + " goes well, and what followed it was cancelled";
  if (RingOp* const before = op->after == 0 ? nullptr : ring_op(op->after); before != nullptr) {
    const bool cancelled = found == transport(TransportError::cancelled);
    if (!before->ended && (before->flags & abi::kSqeQuiet) == 0) {
      // The rest of a chain may be told before what broke it.
      if (!cancelled) return name + " does not wait for the one before it";
      before->must_fail = true;
    }
    if (before->failed || before->must_fail) expected = transport(TransportError::cancelled);
  }
  if (op->kind == RingOperation::timeout && op->called_off) expected = transport(TransportError::cancelled);
  std::uint64_t value = op->value;
  const bool told_of = op->kind == RingOperation::notify || op->kind == RingOperation::park;
  if (told_of && ends_with_its_lease(*op, found, completion.value, more)) return {};
  const RingOp* const behind = op->watched_by == 0 ? nullptr : ring_op(op->watched_by);
  if (behind != nullptr && behind->fired && found != transport(TransportError::timeout)) {
    return name + " ends otherwise, and the timeout behind it came first";
  }
  // Refused in its turn for a time that had passed is what the model told.
  if (found == transport(TransportError::timeout) && waits(op->kind)) return judge_timed_out(*op);
  if (told_of) {
    if (op->told.empty()) return name + " completes without a signal or an unpark";
    const Told told = op->told.front();
    op->told.pop_front();
    expected = told.error;
    value = told.bits;
    if (more == told.last) return name + (more ? " goes on and must not" : " ends and must not");
  }
  if (found != expected) return name + ": expected " + expected.text() + ", found " + found.text();
  if (!found.ok()) return {};
  if (op->kind == RingOperation::timeout) {
    if (behind != nullptr && behind->until < op->until && op->until > op->began) return name + " goes well, and the timeout behind it was earlier";
    const bool in_time = completion.value >= op->until && completion.value <= now_;
    return in_time ? std::string() : name + " completes too early, or states another time";
  }
  return completion.value == value ? std::string() : name + ": the value is another";
}

std::string Model::overdue(Who who) {
  for (const auto& [data, op] : ring_ops_) {
    if (op.by != who || op.ended || !op.started || (op.flags & abi::kSqeQuiet) != 0) continue;
    const RingOp* const before = op.after == 0 ? nullptr : ring_op(op.after);
    const bool free = before == nullptr || before->ended;
    const RingOp* const watched = op.watches == 0 ? nullptr : ring_op(op.watches);
    const bool over = op.kind == RingOperation::timeout                                   ? op.due
                      : op.kind == RingOperation::notify || op.kind == RingOperation::park ? !op.told.empty()
                                                                                         : watched == nullptr || watched->ended;
    if (free && over) return "entry " + std::to_string(data) + ", operation " + std::to_string(static_cast<int>(op.kind)) + ", has not completed";
  }
  return {};
}

bool Model::ring_waits_for_signal(Who who) const {
  return std::ranges::any_of(ring_ops_, [&](const auto& each) {
    const bool waits_for_others = each.second.kind == RingOperation::notify || each.second.kind == RingOperation::park;
    return each.second.by == who && !each.second.ended && waits_for_others;
  });
}

bool Model::ring_drains(Who who) const {
  return std::ranges::any_of(ring_ops_, [&](const auto& each) {
    return each.second.by == who && !each.second.ended && (each.second.flags & abi::kSqeDrain) != 0;
  });
}

bool Model::ring_has_new(Who who) const {
  return std::ranges::any_of(ring_ops_, [&](const auto& each) {
    return each.second.by == who && !each.second.started && (each.second.flags & abi::kSqeDrain) == 0;
  });
}

void Model::forget_ended(Who who) {
  // A quiet one that followed something says nothing, if that went well; a quiet timeout never.
  for (auto& [data, op] : ring_ops_) {
    const RingOp* const watched = op.by == who && op.watches != 0 ? ring_op(op.watches) : nullptr;
    if (watched != nullptr && watched->ended && (op.flags & abi::kSqeQuiet) != 0) op.ended = true;
    const RingOp* const before = op.by == who && op.after != 0 ? ring_op(op.after) : nullptr;
    if (before != nullptr && (op.flags & abi::kSqeQuiet) != 0 && before->ended && !before->failed && op.expected.ok()) {
      op.ended = true;
      thread(who).lingers = true;
    }
  }
  std::set<std::uint64_t> needed;
  for (const auto& [data, op] : ring_ops_) {
    if (op.by == who && !op.ended) needed.insert({op.after, op.watches, op.watched_by});
  }
  std::erase_if(ring_ops_, [&](const auto& each) {
    return each.second.by == who && each.second.ended && !needed.contains(each.first);
  });
}

void Model::leave_ring(Who who) {
  for (auto& [data, op] : ring_ops_) {
    if (op.by == who && op.kind == RingOperation::park) (void)leave_parked(op);
    if (op.by == who && op.notification != 0 && object(op.notification).ring_waiter == data) object(op.notification).ring_waiter = 0;
  }
  std::erase_if(ring_ops_, [&](const auto& each) { return each.second.by == who; });
}

}  // namespace capos::ktest
