// SPDX-License-Identifier: Apache-2.0
// How threads and their processes end: by themselves, by others, in every state; and that all of it comes back.
#include "capos/runtime/thread.hpp"

#include "capos/runtime/system_call.hpp"
#include "accounting.hpp"

namespace conformance {
namespace {

using runtime::Thread;
using schema::ExitReason;
using schema::ThreadActivity;

// What the threads of a case share.
struct Stage {
  Guest* guest = nullptr;
  abi::CapId event{}, service{}, endpoint{}, process{}, thread{};
  std::uint64_t count = 0;
};

void return_at_once(void*) {}
void leave_with_code(void*) { runtime::exit_thread(123); }
void compute(void* stage) {
  for (;;) __atomic_add_fetch(&static_cast<Stage*>(stage)->count, 1, __ATOMIC_RELAXED);
}
void sleep_long(void* stage) { static_cast<Stage*>(stage)->guest->sleep(1'000'000 * kMillisecond); }
void wait_for_event(void* stage) {
  (void)Capability<schema::Notification>(static_cast<Stage*>(stage)->event)->wait();
}
void wait_for_process(void* stage) {
  (void)Capability<schema::ProcessHandle>(static_cast<Stage*>(stage)->process)->wait();
}
void wait_for_thread(void* stage) {
  (void)Capability<schema::Thread>(static_cast<Stage*>(stage)->thread)->wait();
}
void call_gate(void* stage) {
  (void)raw_call(static_cast<Stage*>(stage)->service, schema::Echo::kInterfaceId,
                 static_cast<std::uint16_t>(Method::gate));
}
void serve_nobody(void* stage) {
  runtime::Registers registers;
  registers.operation = static_cast<std::uint64_t>(abi::SystemCall::reply_receive);
  registers.cap = static_cast<Stage*>(stage)->endpoint.raw;
  runtime::enter_kernel(registers);
}

bool comes_to(Guest& guest, Thread& thread, ThreadActivity activity) noexcept {
  for (unsigned i = 0; i < 50; ++i) {
    const auto state = thread.capability()->describe();
    if (!state.has_value() || !state->alive) return false;
    if (state->activity == activity) return true;
    guest.sleep(100 * kMicrosecond);
  }
  return false;
}

bool is_end(const runtime::Result<Thread::Exit>& end, ExitReason reason, std::int64_t code) noexcept {
  return end.has_value() && end->reason == reason && end->code == code;
}

void ends_itself(Guest& guest) noexcept {
  auto worker = Thread::start(guest.runtime, return_at_once, nullptr);
  CHECK(worker.has_value());
  CHECK(is_end(worker->join(), ExitReason::exited, 0));
  auto other = Thread::start(guest.runtime, leave_with_code, nullptr);
  CHECK(other.has_value());
  auto capability = other->capability();
  CHECK(is_end(other->join(), ExitReason::exited, 123));
  // The capability outlives the thread and says the same again; there is nothing left to kill.
  CHECK(is_end(capability->wait(), ExitReason::exited, 123));
  CHECK(capability->kill().has_value());
  CHECK(is_end(capability->wait(), ExitReason::exited, 123));
  const auto state = capability->describe();
  CHECK(state.has_value() && !state->alive && !state->ready && state->activity == ThreadActivity::ended);
}

// Starts `function`, sees it in its state, kills it there.
void killed_in(Guest& guest, Thread::Function function, ThreadActivity activity, Stage& stage) noexcept {
  stage.guest = &guest;
  auto worker = Thread::start(guest.runtime, function, &stage);
  CHECK(worker.has_value());
  CHECK(comes_to(guest, *worker, activity));
  const auto state = worker->capability()->describe();
  CHECK(state.has_value() && state->number == worker->number());
  CHECK(worker->capability()->kill().has_value());
  CHECK(is_end(worker->join(), ExitReason::killed, 0));
}

void computing(Guest& guest) noexcept {
  Stage stage;
  killed_in(guest, compute, ThreadActivity::ready, stage);
  const std::uint64_t count = stage.count;
  guest.sleep(1 * kMillisecond);
  CHECK(stage.count == count);
}

void before_it_runs(Guest& guest) noexcept {
  Stage stage;
  auto worker = Thread::start(guest.runtime, compute, &stage);
  CHECK(worker.has_value());
  CHECK(worker->capability()->kill().has_value());
  CHECK(is_end(worker->join(), ExitReason::killed, 0));
  CHECK(stage.count == 0);
}

void sleeping(Guest& guest) noexcept {
  Stage stage;
  killed_in(guest, sleep_long, ThreadActivity::sleeps, stage);
}

void waiting_for_event(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  Stage stage{.event = event.cap()};
  killed_in(guest, wait_for_event, ThreadActivity::waits_for_event, stage);
  // Its place is free again.
  CHECK(event.borrow()->signal(4).has_value());
  const auto bits = event.borrow()->wait();
  CHECK(bits.has_value() && bits->bits == 4);
}

void waiting_for_process(Guest& guest) noexcept {
  Child child(guest, {.role = Role::sleeper, .argument = 5});
  Stage stage{.process = child.process().cap()};
  killed_in(guest, wait_for_process, ThreadActivity::waits_for_event, stage);
  CHECK(child.exits(7));
}

void waiting_for_thread(Guest& guest) noexcept {
  Stage asleep{.guest = &guest};
  auto sleeper = Thread::start(guest.runtime, sleep_long, &asleep);
  CHECK(sleeper.has_value());
  Stage stage{.thread = sleeper->capability().cap()};
  killed_in(guest, wait_for_thread, ThreadActivity::waits_for_event, stage);
  CHECK(sleeper->capability()->kill().has_value());
  CHECK(is_end(sleeper->join(), ExitReason::killed, 0));
}

void calling(Guest& guest) noexcept {
  auto service = make_service(guest);
  const Notice event = make_notification(guest);
  const Grant grants[] = {{"serve", service.endpoint.cap()}, {"event", event.cap()}};
  Child server(guest, {.role = Role::server, .grants = grants});
  CHECK(server.becomes_ready());
  Stage stage{.guest = &guest, .service = service.client.cap()};
  auto served = Thread::start(guest.runtime, call_gate, &stage);
  CHECK(served.has_value());
  CHECK(comes_to(guest, *served, ThreadActivity::waits_for_reply));
  killed_in(guest, call_gate, ThreadActivity::waits_for_server, stage);  // queued behind the other one
  CHECK(served->capability()->kill().has_value());
  CHECK(is_end(served->join(), ExitReason::killed, 0));
  // The server finishes on its own time and serves the next.
  CHECK(event.borrow()->signal(1).has_value());
  const RawCall next = raw_call(service.client.cap(), schema::Echo::kInterfaceId, static_cast<std::uint16_t>(Method::increment), 5);
  CHECK(next.status == 0 && next.words[0] == 6);
}

// A server thread of this very program, killed while its caller, another thread, waits.
void serving(Guest& guest) noexcept {
  auto service = make_service(guest);
  Stage stage{.guest = &guest, .service = service.client.cap(), .endpoint = service.endpoint.cap()};
  killed_in(guest, serve_nobody, ThreadActivity::waits_for_call, stage);
  auto server = Thread::start(guest.runtime, [](void* on) {
    serve_nobody(on);  // returns with the call
    sleep_long(on);
  }, &stage);
  CHECK(server.has_value());
  CHECK(comes_to(guest, *server, ThreadActivity::waits_for_call));
  auto caller = Thread::start(guest.runtime, call_gate, &stage);
  CHECK(caller.has_value());
  CHECK(comes_to(guest, *caller, ThreadActivity::waits_for_reply));
  CHECK(server->capability()->kill().has_value());
  CHECK(is_end(caller->join(), ExitReason::exited, 0));  // disconnected, it returned
  CHECK(is_end(server->join(), ExitReason::killed, 0));
}

// The last capability on what a thread waits for goes meanwhile: the thread can still be killed.
void waiting_for_what_is_gone(Guest& guest) noexcept {
  Notice event = make_notification(guest);
  Stage stage{.guest = &guest, .event = event.cap()};
  auto worker = Thread::start(guest.runtime, wait_for_event, &stage);
  CHECK(worker.has_value());
  CHECK(comes_to(guest, *worker, ThreadActivity::waits_for_event));
  event = {};
  guest.sleep(100 * kMicrosecond);
  CHECK(worker->capability()->kill().has_value());
  CHECK(is_end(worker->join(), ExitReason::killed, 0));
}

// A call that queues where nobody can serve any more ends; the endpoint stays until the call is gone, and no longer.
void queued_where_nobody_serves(Guest& guest) noexcept {
  const auto work = [&] {
    auto service = make_service(guest);
    Stage stage{.guest = &guest, .service = service.client.cap()};
    auto worker = Thread::start(guest.runtime, call_gate, &stage);
    if (!worker.has_value()) return guest.fail("thread", 0, "not started");
    if (!comes_to(guest, *worker, ThreadActivity::waits_for_server)) return guest.fail("thread", 0, "not queued");
    service = {};
    if (!is_end(worker->join(), ExitReason::exited, 0)) return guest.fail("thread", 0, "not disconnected");
  };
  work();
  takes_nothing(guest, work);
}

void wait_for_process_that_is_gone(Guest& guest) noexcept {
  Stage stage{.guest = &guest};
  auto made = try_spawn(guest, {.role = Role::sleeper, .argument = 3});
  CHECK(made.has_value());
  stage.process = made->cap();
  auto worker = Thread::start(guest.runtime, wait_for_process, &stage);
  CHECK(worker.has_value());
  CHECK(comes_to(guest, *worker, ThreadActivity::waits_for_event));
  { Process gone = *std::move(made); }
  CHECK(is_end(worker->join(), ExitReason::exited, 0));
}

void wait_errors(Guest& guest) noexcept {
  Stage asleep{.guest = &guest};
  auto sleeper = Thread::start(guest.runtime, sleep_long, &asleep);
  CHECK(sleeper.has_value());
  Stage stage{.guest = &guest, .thread = sleeper->capability().cap()};
  auto waiter = Thread::start(guest.runtime, wait_for_thread, &stage);
  CHECK(waiter.has_value());
  CHECK(comes_to(guest, *waiter, ThreadActivity::waits_for_event));
  CHECK(refused(sleeper->capability()->wait(), ExceptionType::overloaded, KernelError::busy));
  CHECK(sleeper->capability()->kill().has_value());
  CHECK(is_end(waiter->join(), ExitReason::exited, 0));
  CHECK(is_end(sleeper->join(), ExitReason::killed, 0));
}

// A thread waits for itself: refused, and its code says so.
void wait_for_itself(Guest& guest) noexcept {
  static constinit abi::CapId own;
  static constinit Guest* shared = nullptr;
  own = {};
  shared = &guest;
  auto worker = Thread::start(guest.runtime, [](void*) {
    while (own.is_null()) shared->sleep(50 * kMicrosecond);
    const auto end = Capability<schema::Thread>(own)->wait();
    runtime::exit_thread(refused(end, ExceptionType::failed, KernelError::bad_state) ? 1 : 2);
  }, nullptr);
  CHECK(worker.has_value());
  own = worker->capability().cap();
  CHECK(is_end(worker->join(), ExitReason::exited, 1));
}

void kills_itself(Guest& guest) noexcept {
  static constinit abi::CapId own;
  static constinit Guest* shared = nullptr;
  own = {};
  shared = &guest;
  auto worker = Thread::start(guest.runtime, [](void*) {
    while (own.is_null()) shared->sleep(50 * kMicrosecond);
    (void)Capability<schema::Thread>(own)->kill();
    runtime::exit_thread(2);
  }, nullptr);
  CHECK(worker.has_value());
  own = worker->capability().cap();
  CHECK(is_end(worker->join(), ExitReason::killed, 0));
}

void plays(Guest& guest, ThreadPlay play, ExitReason reason, std::int64_t code) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    Child child(guest, {.role = Role::threads, .argument = static_cast<std::uint32_t>(play), .cpu = cpu});
    CHECK(child.ends(reason, code));
  }
}
void last_thread_ends_process(Guest& guest) noexcept { plays(guest, ThreadPlay::main_leaves, ExitReason::exited, 9); }
void any_thread_exits_process(Guest& guest) noexcept { plays(guest, ThreadPlay::worker_exits, ExitReason::exited, 12); }
void any_fault_ends_process(Guest& guest) noexcept { plays(guest, ThreadPlay::worker_faults, ExitReason::fault, 6); }

