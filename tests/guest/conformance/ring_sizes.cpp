// SPDX-License-Identifier: Apache-2.0
// Rings of other sizes (ThreadControl.setRing), and long queues worked off by one cap_enter.
#include "capos/runtime/mapping.hpp"
#include "capos/schema/authority.hpp"
#include "capos/schema/threads.hpp"
#include "ring_hand.hpp"

namespace conformance {
namespace {

using namespace hand;

constinit abi::CapCqe g_kept[runtime::CallRing::kept_for(abi::kMaxSubmissionEntries)];

// The main thread's ring with so many entries, for as long as this lives; by hand, wherever its queues are.
class Sized {
 public:
  Sized(Guest& guest, std::uint32_t entries) noexcept : control_(guest.runtime.need<schema::ThreadControl>("self.thread").cap()) {
    good = set(entries);
  }
  ~Sized() {
    while (waiting() != 0) (void)pop();
    (void)set(abi::kSubmissionEntries);
  }
  Sized(const Sized&) = delete;
  Sized& operator=(const Sized&) = delete;
  [[nodiscard]] bool set(std::uint32_t entries) noexcept {
    return runtime::call_ring().resize(control_, entries, g_kept).has_value();
  }
  void push(const CapSqe& entry) noexcept { pushed_all = runtime::call_ring().submit(entry) && pushed_all; }
  [[nodiscard]] CapCqe pop() noexcept {
    CapCqe none{};
    none.result = 1;
    return runtime::call_ring().reap().value_or(none);
  }
  [[nodiscard]] const abi::RingHeader& header() const noexcept { return ring().header; }
  bool good = false, pushed_all = true;

