// SPDX-License-Identifier: Apache-2.0
// Rings that are polled (decision 0018): submissions without a system call, parking, and whose time it is.
#include "accounting.hpp"
#include "capos/runtime/ring_poller.hpp"
#include "capos/runtime/sync.hpp"
#include "island_harness.hpp"
#include "ring_server.hpp"

namespace conformance {
namespace {

using namespace hand;
using runtime::RingPoller;

constexpr std::uint64_t kPoll = 100 * kMicrosecond;
constexpr RingPoller::Plan kPlan{.poll_ns = kPoll}, kPatient{.poll_ns = 100 * kMillisecond};

CapSqe post_of(std::uint64_t value) noexcept { return entry_of(RingOperation::post, value, value + 1); }

// Sleeping up to 20 ms, never entering the ring: the next completion, result 1 if none came.
CapCqe reaped(Guest& guest, RingPoller& poller) noexcept {
  for (int i = 0; i < 200; ++i) {
    if (const auto completion = poller.reap()) return *completion;
    guest.sleep(100 * kMicrosecond);
  }
  CapCqe none{};
  none.result = 1;
  return none;
}
bool posted(const CapCqe& completion, std::uint64_t value) noexcept {
  return is(completion, value) && completion.value == value + 1;
}
bool parks(Guest& guest, const RingPoller& poller) noexcept {
  for (int i = 0; i < 200 && !poller.parked(); ++i) guest.sleep(kPoll);
  return poller.parked();
}

// A poller that is ended with the case.
class Poller {
 public:
  explicit Poller(Guest& guest, const RingPoller::Plan& plan = kPlan) noexcept
      : made_(RingPoller::start(guest.runtime, plan)) {}
  ~Poller() {
    if (made_.has_value()) (void)made_->stop();
  }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  [[nodiscard]] explicit operator bool() const noexcept { return made_.has_value(); }
  [[nodiscard]] RingPoller& operator*() noexcept { return *made_; }
  [[nodiscard]] RingPoller* operator->() noexcept { return &*made_; }