// From other processes, on every CPU.
void across_processes(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    Stage stage{.guest = &guest};
    auto worker = Thread::start(guest.runtime, sleep_long, &stage);
    CHECK(worker.has_value());
    const Grant grants[] = {{"thread", worker->capability().cap()}};
    Child waiter(guest, {.role = Role::thread_waiter, .grants = grants, .cpu = cpu});
    CHECK(waiter.becomes_ready());
    Child killer(guest, {.role = Role::thread_killer, .grants = grants, .cpu = cpu});
    CHECK(killer.exits(0));
    CHECK(waiter.exits(0));
    CHECK(is_end(worker->join(), ExitReason::killed, 0));
  }
}

// A capability on another program's thread outlives the thread, its process, and the last handle on that.
void outlives_its_process(Guest& guest) noexcept {
  takes_nothing(guest, [&] {
    OwnedCapability<schema::Thread> thread;
    {
      auto service = make_service(guest, 0, 0, schema::TraceRings::kInterfaceId);
      const Grant grants[] = {{"serve", service.endpoint.cap()}};
      Child child(guest, {.role = Role::threads,
                          .argument = static_cast<std::uint32_t>(ThreadPlay::lend_thread),
                          .grants = grants});
      if (!child.becomes_ready()) return guest.fail("child", 0, "not ready");
      auto lent = Capability<schema::TraceRings>(service.client.cap())->open([](auto) {});
      if (!lent.has_value()) return guest.fail("thread", 0, lent.error().text());
      thread = lent->capability<schema::Thread>(lent->reader().ring());
      const auto before = thread->describe();
      if (!before.has_value() || !before->alive || before->number != 1) return guest.fail("thread", 0, "not alive");
      child.kill();
      if (!is_end(thread->wait(), ExitReason::killed, 0)) return guest.fail("thread", 0, "not killed");
    }
    guest.sleep(5 * kMillisecond);  // reaped
    const auto after = thread->describe();
    if (!after.has_value() || after->activity != ThreadActivity::ended) return guest.fail("thread", 0, "not ended");
    if (!thread->kill().has_value()) return guest.fail("thread", 0, "kill refused");
    if (!is_end(thread->wait(), ExitReason::killed, 0)) return guest.fail("thread", 0, "another end");
  });
}

