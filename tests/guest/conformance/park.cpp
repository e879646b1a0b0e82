// SPDX-License-Identifier: Apache-2.0
// Parking on words: every refusal, order and count of the woken, timeouts, ends; within a program and across them.
#include "capos/runtime/mapping.hpp"
#include "capos/runtime/sync.hpp"
#include "capos/runtime/thread.hpp"
#include "accounting.hpp"

namespace conformance {
namespace {

using runtime::Thread;
using schema::ExitReason;
using schema::ThreadActivity;

constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};
constexpr std::uint64_t kTooLong = 3600'000'000'000;

Capability<schema::ParkSpace> own_space(Guest& guest) noexcept {
  return guest.runtime.need<schema::ParkSpace>("self.park");
}

template <typename T>
bool mismatched(const runtime::Result<T>& result) noexcept {
  return refused(result, ExceptionType::failed, KernelError::mismatch);
}

// What the parked threads of a case share.
struct Place {
  Guest* guest = nullptr;
  alignas(64) std::uint32_t word = 0;
  std::uint32_t other = 0;
  std::uint32_t order = 0;      // of those that came back
  std::uint64_t timeout = kNoLimit;
};
struct Parker {
  Place* place = nullptr;
  std::uint32_t came_back = 0;  // as which
  TransportError result = TransportError::none;
};
void park_once(void* argument) {
  auto& own = *static_cast<Parker*>(argument);
  Place& place = *own.place;
  const auto done = own_space(*place.guest)->park(reinterpret_cast<std::uint64_t>(&place.word), 0, place.timeout);
  own.result = done.has_value() ? TransportError::none : done.error().transport;
  own.came_back = ++place.order;
}

bool is_parked(Guest& guest, Thread& thread) noexcept {
  for (unsigned i = 0; i < 50; ++i) {
    const auto state = thread.capability()->describe();
    if (!state.has_value() || !state->alive) return false;
    if (state->activity == ThreadActivity::parked) return true;
    guest.sleep(50 * kMicrosecond);
  }
  return false;
}

std::uint64_t woken(Guest& guest, const std::uint32_t& word, std::uint32_t count) noexcept {
  const auto done = own_space(guest)->unpark(reinterpret_cast<std::uint64_t>(&word), count);
  return done.has_value() ? done->woken : 1000;
}

void park_errors(Guest& guest) noexcept {
  auto space = own_space(guest);
  static constinit std::uint32_t words[4] = {5, 6, 7, 8};
  const auto at = reinterpret_cast<std::uint64_t>(&words[1]);
  CHECK(mismatched(space->park(at, 7, kNoLimit)));
  CHECK(mismatched(space->park(at, 7, 0)));
  CHECK(transport(space->park(at, 6, 0), TransportError::timeout));
  CHECK(invalid(space->park(at + 1, 6, 0), KernelError::bad_address));
  CHECK(invalid(space->park(at + 2, 6, 0), KernelError::bad_address));
  CHECK(invalid(space->park(0, 6, 0), KernelError::bad_address));
  CHECK(invalid(space->park(kUnmapped, 6, 0), KernelError::bad_address));
  CHECK(invalid(space->park(kKernelAddress, 6, 0), KernelError::bad_address));
  CHECK(invalid(space->park(~std::uint64_t{3}, 6, 0), KernelError::bad_address));
  CHECK(invalid(space->park(at, 6, kTooLong), KernelError::bad_range));
  CHECK(invalid(space->park(at, 6, kNoLimit - 1), KernelError::bad_range));
  CHECK(invalid(space->unpark(at + 3, 1), KernelError::bad_address));
  // Read-only memory of one's own will do; the kernel's trace ring will not.
  CHECK(mismatched(space->park(abi::kCapSetAddress, 0, 0)));
  auto ring = guest.trace_rings->open([](auto params) { params.set_cpu(0); });
  CHECK(ring.has_value());
  const auto memory = ring->capability<schema::MemoryObject>(ring->reader().ring());
  const auto mapped = runtime::map_object(guest.runtime, memory.borrow(), runtime::Access::read);
  CHECK(mapped.has_value());
  CHECK(invalid(space->park(reinterpret_cast<std::uint64_t>(mapped->data()), 0, 0), KernelError::bad_address));
  CHECK(guest.memory->unmap(reinterpret_cast<std::uint64_t>(mapped->data()), mapped->size()).has_value());
}

void nobody_to_wake(Guest& guest) noexcept {
  Place place;
  CHECK(woken(guest, place.word, 5) == 0);
  CHECK(woken(guest, place.word, 0) == 0);
  const auto nowhere = own_space(guest)->unpark(kUnmapped, 1);
  CHECK(nowhere.has_value() && nowhere->woken == 0);
}

void times_out(Guest& guest) noexcept {
  Place place{.guest = &guest, .timeout = 300 * kMicrosecond};
  const std::uint64_t before = guest.now();
  const auto done = own_space(guest)->park(reinterpret_cast<std::uint64_t>(&place.word), 0, place.timeout);
  const std::uint64_t took = guest.now() - before;
  CHECK(transport(done, TransportError::timeout));
  CHECK(took >= place.timeout && took < 2 * place.timeout);
  CHECK(woken(guest, place.word, 1) == 0);
}

// As many as asked for, the first that came first; a timeout takes only its own out.
void order_and_count(Guest& guest) noexcept {
  Place place{.guest = &guest};
  Parker parkers[4] = {{&place}, {&place}, {&place}, {&place}};
  std::optional<Thread> threads[4];
  for (unsigned i = 0; i < 4; ++i) {
    if (i == 1) place.timeout = 2 * kMillisecond;
    auto made = Thread::start(guest.runtime, park_once, &parkers[i]);
    CHECK(made.has_value());
    threads[i].emplace(std::move(*made));
    CHECK(is_parked(guest, *threads[i]));
    place.timeout = kNoLimit;
  }
  CHECK(woken(guest, place.other, 4) == 0);  // another word of the same line
  CHECK(woken(guest, place.word, 1) == 1);
  CHECK(threads[0]->join().has_value() && parkers[0].came_back == 1);
  guest.sleep(3 * kMillisecond);
  CHECK(threads[1]->join().has_value());
  CHECK(parkers[1].result == TransportError::timeout && parkers[1].came_back == 2);
  CHECK(woken(guest, place.word, 10) == 2);
  CHECK(threads[2]->join().has_value() && threads[3]->join().has_value());
  CHECK(parkers[2].came_back == 3 && parkers[3].came_back == 4);
  for (const unsigned i : {0u, 2u, 3u}) CHECK(parkers[i].result == TransportError::none);
}

// Two threads that hand the turn to and fro.
struct Turns {
  Guest* guest;
  std::uint32_t turn = 0;
  bool good = true;
};
void take_turns(Turns& turns, std::uint32_t own) noexcept {
  auto space = own_space(*turns.guest);
  const auto at = reinterpret_cast<std::uint64_t>(&turns.turn);
  for (std::uint32_t round = 0; round < 300; ++round) {
    const std::uint32_t mine = 2 * round + own;
    for (;;) {
      const std::uint32_t now = __atomic_load_n(&turns.turn, __ATOMIC_ACQUIRE);
      if (now == mine) break;
      const auto done = space->park(at, now, 100 * kMillisecond);
      turns.good = turns.good && (done.has_value() || mismatched(done));
      if (!turns.good) return;
    }
    __atomic_store_n(&turns.turn, mine + 1, __ATOMIC_RELEASE);
    (void)space->unpark(at, 1);
  }
}
void ping_pong(Guest& guest) noexcept {
  Turns turns{&guest};
  auto other = Thread::start(guest.runtime, [](void* on) { take_turns(*static_cast<Turns*>(on), 1); }, &turns);
  CHECK(other.has_value());
  take_turns(turns, 0);
  CHECK(other->join().has_value());
  CHECK(turns.good && turns.turn == 600);
}

void killed(Guest& guest) noexcept {
  Place place{.guest = &guest};
  Parker first{&place}, second{&place};
  auto a = Thread::start(guest.runtime, park_once, &first);
  auto b = Thread::start(guest.runtime, park_once, &second);
  CHECK(a.has_value() && b.has_value());
  CHECK(is_parked(guest, *a) && is_parked(guest, *b));
  CHECK(a->capability()->kill().has_value());
  const auto end = a->join();
  CHECK(end.has_value() && end->reason == ExitReason::killed);
  CHECK(woken(guest, place.word, 5) == 1);
  CHECK(b->join().has_value() && second.came_back == 1);
}

OwnedCapability<schema::SharedParkSpace> share(Guest& guest, abi::CapId memory) noexcept {
  auto made = own_space(guest)->share(
      [&](auto params, Transfers& transfers) { params.set_memory(transfers.add(memory)); });
  if (!made.has_value()) return {};
  return made->capability<schema::SharedParkSpace>(made->reader().space());
}

void share_errors(Guest& guest) noexcept {
  const auto attempt = [&](abi::CapId cap) {
    return own_space(guest)->share([&](auto params, Transfers& transfers) { params.set_memory(transfers.add(cap)); });
  };
  CHECK(invalid(attempt(guest.timer.cap()), KernelError::bad_capability));
  CHECK(invalid(attempt(abi::CapId::make(3, 999)), KernelError::bad_capability));
  auto ring = guest.trace_rings->open([](auto params) { params.set_cpu(0); });
  CHECK(ring.has_value());
  const auto kernels = ring->capability<schema::MemoryObject>(ring->reader().ring());
  CHECK(refused(attempt(kernels.cap()), ExceptionType::failed, KernelError::bad_state));
  Shared shared(guest, 2);
  auto space = share(guest, shared.cap());
  CHECK(space);
  CHECK(mismatched(space->park(8, 1, kNoLimit)));
  CHECK(transport(space->park(8, 0, 0), TransportError::timeout));
  CHECK(invalid(space->park(6, 0, 0), KernelError::bad_range));
  CHECK(invalid(space->park(2 * kPage, 0, 0), KernelError::bad_range));
  CHECK(invalid(space->park(~std::uint64_t{3}, 0, 0), KernelError::bad_range));
  CHECK(invalid(space->park(8, 0, kTooLong), KernelError::bad_range));
  CHECK(invalid(space->unpark(2 * kPage, 1), KernelError::bad_range));
  CHECK(invalid(space->unpark(2, 1), KernelError::bad_range));
  const auto nobody = space->unpark(2 * kPage - 4, 1);
  CHECK(nobody.has_value() && nobody->woken == 0);
  const std::uint64_t before = guest.now();
  CHECK(transport(space->park(kPage, 0, 200 * kMicrosecond), TransportError::timeout));
  CHECK(guest.now() - before >= 200 * kMicrosecond);
}

// Children on every CPU park on one word, woken through another space on the same object.
void across_processes(Guest& guest) noexcept {
  Shared shared(guest);
  const auto space = share(guest, shared.cap());
  auto same = share(guest, shared.cap());
  CHECK(space && same);
  const Grant grants[] = {{"space", space.cap()}, {"out", shared.cap()}};
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    Child one(guest, {.role = Role::park_shared, .argument = 64, .grants = grants, .cpu = cpu});
    Child two(guest, {.role = Role::park_shared, .argument = 64, .grants = grants, .cpu = cpu});
    Child elsewhere(guest, {.role = Role::park_shared, .argument = 68, .grants = grants, .cpu = cpu});
    CHECK(one.becomes_ready() && two.becomes_ready() && elsewhere.becomes_ready());
    guest.sleep(100 * kMicrosecond);
    const auto both = same->unpark(64, 5);
    CHECK(both.has_value() && both->woken == 2);
    CHECK(one.exits(0) && two.exits(0));
    CHECK(elsewhere.alive());
    const auto third = same->unpark(68, 1);
    CHECK(third.has_value() && third->woken == 1);
    CHECK(elsewhere.exits(0));
  }
}

