// SPDX-License-Identifier: Apache-2.0
// The ring by hand: each operation, each error, and what a hostile program may write into it.
#include <cstring>

#include "capos/abi/ring.hpp"
#include "capos/runtime/system_call.hpp"
#include "harness.hpp"

namespace conformance {
namespace {

using abi::CapCqe;
using abi::CapSqe;
using abi::RingOperation;

abi::Ring& ring() noexcept { return *reinterpret_cast<abi::Ring*>(abi::kRingBase); }
std::uint64_t* arena_word(std::uint32_t offset) noexcept {
  return reinterpret_cast<std::uint64_t*>(abi::kRingBase + abi::kArenaOffset + offset);
}

void push(const CapSqe& entry) noexcept {
  ring().sq[ring().header.sq_tail % abi::kSubmissionEntries] = entry;
  __atomic_store_n(&ring().header.sq_tail, ring().header.sq_tail + 1, __ATOMIC_RELEASE);
}

CapCqe pop() noexcept {
  const CapCqe completion = ring().cq[ring().header.cq_head % abi::kCompletionEntries];
  __atomic_store_n(&ring().header.cq_head, ring().header.cq_head + 1, __ATOMIC_RELEASE);
  return completion;
}

// One entry, one completion; status 1 if there was none.
CapCqe once(const CapSqe& entry) noexcept {
  push(entry);
  if (runtime::cap_enter(1, 0) == 0)
    return {.user_data = 0, .result = 1, .flags = 0, .results_size = 0, .caps_count = 0, .value = 0};
  return pop();
}

bool answers(const CapSqe& entry, TransportError error) noexcept {
  return once(entry).result == status_of(error);
}

// Timer.now: parameters of no words (a zero struct pointer is a null struct, which is fine), results at 4096.
CapSqe timer_now(Guest& guest) noexcept {
  *arena_word(0) = 0;
  CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(RingOperation::call);
  entry.cap = guest.timer.cap().raw;
  entry.interface_id = schema::Timer::kInterfaceId;
  entry.user_data = 0xabcd;
  entry.params_size = 8;
  entry.results_offset = 4096;
  entry.results_capacity = 64;
  return entry;
}

void header_describes(Guest& guest) noexcept {
  const auto& header = ring().header;
  CHECK(header.magic == abi::kRingMagic && header.sq_entries == 16 && header.cq_entries == 32);
  CHECK(header.arena_bytes == abi::kArenaBytes);
}

void nop(Guest& guest) noexcept {
  CapSqe entry{};
  entry.user_data = 0x1122334455667788;
  const CapCqe done = once(entry);
  CHECK(done.result == 0 && done.user_data == entry.user_data && done.results_size == 0 &&
        done.caps_count == 0);
}

void nothing_submitted(Guest& guest) noexcept {
  CHECK(runtime::cap_enter(0, 0) == 0);
  CHECK(runtime::cap_enter(5, 0) == 0);
}

void register_method_by_message(Guest& guest) noexcept {
  const std::uint64_t before = guest.now();
  const CapCqe done = once(timer_now(guest));
  CHECK(done.result == 0 && done.user_data == 0xabcd && done.results_size == 16);
  CHECK(*arena_word(4096) == std::uint64_t{1} << 32);  // a struct of one word
  CHECK(*arena_word(4104) >= before && *arena_word(4104) <= guest.now());
}

void unknown_operation(Guest& guest) noexcept {
  for (const unsigned operation : {13u, 100u, 127u, 255u}) {
    CapSqe entry{};
    entry.operation = static_cast<std::uint8_t>(operation);
    CHECK(answers(entry, TransportError::invalid_operation));
  }
}

void reserved_bits(Guest& guest) noexcept {
  CapSqe entry{};
  entry.flags = 0x80;
  CHECK(answers(entry, TransportError::invalid_operation));
  entry.flags = 0;
  entry.pipeline_field = 1;
  CHECK(answers(entry, TransportError::invalid_operation));
}

void invalid_capabilities(Guest& guest) noexcept {
  CapSqe entry = timer_now(guest);
  entry.cap = 0;
  CHECK(answers(entry, TransportError::invalid_cap));
  entry.cap = ~std::uint64_t{0};
  CHECK(answers(entry, TransportError::invalid_cap));
  entry.operation = static_cast<std::uint8_t>(RingOperation::release);
  CHECK(answers(entry, TransportError::invalid_cap));
}

void unknown_method_and_interface(Guest& guest) noexcept {
  CapSqe entry = timer_now(guest);
  entry.method = 99;
  CapCqe done = once(entry);
  CHECK(done.result == status_of(TransportError::exception));
  CHECK((done.flags & 0xffff) == static_cast<std::uint32_t>(ExceptionType::unimplemented));
  entry = timer_now(guest);
  entry.interface_id = schema::Console::kInterfaceId;
  done = once(entry);
  CHECK(done.result == status_of(TransportError::exception));
}

void arena_bounds(Guest& guest) noexcept {
  struct Place {
    std::uint32_t offset, size;
  };
  constexpr auto kArena = static_cast<std::uint32_t>(abi::kArenaBytes);
  const Place bad[] = {{kArena, 8},      {kArena - 8, 16}, {4, 8},     {0, 12},
                       {0xffff'fff8, 8}, {8, 0xffff'fff8}, {~0u, ~0u}, {0, kArena + 8}};
  for (const Place& place : bad) {
    CapSqe entry = timer_now(guest);
    entry.params_offset = place.offset;
    entry.params_size = place.size;
    CHECK(answers(entry, TransportError::invalid_message));
    entry = timer_now(guest);
    entry.results_offset = place.offset;
    entry.results_capacity = place.size;
    CHECK(answers(entry, TransportError::invalid_message));
  }
  CapSqe entry = timer_now(guest);
  entry.results_offset = kArena - 16;
  entry.results_capacity = 16;
  CHECK(once(entry).result == 0);
}

void transfer_bounds(Guest& guest) noexcept {
  CapSqe entry = timer_now(guest);
  entry.transfers_count = abi::kMaxTransfers + 1;
  CHECK(answers(entry, TransportError::invalid_message));
  entry.transfers_count = ~0u;
  CHECK(answers(entry, TransportError::invalid_message));
  entry.transfers_count = 1;
  entry.transfers_offset = static_cast<std::uint32_t>(abi::kArenaBytes) - 8;
  CHECK(answers(entry, TransportError::invalid_message));
  entry.transfers_offset = 4;
  CHECK(answers(entry, TransportError::invalid_message));
  entry.transfers_offset = 0xffff'fff0;
  CHECK(answers(entry, TransportError::invalid_message));
}

void move_refused(Guest& guest) noexcept {
  CapSqe entry = timer_now(guest);
  entry.transfers_count = 1;
  entry.transfers_offset = 8192;
  *arena_word(8192) = guest.timer.cap().raw;
  *arena_word(8200) = static_cast<std::uint64_t>(abi::Transfer::move);
  CHECK(answers(entry, TransportError::invalid_message));
  *arena_word(8200) = 7;
  CHECK(answers(entry, TransportError::invalid_message));
  *arena_word(8200) = std::uint64_t{1} << 32;  // reserved
  CHECK(answers(entry, TransportError::invalid_message));
  *arena_word(8200) = 0;
  CHECK(once(entry).result == 0);
}

// Console.write with a parameter message of our making.
CapSqe console_write(Guest& guest, std::uint64_t first, std::uint64_t second) noexcept {
  *arena_word(0) = first;
  *arena_word(8) = second;
  CapSqe entry = timer_now(guest);
  *arena_word(0) = first;
  entry.cap = guest.console.cap().raw;
  entry.interface_id = schema::Console::kInterfaceId;
  entry.params_size = 16;
  return entry;
}

void malformed_messages(Guest& guest) noexcept {
  constexpr std::uint64_t kOnePointer = std::uint64_t{1} << 48;
  // Root pointer: out of the message, before it, far, a list, of huge size.
  for (const std::uint64_t root :
       {kOnePointer | 100 << 2, kOnePointer | (std::uint64_t{0x3fff'ffff} - 5) << 2, kOnePointer | 2,
        std::uint64_t{1} | std::uint64_t{7} << 32, std::uint64_t{0xffff'ffff} << 32}) {
    CHECK(answers(console_write(guest, root, 0), TransportError::invalid_message));
  }
  // Text: out of the message, no text, a pointer to itself, endless.
  for (const std::uint64_t text :
       {std::uint64_t{1} | 50 << 2 | std::uint64_t{2} << 32 | std::uint64_t{8} << 35,
        std::uint64_t{1} | std::uint64_t{2} << 32 | std::uint64_t{0x1fff'ffff} << 35, std::uint64_t{3},
        std::uint64_t{1} | std::uint64_t{7} << 32 | std::uint64_t{1} << 35}) {
    CHECK(answers(console_write(guest, kOnePointer, text), TransportError::invalid_message));
  }
  CapSqe entry = console_write(guest, 0, 0);
  entry.params_size = 0;  // no root at all
  const std::int32_t empty = once(entry).result;
  CHECK(empty == 0 || empty == status_of(TransportError::invalid_message));
}

void results_too_large(Guest& guest) noexcept {
  for (const std::uint32_t capacity : {0u, 8u}) {
    CapSqe entry = timer_now(guest);
    entry.results_capacity = capacity;
    CHECK(answers(entry, TransportError::result_too_large));
  }
}

// The capability that the refused result would have carried is taken back.
void results_too_large_leak_nothing(Guest& guest) noexcept {
  auto probe = make_notification(guest);
  const abi::CapId next = probe.cap();
  CHECK(runtime::call_ring().release(probe.leak().cap()).has_value());
  for (const std::uint32_t capacity : {0u, 8u, 16u, 24u}) {
    CapSqe entry = timer_now(guest);
    entry.cap = guest.objects.cap().raw;
    entry.interface_id = schema::ObjectFactory::kInterfaceId;
    entry.results_capacity = capacity;
    CHECK(answers(entry, TransportError::result_too_large));
  }
  auto again = make_notification(guest);
  CHECK(again.cap().slot() == next.slot() && again.cap().generation() == next.generation() + 5);
}

void stale_deadline(Guest& guest) noexcept {
  CapSqe entry = timer_now(guest);
  entry.deadline_ns = 1;
  CHECK(answers(entry, TransportError::timeout));
  entry.deadline_ns = guest.now() + 1'000 * kMillisecond;
  CHECK(once(entry).result == 0);
}

void released_by_ring(Guest& guest) noexcept {
  auto notification = make_notification(guest);
  CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(RingOperation::release);
  entry.cap = notification.leak().cap().raw;
  CHECK(once(entry).result == 0);
  CHECK(answers(entry, TransportError::invalid_cap));
}

void batch_in_order(Guest& guest) noexcept {
  for (std::uint64_t i = 0; i < abi::kSubmissionEntries; ++i) {
    CapSqe entry{};
    entry.user_data = 1000 + i;
    push(entry);
  }
  CHECK(runtime::cap_enter(16, 0) == 16);
  for (std::uint64_t i = 0; i < abi::kSubmissionEntries; ++i) CHECK(pop().user_data == 1000 + i);
}

// Completions that find no room wait with their entries: none is lost, none comes twice.
void completion_overflow(Guest& guest) noexcept {
  std::uint64_t sent = 0, seen = 0;
  for (int batch = 0; batch < 3; ++batch) {
    for (unsigned i = 0; i < abi::kSubmissionEntries; ++i) {
      CapSqe entry{};
      entry.user_data = sent++;
      push(entry);
    }
    CHECK(runtime::cap_enter(1, 0) == (batch == 0 ? 16u : 32u));
  }
  CHECK(ring().header.sq_tail - ring().header.sq_head == 16);  // the third batch has not been looked at
  for (; seen < 32; ++seen) CHECK(pop().user_data == seen);
  CHECK(runtime::cap_enter(1, 0) == 16);
  for (; seen < 48; ++seen) CHECK(pop().user_data == seen);
  CHECK(ring().header.sq_tail == ring().header.sq_head);
}

// More submitted than the queue holds: at most 16 are taken, each from within the queue.
void hostile_tail(Guest& guest) noexcept {
  auto& header = ring().header;
  std::memset(static_cast<void*>(ring().sq), 0, sizeof ring().sq);
  __atomic_store_n(&header.sq_tail, header.sq_head + 1000, __ATOMIC_RELEASE);
  const std::uint32_t available = runtime::cap_enter(1, 0);
  const std::uint32_t head = header.sq_head, tail = header.cq_tail;
  __atomic_store_n(&header.sq_tail, head, __ATOMIC_RELEASE);
  __atomic_store_n(&header.cq_head, tail, __ATOMIC_RELEASE);
  CHECK(available == 16);
}

// The kernel's own indices spoilt: the program loses its own completions, and nothing else happens.
void hostile_indices(Guest& guest) noexcept {
  auto& header = ring().header;
  const std::uint32_t values[] = {0, 0xffff'ffff, 0x8000'0000, 17, 0x7fff'fff0};
  for (const std::uint32_t sq_head : values) {
    for (const std::uint32_t cq_head : values) {
      header.sq_head = sq_head;
      header.cq_head = cq_head;
      (void)runtime::cap_enter(1, 0);
    }
  }
  header.sq_head = header.sq_tail = 0;
  header.cq_head = header.cq_tail = 0;
  CHECK(once(timer_now(guest)).result == 0);
}

void indices_wrap(Guest& guest) noexcept {
  auto& header = ring().header;
  header.sq_head = header.sq_tail = 0xffff'fff8;
  header.cq_head = header.cq_tail = 0xffff'fff0;
  for (std::uint64_t i = 0; i < 64; ++i) {
    CapSqe entry{};
    entry.user_data = i;
    const CapCqe done = once(entry);
    CHECK(done.result == 0 && done.user_data == i);
  }
  CHECK(header.sq_head == 56 && header.cq_tail == 48);
}

void blocking_by_ring(Guest& guest, std::uint32_t kind) noexcept {
  const Notice a = make_notification(guest), b = make_notification(guest);
  Child other(guest, {.role = Role::sleeper, .argument = 1000});
  CHECK(other);
  const Grant grants[] = {{"event", a.cap()}, {"other", b.cap()}, {"process", other.process().cap()}};
  Child child(guest, {.role = Role::ring_abuse, .argument = kind, .grants = grants});
  CHECK(child.exits(0));
}
void sleep_by_ring(Guest& guest) noexcept { blocking_by_ring(guest, 0); }
void wait_by_ring(Guest& guest) noexcept { blocking_by_ring(guest, 1); }
void process_wait_by_ring(Guest& guest) noexcept { blocking_by_ring(guest, 2); }

constexpr Case kCases[] = {
    {"ring header", header_describes},
    {"ring nop", nop},
    {"ring with nothing submitted", nothing_submitted},
    {"ring call of a register method", register_method_by_message},
    {"ring unknown operation", unknown_operation},
    {"ring reserved bits", reserved_bits},
    {"ring invalid capabilities", invalid_capabilities},
    {"ring unknown method and interface", unknown_method_and_interface},
    {"ring arena bounds", arena_bounds},
    {"ring transfer bounds", transfer_bounds},
    {"ring transfer move refused", move_refused},
    {"ring malformed messages", malformed_messages},
    {"ring results too large", results_too_large},
    {"ring results too large leak nothing", results_too_large_leak_nothing},
    {"ring stale deadline", stale_deadline},
    {"ring release", released_by_ring},
    {"ring batch in order", batch_in_order},
    {"ring completion overflow", completion_overflow},
    {"ring hostile tail", hostile_tail},
    {"ring hostile indices", hostile_indices},
    {"ring indices wrap", indices_wrap},
    {"ring sleepUntil refused", sleep_by_ring},
    {"ring wait refused", wait_by_ring},
    {"ring process wait refused", process_wait_by_ring},
};

}  // namespace

std::span<const Case> ring_cases() noexcept { return kCases; }

}  // namespace conformance