// Everything of a process with threads in every state goes with it.
void kill_full_process(Guest& guest) noexcept {
  takes_nothing(guest, [&] {
    for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
      Shared out(guest);
      auto service = make_service(guest);
      const auto nobody = make_service(guest, 0, 0, schema::FaultHandler::kInterfaceId);
      const Notice event = make_notification(guest);
      const Grant grants[] = {{"out", out.cap()},
                              {"event", event.cap()},
                              {"serve", service.endpoint.cap()},
                              {"service", service.client.cap()}};
      Child child(guest, {.role = Role::threads,
                          .argument = static_cast<std::uint32_t>(ThreadPlay::every_state),
                          .grants = grants,
                          .cpu = cpu,
                          .pages = 512,
                          .supervisor = nobody.client.cap()});
      if (!out.reaches(0, 8)) return guest.fail("threads", 0, "not all there");
      guest.sleep(1 * kMillisecond);
      child.kill();
      if (!child.ends(ExitReason::killed, 0)) return guest.fail("threads", 0, "not killed");
    }
  });
}

void accounting_of_ended_processes(Guest& guest) noexcept {
  takes_nothing(guest, [&] {
    plays(guest, ThreadPlay::main_leaves, ExitReason::exited, 9);
    plays(guest, ThreadPlay::worker_faults, ExitReason::fault, 6);
    Child child(guest, {.role = Role::threads, .argument = static_cast<std::uint32_t>(ThreadPlay::fill), .pages = 400});
    (void)child.process()->wait();
  });
}