void killed_in_shared_space(Guest& guest) noexcept {
  Shared shared(guest);
  auto space = share(guest, shared.cap());
  const Grant grants[] = {{"space", space.cap()}, {"out", shared.cap()}};
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    Child child(guest, {.role = Role::park_shared, .argument = 64, .grants = grants, .cpu = cpu});
    CHECK(child.becomes_ready());
    child.kill();
    CHECK(child.ends(ExitReason::killed, 0));
    const auto nobody = space->unpark(64, 1);
    CHECK(nobody.has_value() && nobody->woken == 0);
  }
}

// Wake-ups and kills cross on the way, many times: each child ends one way or the other.
void woken_and_killed_at_once(Guest& guest) noexcept {
  takes_nothing(guest, [&] {
    Shared shared(guest);
    auto space = share(guest, shared.cap());
    const Grant grants[] = {{"space", space.cap()}, {"out", shared.cap()}};
    for (unsigned round = 0; round < 4; ++round) {
      Child child(guest, {.role = Role::park_shared,
                          .argument = 64,
                          .grants = grants,
                          .cpu = static_cast<std::uint16_t>(guest.cpus - 1)});
      if (!child.becomes_ready()) return guest.fail("child", 0, "not ready");
      (void)space->unpark(64, 1);
      child.kill();
      const auto end = child.process()->wait();
      if (!end.has_value()) return guest.fail("child", 0, "no end");
    }
  });
}

