// SPDX-License-Identifier: Apache-2.0
// Rings: each entry ends in one completion, at no time that it must not, and with what its operation promises. In which
// order operations that wait complete is the kernel's affair: the model judges each completion as it is seen.
#include <algorithm>
#include <utility>

#include "walk_model.hpp"

namespace capos::ktest {

using abi::RingOperation;
using schema::KernelError;
using schema::TransportError;

namespace {

constexpr bool waits(RingOperation kind) { return kind == RingOperation::timeout || kind == RingOperation::notify; }

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
    if (op.by == who && op.started && op.kind == RingOperation::timeout && op.until <= now_) op.due = true;
  }
  for (auto& [data, op] : ring_ops_) {  // by user_data: the order in which they were submitted
    if (op.by != who || op.started || (op.flags & abi::kSqeDrain) != 0) continue;
    op.started = true;
    switch (op.kind) {
      case RingOperation::timeout: op.due = op.until <= now_; break;
      case RingOperation::notify: start_notify(op); break;
      case RingOperation::cancel: op.expected = cancels(op.cap); break;
      case RingOperation::release: op.expected = gives_up(who.process, op.cap) ? kNoError : transport(TransportError::invalid_cap); break;
      default: break;
    }
    // Of what is quiet nothing is heard if it goes well.
    if ((op.flags & abi::kSqeQuiet) != 0 && op.after == 0 && op.expected.ok()) op.ended = true;
  }
}

// Its lease has ended, and it with that: disconnected, or with the signal that was on its way.
bool Model::ends_with_its_lease(RingOp& op, Error found, std::uint64_t bits, bool more) {
  if (op.lease == 0 || holds(op.lease) || more) return false;
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
  if (op->kind == RingOperation::notify && ends_with_its_lease(*op, found, completion.value, more)) return {};
  if (op->kind == RingOperation::notify) {
    if (op->told.empty()) return name + " completes without a signal";
    const Told told = op->told.front();
    op->told.pop_front();
    expected = told.error;
    value = told.bits;
    if (more == told.last) return name + (more ? " goes on and must not" : " ends and must not");
  }
  if (found != expected) return name + ": expected " + expected.text() + ", found " + found.text();
  if (!found.ok()) return {};
  if (op->kind == RingOperation::timeout) {
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
    const bool over = op.kind == RingOperation::timeout ? op.due : op.kind == RingOperation::notify ? !op.told.empty() : true;
    if (free && over) return "entry " + std::to_string(data) + " has not completed";
  }
  return {};
}

bool Model::ring_waits_for_signal(Who who) const {
  return std::ranges::any_of(ring_ops_, [&](const auto& each) {
    return each.second.by == who && !each.second.ended && each.second.kind == RingOperation::notify;
  });
}

void Model::forget_ended(Who who) {
  // A quiet one that followed something says nothing, if that went well.
  for (auto& [data, op] : ring_ops_) {
    const RingOp* const before = op.by == who && op.after != 0 ? ring_op(op.after) : nullptr;
    if (before != nullptr && (op.flags & abi::kSqeQuiet) != 0 && before->ended && !before->failed && op.expected.ok()) {
      op.ended = true;
      thread(who).lingers = true;
    }
  }
  std::set<std::uint64_t> needed;
  for (const auto& [data, op] : ring_ops_) {
    if (op.by == who && !op.ended) needed.insert(op.after);
  }
  std::erase_if(ring_ops_, [&](const auto& each) {
    return each.second.by == who && each.second.ended && !needed.contains(each.first);
  });
}

void Model::looks_again(Who) {}

void Model::leave_ring(Who who) {
  for (auto& [data, op] : ring_ops_) {
    if (op.by == who && op.notification != 0 && object(op.notification).ring_waiter == data) object(op.notification).ring_waiter = 0;
  }
  std::erase_if(ring_ops_, [&](const auto& each) { return each.second.by == who; });
}

}  // namespace capos::ktest