void accounting_of_threads(Guest& guest) noexcept {
  const auto work = [&] {
    Stage stage{.guest = &guest};
    auto a = Thread::start(guest.runtime, return_at_once, nullptr);
    auto b = Thread::start(guest.runtime, sleep_long, &stage);
    if (!a.has_value() || !b.has_value()) return guest.fail("threads", 0, "not started");
    (void)b->capability()->kill();
    (void)a->join();
    (void)b->join();
  };
  work();  // tables of the places for rings and stacks stay
  takes_nothing(guest, work);
}

constexpr Case kCases[] = {
    {"thread ends by itself", ends_itself},
    {"thread killed while computing", computing},
    {"thread killed before it runs", before_it_runs},
    {"thread killed while sleeping", sleeping},
    {"thread killed while waiting for an event", waiting_for_event},
    {"thread killed while waiting for a process", waiting_for_process},
    {"thread killed while waiting for a thread", waiting_for_thread},
    {"thread killed while calling and while queued", calling},
    {"thread killed while serving", serving},
    {"thread waits for a notification that is gone", waiting_for_what_is_gone},
    {"thread queued at an endpoint that is gone", queued_where_nobody_serves},
    {"thread waits for a process whose handle is gone", wait_for_process_that_is_gone},
    {"thread wait errors", wait_errors},
    {"thread waits for itself", wait_for_itself},
    {"thread kills itself", kills_itself},
    {"thread, the last one, ends its process", last_thread_ends_process},
    {"thread exits its process", any_thread_exits_process},
    {"thread faults its process", any_fault_ends_process},
    {"thread across processes", across_processes},
    {"thread outlives its process", outlives_its_process},
    {"kill a process with threads in every state", kill_full_process},
    {"accounting of processes with threads", accounting_of_ended_processes},
    {"accounting of threads", accounting_of_threads},
};

}  // namespace

std::span<const Case> thread_end_cases() noexcept { return kCases; }

}  // namespace conformance