 private:
  abi::CapId control_;
};

runtime::Result<schema::ThreadControl::SetRing::Results::Value> set_ring(Guest& guest, std::uint32_t entries) noexcept {
  return guest.runtime.need<schema::ThreadControl>("self.thread")->set_ring(entries);
}

void every_size(Guest& guest) noexcept {
  for (std::uint32_t entries = abi::kSubmissionEntries; entries <= abi::kMaxSubmissionEntries; entries *= 2) {
    Sized sized(guest, entries);
    CHECK(sized.good && sized.header().sq_entries == entries && sized.header().cq_entries == 2 * entries);
    CHECK(sized.header().operations == abi::ring_operations(entries) && sized.header().arena_bytes == abi::kArenaBytes);
    // Twice, so that the indices go round.
    for (std::uint64_t round = 0; round < 2; ++round) {
      for (std::uint64_t i = 0; i < entries; ++i) {
        CapSqe entry = entry_of(i % 3 == 0 ? RingOperation::post : RingOperation::nop, 1000 * round + i, i);
        sized.push(entry);
      }
      CHECK(sized.pushed_all && !runtime::call_ring().submit(entry_of(RingOperation::nop, 0)));
      CHECK(runtime::cap_enter(entries, kForever) == entries);
      for (std::uint64_t i = 0; i < entries; ++i) CHECK(is(sized.pop(), 1000 * round + i));
    }
  }
}

void refused_sizes(Guest& guest) noexcept {
  for (const std::uint32_t entries : {0u, 1u, 8u, 15u, 17u, 24u, 255u, 512u, 0x8000'0000u, 0xffff'ffffu}) {
    CHECK(invalid(set_ring(guest, entries), KernelError::bad_range));
  }
  CHECK(is(once(entry_of(RingOperation::nop, 1)), 1));
}

// Submitted, under way, kept, unread: each keeps the ring from being made anew, and is there afterwards.
void refused_in_use(Guest& guest) noexcept {
  const auto busy = [&]() noexcept {
    return refused(set_ring(guest, 32), ExceptionType::failed, KernelError::bad_state);
  };
  push(entry_of(RingOperation::post, 1, 5));
  CHECK(busy());
  CHECK(runtime::cap_enter(0, 0) == 1 && busy());
  CHECK(is(pop(), 1));
  push(entry_of(RingOperation::timeout, 2, guest.now() + 10'000 * kMillisecond));
  CHECK(runtime::cap_enter(0, 0) == 0 && busy());
  push(entry_of(RingOperation::cancel, 3, 2));
  CHECK(runtime::cap_enter(0, 0) == 2 && is(pop(), 2, TransportError::cancelled) && is(pop(), 3));
  CapSqe made = call_of(guest.objects.cap(), schema::ObjectFactory::kInterfaceId,
                        schema::ObjectFactory::CreateNotification::kOrdinal, 4, 0, place(0));
  made.flags = abi::kSqeAnswer;
  const CapCqe answer = once(made);
  CHECK(is(answer, 4) && busy());
  CHECK(is(once(entry_of(RingOperation::finish, 5, 4)), 5));
  const Notice owned(abi::CapId{*arena_word(1024 + answer.results_size)});
  // A chain that has not ended.
  push(entry_of(RingOperation::nop, 6, 0, abi::kSqeLink));
  CHECK(runtime::cap_enter(0, 0) == 1 && is(pop(), 6));
  push(entry_of(RingOperation::nop, 7));
  CHECK(runtime::cap_enter(0, 0) == 1 && is(pop(), 7));
  const Sized sized(guest, 32);
  CHECK(sized.good);
}

void refused_through_the_ring(Guest& guest) noexcept {
  const auto control = guest.runtime.need<schema::ThreadControl>("self.thread").cap();
  CHECK(is(once(call_of(control, schema::ThreadControl::kInterfaceId, schema::ThreadControl::SetRing::kOrdinal, 1, 0, place(0, 32))),
           1, TransportError::invalid_operation));
}

void refused_where_something_is_mapped(Guest& guest) noexcept {
  constexpr std::uint64_t kPlace = abi::kRingBase + abi::kQueuesOffset;
  CHECK(guest.memory->map(kPlace + 4096, kPage, 3).has_value());
  CHECK(invalid(set_ring(guest, 256), KernelError::bad_address));
  CHECK(is(once(entry_of(RingOperation::nop, 1)), 1));
  CHECK(guest.memory->unmap(kPlace + 4096, kPage).has_value());
  const Sized sized(guest, 256);
  CHECK(sized.good);
}

// What a ring takes comes back with it.
void given_back(Guest& guest) noexcept {
  const auto used = [&]() noexcept {
    const auto usage = guest.runtime.need<schema::ResourceLedger>("self.ledger")->usage(schema::Resource::frames);
    return usage.has_value() ? usage->used : 0;
  };
  {
    const Sized before(guest, 64);  // page tables for the place stay
    CHECK(before.good && const_cast<Sized&>(before).set(128));
  }
  const std::uint64_t before = used();
  {
    Sized sized(guest, 256);
    CHECK(sized.good && used() > before);
    CHECK(sized.set(64) && sized.set(256) && sized.set(32));
  }
  CHECK(used() == before);
}

void more_operations(Guest& guest) noexcept {
  Sized sized(guest, 128);
  CHECK(sized.good);
  const std::uint64_t at = guest.now() + 2 * kMillisecond;
  for (std::uint64_t i = 0; i < 128; ++i) sized.push(entry_of(RingOperation::timeout, i, at + i));
  CHECK(sized.pushed_all && runtime::cap_enter(128, kForever) == 128);
  for (std::uint64_t i = 0; i < 128; ++i) CHECK(is(sized.pop(), i));
}

// Between portions of a long queue others have their turn: a release timer is due in the middle.
void long_queue(Guest& guest) noexcept {
  Sized sized(guest, 256);
  CHECK(sized.good);
  for (int round = 0; round < 20; ++round) {
    const std::uint64_t at = guest.now() + 10 * kMicrosecond;
    sized.push(entry_of(RingOperation::timeout, 1, at));
    for (std::uint64_t i = 0; i < 250; ++i) {
      CapSqe entry = call_of(guest.timer.cap(), schema::Timer::kInterfaceId, schema::Timer::Now::kOrdinal, 100 + i, 0, place(0));
      sized.push(entry);
    }
    CHECK(sized.pushed_all && runtime::cap_enter(251, kForever) == 251);
    bool timed_out = false;
    std::uint64_t next = 100;
    for (std::uint64_t i = 0; i < 251; ++i) {
      const CapCqe done = sized.pop();
      CHECK(done.result == 0);
      if (done.user_data == 1) timed_out = true;
      else CHECK(done.user_data == next++);
    }
    CHECK(timed_out && next == 350);
  }
}

constexpr Case kCases[] = {
    {"ring of every size", every_size},
    {"ring size refused", refused_sizes},
    {"ring size refused while it is in use", refused_in_use},
    {"ring size refused through the ring", refused_through_the_ring},
    {"ring size refused for what is mapped there", refused_where_something_is_mapped},
    {"ring sizes give back what they took", given_back},
    {"ring with more operations", more_operations},
    {"ring worked off in portions", long_queue},
};

}  // namespace

std::span<const Case> ring_size_cases() noexcept { return kCases; }

}  // namespace conformance