 private:
  runtime::Result<RingPoller> made_;
};

// While it polls, a store is all it takes.
void without_a_system_call(Guest& guest) noexcept {
  Poller poller(guest, kPatient);
  CHECK(static_cast<bool>(poller));
  guest.sleep(kMillisecond);
  for (std::uint64_t i = 0; i < 20; ++i) {
    CHECK(!poller->parked() && poller->submit_quietly(post_of(i)));
    CHECK(posted(reaped(guest, *poller), i));
  }
}

// Nothing is looked at while it is parked, and its thread takes no time.
void parked(Guest& guest) noexcept {
  auto thread = runtime::Thread::start(guest.runtime, [](void*) { for (;;) (void)runtime::cap_enter(~0ull, kForever, kPoll); },
                                       nullptr, {.stack_pages = 1});
  CHECK(thread.has_value());
  runtime::RingQueues queues;
  queues.attach(abi::kRingBase + thread->number() * abi::kRingStride);
  guest.sleep(5 * kPoll);
  const auto activity = [&] { return thread->capability()->describe()->activity; };
  CHECK(queues.needs_wakeup() && activity() == schema::ThreadActivity::waits_for_event);
  CHECK(queues.submit(post_of(1)) && queues.submit(post_of(2)));
  guest.sleep(kMillisecond);
  CHECK(!queues.take().has_value() && activity() == schema::ThreadActivity::waits_for_event);
  CHECK(thread->capability()->wake_ring().has_value());
  CHECK(thread->capability()->wake_ring().has_value());  // of no effect
  CHECK(activity() == schema::ThreadActivity::ready);
  guest.sleep(5 * kPoll);
  const auto first = queues.take(), second = queues.take();
  CHECK(first.has_value() && posted(*first, 1) && second.has_value() && posted(*second, 2));
  CHECK(queues.needs_wakeup() && activity() == schema::ThreadActivity::waits_for_event);
  CHECK(thread->capability()->kill().has_value() && thread->join().has_value());
  CHECK(thread->capability()->wake_ring().has_value());  // it has ended: of no effect
}

// More than fits, on both sides: nothing is lost, nothing comes twice.
void more_than_fits(Guest& guest) noexcept {
  Poller poller(guest);
  CHECK(static_cast<bool>(poller));
  std::uint64_t submitted = 0, seen = 0;
  for (int turns = 0; seen < 500 && turns < 5'000; ++turns) {
    while (submitted < 500 && poller->submit(post_of(submitted))) ++submitted;
    // Every second time the completions stay, and it parks with entries left.
    if (turns % 2 == 0) {
      guest.sleep(3 * kPoll);
      continue;
    }
    while (const auto completion = poller->reap()) CHECK(posted(*completion, seen++));
    poller->wake_if_parked();
    guest.sleep(kPoll / 4);
  }
  CHECK(seen == 500 && submitted == 500);
}

// Who sleeps until a completion comes: an UNPARK behind the entry.
void sleeping_submitter(Guest& guest) noexcept {
  static constinit std::uint32_t word = 0;
  auto park = guest.runtime.need<schema::ParkSpace>("self.park");
  Poller poller(guest);
  CHECK(static_cast<bool>(poller));
  for (std::uint64_t i = 0; i < 5; ++i) {
    CapSqe sleep = entry_of(RingOperation::timeout, 1, guest.now() + kMillisecond, abi::kSqeLink);
    CapSqe unpark = entry_of(RingOperation::unpark, 2, park.cap().raw, abi::kSqeQuiet);
    unpark.interface_id = reinterpret_cast<std::uint64_t>(&word);
    unpark.params_size = 1;
    CHECK(poller->submit(sleep) && poller->submit(unpark));
    CHECK(park->park(reinterpret_cast<std::uint64_t>(&word), 0, 100 * kMillisecond).has_value());
    const auto completion = poller->reap();
    CHECK(completion.has_value() && is(*completion, 1) && completion->value >= sleep.cap && completion->value < sleep.cap + kMillisecond);
    CHECK(!poller->reap().has_value());
    if (i == 2) CHECK(parks(guest, *poller));
  }
}

// Time and events reach a ring that polls, and one that has parked, without a wake-up.
void time_and_events(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  Poller poller(guest);
  CHECK(static_cast<bool>(poller));
  for (const std::uint64_t after : {kPoll / 2, 10 * kPoll}) {
    const std::uint64_t due = guest.now() + after;
    CHECK(poller->submit(entry_of(RingOperation::timeout, 1, due)));
    const CapCqe completion = reaped(guest, *poller);
    CHECK(is(completion, 1) && completion.value >= due && completion.value < due + kPoll);
    CHECK(poller->submit(entry_of(RingOperation::notify, 2, event.cap().raw)));
    guest.sleep(after);
    CHECK(event.borrow()->signal(5).has_value());
    const CapCqe bits = reaped(guest, *poller);
    CHECK(is(bits, 2) && bits.value == 5);
  }
}

// Calls run on its time, one server after another, and it takes what was submitted meanwhile.
void calls(Guest& guest) noexcept {
  RingServer server(guest, 8);
  Poller poller(guest);
  CHECK(server.good && static_cast<bool>(poller));
  const auto call = [&](std::uint64_t user_data, RingMethod method, std::uint64_t a) {
    const auto area = static_cast<std::uint32_t>(user_data) * kStride;
    const std::uint64_t message[] = {std::uint64_t{1} << 32, a};
    std::memcpy(poller->arena() + area, message, sizeof message);
    return poller->submit(call_of(server.service.client.cap(), kEcho, static_cast<std::uint16_t>(method), user_data, area, 16));
  };
  const auto answer = [&](std::uint64_t user_data) {
    std::uint64_t word;
    std::memcpy(&word, poller->arena() + user_data * kStride + 1024 + 8, sizeof word);
    return word;
  };
  for (std::uint64_t round = 0; round < 3; ++round) {
    for (std::uint64_t i = 0; i < 12; ++i) CHECK(call(i, RingMethod::increment, 10 * i + round));
    for (std::uint64_t i = 0; i < 12; ++i) CHECK(is(reaped(guest, *poller), i) && answer(i) == 10 * i + round + 1);
    if (round == 1) CHECK(parks(guest, *poller));
  }
  // One that waits: what comes behind it waits for the poller, whose account is with the server.
  CHECK(call(1, RingMethod::gate, 0));
  guest.sleep(5 * kPoll);
  CHECK(poller->submit(post_of(7)));
  guest.sleep(5 * kPoll);
  CHECK(!poller->reap().has_value());
  CHECK(server.event.borrow()->signal(3).has_value());
  CHECK(is(reaped(guest, *poller), 1) && answer(1) == 3 && posted(reaped(guest, *poller), 7));
  // The server ends.
  CHECK(call(2, RingMethod::exit, 0));
  CHECK(is(reaped(guest, *poller), 2, TransportError::disconnected) && parks(guest, *poller));
}

// A thread that polls in its own wait: by count, by time, and with a call to take, where it does not.
void own_wait(Guest& guest) noexcept {
  const std::uint64_t begin = guest.now();
  CHECK(runtime::cap_enter(~0ull, 3 * kMillisecond, kPoll) == 0);
  CHECK(guest.now() >= begin + 3 * kMillisecond && guest.now() < begin + 4 * kMillisecond);
  CHECK(ring().header.flags == 0);
  CHECK(runtime::cap_enter(1, 0, kPoll) == 0 && runtime::cap_enter(0, kForever, kPoll) == 0);
  push(entry_of(RingOperation::timeout, 1, guest.now() + 2 * kMillisecond));
  push(entry_of(RingOperation::nop, 2));
  CHECK(runtime::cap_enter(2, kForever, kForever) == 2 && is(pop(), 2) && is(pop(), 1));
  CHECK(runtime::cap_enter(1, kMillisecond, 1) == 0);

  const Service service = make_service(guest);
  const Grant grants[] = {{"service", service.client.cap()}};
  Child client(guest, {.role = Role::ring_caller, .argument = static_cast<std::uint32_t>(RingMethod::caller), .grants = grants});
  CapSqe receive = entry_of(RingOperation::receive, 3, service.endpoint.cap().raw);
  receive.results_offset = 0;
  receive.results_capacity = 1024;
  push(receive);
  CHECK(runtime::cap_enter(1, 100 * kMillisecond, kMillisecond) == 1);
  const CapCqe received = pop();
  CHECK(is(received, 3));
  // Its caller's time is not for polling: what it submits while the call is open is taken all the same.
  CapSqe answer = entry_of(RingOperation::return_call, 4, received.value);
  answer.params_offset = 4096;
  answer.params_size = place(4096, std::uint64_t{5});
  push(answer);
  CHECK(runtime::cap_enter(1, 100 * kMillisecond, kMillisecond) == 1 && is(pop(), 4));
  CHECK(client.exits(5));
}

// Ended in every state; everything comes back.
void ends(Guest& guest) noexcept {
  RingServer server(guest, 1);
  CHECK(server.good);
  takes_nothing(guest, [&] {
    for (const std::uint64_t poll : {std::uint64_t{1}, kPoll, kForever}) {
      const RingPoller::Plan plan{.poll_ns = poll};
      for (const bool busy : {false, true}) {
        Poller poller(guest, plan);
        if (!poller) return guest.fail("poller", 0, "not started");
        if (busy) {
          const std::uint64_t message[] = {std::uint64_t{1} << 32, 0};
          std::memcpy(poller->arena(), message, sizeof message);
          (void)poller->submit(call_of(server.service.client.cap(), kEcho, static_cast<std::uint16_t>(RingMethod::gate), 1, 0, 16));
        }
        guest.sleep(3 * kPoll);
        if (poll == kForever && !busy && poller->parked()) return guest.fail("poller", 0, "parked");
      }
      (void)server.event.borrow()->signal(1);
    }
  });
}

void from_another_cpu(Guest& guest) noexcept {
  if (guest.cpus < 2) return;
  auto thread = runtime::Thread::start(guest.runtime, [](void*) { (void)runtime::cap_enter(~0ull, kForever, kPoll); }, nullptr);
  CHECK(thread.has_value());
  const Grant grants[] = {{"thread", thread->capability().cap()}};
  Child waker(guest, {.role = Role::ring_wake_thread, .grants = grants, .cpu = 1});
  CHECK(waker.exits(static_cast<std::int64_t>(KernelError::bad_cpu)));
  CHECK(thread->capability()->kill().has_value() && thread->join().has_value());
}

// A task that only stores, and a poller with a context of its own, on a leased CPU if there is one.
void on_a_context(Guest& guest) noexcept {
  constexpr Task kTasks[] = {
      {.name = "submitter", .response_ns = 700 * kMicrosecond},
      {.name = "poller", .budget_ns = 150 * kMicrosecond, .priority = 90, .response_ns = 900 * kMicrosecond}};
  Shared out(guest);
  Island island(guest, honest(guest, kTasks));
  CHECK(island.admitted());
  const Grant grants[] = {{"out", out.cap()}, {"poller", island.context(1)}};
  Child child(guest, {.role = Role::polled_task, .grants = grants, .cpu = island.cpu(), .context = island.context(0)});
  CHECK(child.becomes_ready());
  CHECK(island.activate() != 0);
  CHECK(out.reaches(0, 50));  // jobs
  const auto status = island.status();
  const std::uint64_t spent = out.word(3);
  CHECK(status.misses == 0 && status.overruns == 0);
  CHECK(out.word(1) >= 4 * 48 && out.word(2) == 0);  // completions, and those out of order
  // It works for 100 us after each release, and parks when nothing comes for 20.
  CHECK(spent > 45 * 20 * kMicrosecond && spent < 60 * 110 * kMicrosecond);
}

constexpr Case kCases[] = {
    {"ring polled, without a system call", without_a_system_call},
    {"ring polled, parked", parked},
    {"ring polled, more than fits", more_than_fits},
    {"ring polled, for one who sleeps", sleeping_submitter},
    {"ring polled, time and events", time_and_events},
    {"ring polled, calls", calls},
    {"ring polled in its own wait", own_wait},
    {"ring polled, ends", ends},
    {"ring polled, another CPU's", from_another_cpu},
    {"ring polled on a context", on_a_context},
};

}  // namespace

std::span<const Case> ring_polling_cases() noexcept { return kCases; }

}  // namespace conformance