void shared_places(Guest& guest) noexcept {
  Shared shared(guest);
  auto space = share(guest, shared.cap());
  const Grant grants[] = {{"space", space.cap()}, {"out", shared.cap()}};
  const Request many{.role = Role::threads,
                     .argument = static_cast<std::uint32_t>(ThreadPlay::park_many),
                     .grants = grants,
                     .pages = 2048};
  Child one(guest, many), two(guest, many);
  CHECK(shared.reaches(1, 63 + 63));
  guest.sleep(20 * kMillisecond);  // the last of them park
  CHECK(transport(space->park(0, 0, 100 * kMicrosecond), TransportError::timeout));  // room for two
  Child last(guest, many);
  CHECK(last.exits(2));
  one.kill();
  CHECK(one.ends(ExitReason::killed, 0));
  const auto rest = space->unpark(0, 1000);
  CHECK(rest.has_value() && rest->woken == 63);
}

struct Work {
  runtime::Mutex mutex;
  runtime::Condition grown;
  runtime::Once once;
  runtime::Parking parking;
  Guest* guest;
  std::uint64_t inside = 0, most = 0, sum = 0, ran = 0;
};
void add_with_mutex(void* argument) {
  auto& work = *static_cast<Work*>(argument);
  work.once.call(work.parking, [](void* on) {
    static_cast<Work*>(on)->guest->sleep(100 * kMicrosecond);
    ++static_cast<Work*>(on)->ran;
  }, &work);
  if (work.ran != 1) return;
  for (unsigned i = 0; i < 20; ++i) {
    runtime::Lock lock(work.mutex, work.parking);
    if (++work.inside > work.most) work.most = work.inside;
    const std::uint64_t seen = work.sum;
    work.guest->sleep(10 * kMicrosecond);
    work.sum = seen + 1;
    --work.inside;
    work.grown.notify_all(work.parking);
  }
}
void mutexes(Guest& guest) noexcept {
  Work work{.mutex = {}, .grown = {}, .once = {}, .parking = runtime::Parking(guest.runtime), .guest = &guest};
  auto a = Thread::start(guest.runtime, add_with_mutex, &work);
  auto b = Thread::start(guest.runtime, add_with_mutex, &work);
  auto c = Thread::start(guest.runtime, add_with_mutex, &work);
  CHECK(a.has_value() && b.has_value() && c.has_value());
  bool in_time = true;
  {
    runtime::Lock lock(work.mutex, work.parking);
    while (work.sum < 60 && in_time) in_time = work.grown.wait(work.mutex, work.parking, 50 * kMillisecond);
  }
  CHECK(in_time);
  CHECK(a->join().has_value() && b->join().has_value() && c->join().has_value());
  CHECK(work.sum == 60 && work.most == 1 && work.ran == 1);
  CHECK(work.mutex.try_lock());
  CHECK(!work.mutex.try_lock());
  CHECK(!work.grown.wait(work.mutex, work.parking, 100 * kMicrosecond));  // nobody notifies
  work.mutex.unlock(work.parking);
}

constexpr Case kCases[] = {
    {"park errors", park_errors},
    {"unpark of nobody", nobody_to_wake},
    {"park times out", times_out},
    {"unpark in order and by count", order_and_count},
    {"park loses no wake-up", ping_pong},
    {"park killed", killed},
    {"shared park errors", share_errors},
    {"shared park across processes and CPUs", across_processes},
    {"shared park killed", killed_in_shared_space},
    {"shared park woken and killed at once", woken_and_killed_at_once},
    {"shared park of 128", shared_places},
    {"mutex, condition and once", mutexes},
};

}  // namespace

std::span<const Case> park_cases() noexcept { return kCases; }

}  // namespace conformance
