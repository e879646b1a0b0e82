// SPDX-License-Identifier: Apache-2.0
// Runs of the usual entries, in as few instructions as it takes: plain CALLs of one endpoint, their delivery to a server
// that has areas for them, plain RETURNs that leave others open. Each does what ring_submission, ring_serving and
// message_call do for one entry, or stops before the first entry that is not the usual one and has not touched it.
// Bounds: O(1) and the words of the message for each entry. Counts: bench/budgets.json (ring_call_32).
#include <algorithm>

#include "core/account.hpp"
#include "ipc/endpoint.hpp"
#include "ipc/ring_state.hpp"
#include "process/process.hpp"

namespace capos::kernel {

namespace {

using abi::RingOperation;

constexpr std::uint64_t kCall = static_cast<std::uint64_t>(RingOperation::call);
constexpr std::uint64_t kReturn = static_cast<std::uint64_t>(RingOperation::return_call);
constexpr std::uint64_t kQuiet = std::uint64_t{abi::kSqeQuiet} << 8;
constexpr std::uint64_t kMethod = 0xffff'0000;

[[gnu::always_inline]] inline std::uint64_t load_word(const std::uint64_t& shared) noexcept {
  return __atomic_load_n(&shared, __ATOMIC_RELAXED);
}
// Each word is loaded once.
[[gnu::always_inline]] inline void copy_entry(const abi::CapSqe& shared, abi::CapSqe& copy) noexcept {
  const auto* const from = reinterpret_cast<const std::uint64_t*>(&shared);
  auto* const to = reinterpret_cast<std::uint64_t*>(&copy);
#pragma GCC unroll 8
  for (unsigned i = 0; i < sizeof copy / 8; ++i) to[i] = load_word(from[i]);
}
// Within one word, in pairs, fours and bytes (Knuth, TAOCP 7.1.3): this kernel has no library for it, nor counts on POPCNT.
[[gnu::always_inline]] inline std::uint32_t count_bits(std::uint64_t word) noexcept {
  word -= (word >> 1) & 0x5555'5555'5555'5555;
  word = (word & 0x3333'3333'3333'3333) + ((word >> 2) & 0x3333'3333'3333'3333);
  word = (word + (word >> 4)) & 0x0f0f'0f0f'0f0f'0f0f;
  return static_cast<std::uint32_t>((word * 0x0101'0101'0101'0101) >> 56);
}
[[gnu::always_inline]] inline void copy_message(const std::byte* from, std::byte* to, std::uint64_t bytes) noexcept {
  std::uint64_t words = bytes / 8;
  asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words)::"memory");
}
// Places in the arena as an entry has them: offset and size, multiples of 8.
[[gnu::always_inline]] inline bool in_arena(std::uint64_t one, std::uint64_t other) noexcept {
  constexpr std::uint64_t kUnaligned = 0x0000'0007'0000'0007;
  return ((one | other) & kUnaligned) == 0 && static_cast<std::uint32_t>(one) + (one >> 32) <= abi::kArenaBytes &&
         static_cast<std::uint32_t>(other) + (other >> 32) <= abi::kArenaBytes;
}
[[gnu::always_inline]] inline bool in_arena(std::uint64_t place) noexcept { return in_arena(place, 0); }

}  // namespace

std::uint32_t RingState::take_calls(std::uint32_t head, std::uint32_t most) noexcept {
  if (room() == 0) return 0;
  std::uint64_t cap = 0, interface_id = 0, disclosed = 0;
  Endpoint* endpoint = nullptr;
  std::uint32_t taken = 0, counted = 0;  // operations, and those of them for which the endpoint has been counted
  Operation* const first = free_.front();
  Operation* last = nullptr;
  if (first == nullptr || most == 0) return 0;
  for (Operation* next = first;;) {
    Operation& operation = *next;
    abi::CapSqe& sqe = operation.sqe;
    copy_entry(sq_[(head + taken) & sq_mask_], sqe);
    const auto* const words = reinterpret_cast<const std::uint64_t*>(&sqe);
    if ((words[0] & ~kMethod) != kCall || !in_arena(words[4], words[5]) || words[6] >> 32 != 0 || words[7] != 0) break;
    if (endpoint == nullptr || sqe.cap != cap || sqe.interface_id != interface_id) [[unlikely]] {
      CapabilityEntry* const entry = thread.process.capabilities().find(abi::CapId{sqe.cap});
      if (entry == nullptr || !entry->permits(sqe.interface_id) || entry->lease() != nullptr) break;
      auto* const client = object_cast<ClientEndpoint>(entry->object());
      if (client == nullptr) break;
      if (taken != counted) endpoint->acquire(taken - counted);
      counted = taken;
      endpoint = &client->endpoint();
      disclosed = thread.process.disclosed(entry->disclosure());
      cap = sqe.cap;
      interface_id = sqe.interface_id;
    }
    ::new (&operation.object) Ref<Object>(Ref<Object>::adopt(endpoint));  // a free one has none
    operation.disclosed = disclosed;
    operation.called_off = schema::TransportError::none;  // these three are one store
    operation.state = OperationState::pending;
    operation.areas = Operation::kPlainCall;
    last = next;
    ++taken;
    next = free_.next(operation);
    if (next == nullptr || taken == most) break;
  }
  if (last == nullptr) return 0;
  endpoint->acquire(taken - counted);
  List<Operation, OperationTag>::erase_run(*first, *last);
  pending_.push_back_run(*first, *last);
  open_count_ += taken;
  __atomic_store_n(&header_.sq_head, head + taken, __ATOMIC_RELEASE);
  return taken;
}

std::uint32_t RingState::deliver_run(Endpoint& endpoint, Thread& server, std::uint32_t most) noexcept {
  RingState& serving = *server.ring_state;
  Operation* const receive = serving.receives_.front();
  if (receive == nullptr || !receive->has(abi::kSqeMultishot) || !serving.overflow_.empty()) return 0;
  most = std::min(most, serving.room());
  const std::uint32_t capacity = receive->sqe.results_capacity;
  const std::uint64_t user_data = receive->sqe.user_data;
  std::byte* const areas = serving.arena() + receive->sqe.results_offset;
  // Each gets the same number as area and among the calls, which is usual: where it is not, they go one by one.
  const std::uint64_t before = ~(receive->busy_areas() | serving.received_mask_) &
                               ((std::uint64_t{1} << receive->areas) - 1);  // at most 63
  std::uint64_t free = before, id_base = serving.next_answer_ * abi::kReceivedCalls;
  std::uint32_t tail = __atomic_load_n(&serving.header_.cq_tail, __ATOMIC_RELAXED);
  const std::uint32_t end_tail = tail + most;
  Operation* const first = pending_.front();
  Operation* last = nullptr;
  if (first == nullptr || most == 0 || free == 0) return 0;
  for (Operation* call = first;;) {
    if (call->object.get() != &endpoint) break;
    const abi::CapSqe& sqe = call->sqe;
    const std::uint64_t bytes = sqe.params_size;
    if (call->areas != Operation::kPlainCall || bytes + sizeof(abi::ReceivedCall) > capacity) break;
    const std::uint64_t slot = static_cast<std::uint64_t>(std::countr_zero(free));
    free &= free - 1;
    auto* const head = reinterpret_cast<std::uint64_t*>(areas + slot * capacity);  // abi::ReceivedCall
    head[0] = sqe.interface_id;
    head[1] = sqe.method | call->disclosed << 32;
    copy_message(arena() + sqe.params_offset, reinterpret_cast<std::byte*>(head + 2), bytes);
    const std::uint64_t id = id_base + slot;
    ReceivedCall& received = serving.received_[slot];
    received.call = call;
    received.id = id;
    received.receive = receive;
    received.area = static_cast<std::uint8_t>(slot);
    id_base += abi::kReceivedCalls;
    call->slot = static_cast<std::uint8_t>(slot);
    call->state = OperationState::open;
    call->server = &server;
    auto* const completion = reinterpret_cast<std::uint64_t*>(&serving.cq_[tail & serving.cq_mask_]);
    completion[0] = user_data;
    completion[1] = slot << 48 | std::uint64_t{abi::kCqeMore} << 32;
    completion[2] = bytes;
    completion[3] = id;
    last = call;
    ++tail;
    call = pending_.next(*call);
    if (call == nullptr || tail == end_tail || free == 0) break;
  }
  if (last == nullptr) return 0;
  List<Operation, OperationTag>::erase_run(*first, *last);
  const std::uint64_t opened = before ^ free;
  receive->busy_areas() |= opened;
  serving.received_mask_ |= opened;
  serving.open_mask_ |= opened;
  serving.next_answer_ = id_base / abi::kReceivedCalls;
  const std::uint32_t done = most - (end_tail - tail);
  __atomic_store_n(&serving.header_.cq_tail, tail, __ATOMIC_RELEASE);
  return done;
}

// Calls of one caller are open, this thread's and no other's to answer: what belongs to them all is looked at once.
std::uint32_t RingState::take_returns(Cpu& cpu, std::uint32_t head, std::uint32_t most, Time now) noexcept {
  if (!has_several_open()) return 0;
  std::uint64_t open = open_mask_;
  const ReceivedCall& oldest = received_[std::countr_zero(open)];
  RingState& ring = static_cast<Operation&>(*oldest.call).ring;
  Object* const endpoint = static_cast<Operation&>(*oldest.call).object.get();
  Operation* const receive = oldest.receive;
  if (receive == nullptr || !ring.overflow_.empty()) return 0;
  most = std::min({most, ring.room(), count_bits(open) - 1});  // others stay open
  std::uint32_t tail = __atomic_load_n(&ring.header_.cq_tail, __ATOMIC_RELAXED);
  std::uint32_t taken = 0;
  List<Operation, OperationTag>::Run freed;
  for (; taken < most; ++taken) {
    // The fields that count, each loaded once: the entry's first word, `cap`, the parameters' place, the transfers' count.
    const auto* const words = reinterpret_cast<const std::uint64_t*>(&sq_[(head + taken) & sq_mask_]);
    const std::uint64_t id = load_word(words[1]), place = load_word(words[4]);
    if ((load_word(words[0]) & ~kMethod) != (kReturn | kQuiet) || load_word(words[6]) >> 32 != 0 || !in_arena(place)) break;
    const std::uint64_t bytes = place >> 32, slot = id % abi::kReceivedCalls;
    const std::uint64_t others = open & ~(std::uint64_t{1} << slot);
    ReceivedCall& received = received_[slot];
    // In the area of its own number, of the one receive, as deliver_run puts them.
    if (received.id != id || others == open || received.receive != receive || received.area != slot) break;
    auto& answered = static_cast<Operation&>(*received.call);
    // The flags are read twice: the register that would keep them is worth more.
    if ((answered.sqe.flags & ~static_cast<unsigned>(abi::kSqeQuiet)) != 0 || bytes > answered.sqe.results_capacity ||
        answered.object.get() != endpoint) {
      break;
    }
    open = others;
    copy_message(arena() + static_cast<std::uint32_t>(place), ring.arena() + answered.sqe.results_offset, bytes);
    received.id = 0;
    if (answered.sqe.flags == 0) {
      auto* const completion = reinterpret_cast<std::uint64_t*>(&ring.cq_[tail++ & ring.cq_mask_]);
      completion[0] = answered.sqe.user_data;
      completion[1] = 0;
      completion[2] = bytes;
      completion[3] = 0;
    }
    answered.slot = Call::kNoSlot;
    answered.server = nullptr;
    (void)answered.object.leak();  // given back below
    answered.state = OperationState::free;
    freed.add(answered);
  }
  if (taken == 0) return 0;
  ring.free_.push_back(freed);
  endpoint->release(taken);
  receive->busy_areas() &= open | ~open_mask_;
  received_mask_ &= open | ~open_mask_;
  open_mask_ = open;
  Call& next = *received_[std::countr_zero(open)].call;
  Call*& lent = next.caller.outgoing;
  if (lent->kind == CallKind::message && lent->idle()) {  // it was for one of these: for the next now
    next.priority_at_call = lent->priority_at_call;
    next.floor_at_call = lent->floor_at_call;
    lent = &next;
  }
  if (thread.incoming->idle()) thread.incoming = &next;
  ring.open_count_ -= taken;
  ring.retry_ = ring.stalled_;
  __atomic_store_n(&ring.header_.cq_tail, tail, __ATOMIC_RELEASE);
  __atomic_store_n(&header_.sq_head, head + taken, __ATOMIC_RELEASE);
  // Other completions than these may have made them enough before the last.
  if (ring.poke(cpu, now)) must_schedule_ = true;
  return taken;
}

}  // namespace capos::kernel
