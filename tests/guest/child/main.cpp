// SPDX-License-Identifier: Apache-2.0
// child: plays the role that its number names.
#include "capos/runtime/system_call.hpp"
#include "capos/schema/threads.hpp"
#include "child.hpp"

namespace conformance {
namespace {

[[noreturn]] void compute(const Child& child) noexcept {
  std::uint64_t* const out = child.out();
  for (std::uint64_t count = 1;; ++count) publish(out[0], count);
}

[[noreturn]] void sleep_for_ever(const Child& child) noexcept {
  std::uint64_t* const out = child.out();
  for (std::uint64_t count = 1;; ++count) {
    publish(out[0], count);
    child.sleep(1'000'000);
  }
}

int wait_once(const Child& child) noexcept {
  const auto bits = child.runtime.need<schema::Notification>("event")->wait();
  return bits.has_value() ? static_cast<int>(bits->bits) : 90;
}

[[noreturn]] void wait_for_ever(const Child& child) noexcept {
  std::uint64_t* const out = child.out();
  auto event = child.runtime.need<schema::Notification>("event");
  for (std::uint64_t count = 1;; ++count) {
    const auto bits = event->wait();
    publish(out[1], out[1] | (bits.has_value() ? bits->bits : ~std::uint64_t{0}));
    publish(out[0], count);
  }
}

[[noreturn]] void call_for_ever(const Child& child) noexcept {
  std::uint64_t* const out = child.out();
  for (std::uint64_t good = 0;;) {
    if (call_service(child, "service", static_cast<std::uint16_t>(child.argument()), 5, 6) >= kStatusCode) {
      runtime::exit_process(91);
    }
    publish(out[0], ++good);
  }
}

int map_into_another(const Child& child) noexcept {
  auto victim = child.runtime.need<schema::VirtualMemory>("victim");
  const auto mapped = victim->map(0, 4096, 3);
  if (mapped.has_value()) return 1;
  return mapped.error().transport == schema::TransportError::exception ? 100 + mapped.error().detail : 2;
}

int exhaust_quota(const Child& child) noexcept {
  auto frames = child.runtime.need<schema::FrameAllocator>("frames");
  int pages = 0;
  for (;; ++pages) {
    const auto got = frames->allocate([](auto params) { params.set_pages(1); });
    if (got.has_value()) continue;
    return got.error().kernel() == schema::KernelError::quota_exceeded ? pages : -1;
  }
}

int wait_for_process(const Child& child) noexcept {
  const auto end = child.runtime.need<schema::ProcessHandle>("process")->wait();
  return end.has_value() ? static_cast<int>(end->code) : 90;
}

int call_as_told(const Child& child) noexcept {
  std::uint64_t* const out = child.out();
  while (__atomic_load_n(out, __ATOMIC_ACQUIRE) == 0) child.sleep(100'000);
  publish(out[2], 1);
  return static_cast<int>(
      call_service(child, "service", static_cast<std::uint16_t>(child.argument()), out[1], out[3]));
}

int sleep_as_told(const Child& child) noexcept {
  std::uint64_t* const out = child.out();
  while (__atomic_load_n(out, __ATOMIC_ACQUIRE) == 0) child.sleep(100'000);
  publish(out[2], 1);
  (void)child.runtime.need<schema::Timer>("timer")->sleep_until(out[1]);
  return 3;
}

int fill_table(const Child& child) noexcept {
  auto endpoint = child.runtime.need<schema::Endpoint>("serve");
  for (std::uint32_t made = 0;; ++made) {
    const auto joined = endpoint->connect([](auto) {});
    if (joined.has_value()) continue;
    if (joined.error().kernel() != schema::KernelError::out_of_capabilities) return joined.error().detail;
    return made > 65'000 && made < 65'536 ? 0 : 99;
  }
}

int sleep_as_task(const Child& child) noexcept {
  const auto slept = child.runtime.need<schema::Timer>("timer")->sleep_until(1);
  if (slept.has_value()) return 1;
  return slept.error().transport == schema::TransportError::exception ? 100 + slept.error().detail : 2;
}

int signal_narrowly(const Child& child) noexcept {
  if (!child.runtime.find<schema::Notification>("event").cap().is_null()) return 1;
  auto bell = child.runtime.need<schema::NotificationSignal>("event");
  if (!bell->signal(child.argument()).has_value()) return 2;
  const auto stolen = runtime::Capability<schema::Notification>(bell.cap())->poll();
  return !stolen.has_value() && stolen.error().exception == schema::ExceptionType::unimplemented ? 0 : 3;
}

int play(const Child& child) noexcept {
  switch (child.role()) {
    case Role::driver:
      return drive(child);
    case Role::timer_user:
      return use_timer(child);
    case Role::buffer_producer:
      return produce(child);
    case Role::buffer_consumer:
      return consume(child);
    case Role::foreign_end:
      return use_foreign_end(child);
    case Role::exit_with:
      return static_cast<int>(child.argument());
    case Role::fault:
      commit(static_cast<Fault>(child.argument()));
    case Role::compute:
      compute(child);
    case Role::sleeper:
      child.sleep(child.argument() * std::uint64_t{1'000'000});
      return 7;
    case Role::sleeper_loop:
      sleep_for_ever(child);
    case Role::waiter:
      return wait_once(child);
    case Role::signaller: {
      const auto done = child.runtime.need<schema::Notification>("event")->signal(child.argument());
      return done.has_value() ? 0 : 90;
    }
    case Role::spender:
      return spend(child);
    case Role::until_refused:
      return signal_until_refused(child);
    case Role::session_number:
      return session_number(child);
    case Role::spawn_in_turn:
      return spawn_in_turn(child);
    case Role::narrow_signaller:
      return signal_narrowly(child);
    case Role::wait_loop:
      wait_for_ever(child);
    case Role::server:
      return serve(child);
    case Role::client:
      return static_cast<int>(
          call_service(child, "service", static_cast<std::uint16_t>(child.argument()), 5, 6));
    case Role::client_loop:
      call_for_ever(child);
    case Role::vectors:
      return check_vectors(child);
    case Role::periodic:
    case Role::overrun_once:
    case Role::worker:
    case Role::wait_in_job:
    case Role::crash_in_job:
    case Role::stand_by:
      return run_periodic(child);
    case Role::periodic_sleep:
      return sleep_as_task(child);
    case Role::hog:
      return run_hog(child);
    case Role::caller_job:
    case Role::call_then_compute:
      return run_caller_job(child);
    case Role::foreign_map:
      return map_into_another(child);
    case Role::quota:
      return exhaust_quota(child);
    case Role::sleep_raw:
      return sleep_as_told(child);
    case Role::fill_table:
      return fill_table(child);
    case Role::flooder:
      flood(child);
    case Role::crowd:
      return be_crowd(child);
    case Role::sender:
      return send_note(child);
    case Role::process_waiter:
      return wait_for_process(child);
    case Role::told_client:
      return call_as_told(child);
    case Role::threads:
      return play_threads(child);
    case Role::supervisor:
      return supervise(child);
    case Role::thread_waiter: {
      const auto end = child.runtime.need<schema::Thread>("thread")->wait();
      return end.has_value() ? static_cast<int>(end->code) : 90;
    }
    case Role::park_shared: {
      const auto done = child.runtime.need<schema::SharedParkSpace>("space")->park(child.argument(), 0, ~std::uint64_t{0});
      return done.has_value() ? 0 : static_cast<int>(done.error().transport);
    }
    case Role::thread_killer:
      return child.runtime.need<schema::Thread>("thread")->kill().has_value() ? 0 : 90;
    case Role::ring_wake_thread: {
      const auto done = child.runtime.need<schema::Thread>("thread")->wake_ring();
      return done.has_value() ? 0 : done.error().detail;
    }
    case Role::polled_task:
      return submit_to_poller(child);
    case Role::ring_abuse:
      return abuse_ring(child);
    case Role::ring_server:
      return serve_by_ring(child);
    case Role::ring_caller:
      return static_cast<int>(
          call_by_ring(child, "service", static_cast<std::uint16_t>(child.argument()), 5, 6));
    case Role::message_service:
      return serve_messages(child);
    case Role::ring_gates:
      return wait_at_gates(child);
    case Role::leased_waiter:
      return wait_under_lease(child);
    case Role::ring_limits:
      return wait_with_limit(child);
    case Role::ring_parker:
      return park_by_ring(child);
    case Role::ring_waker:
      return unpark_by_ring(child);
    case Role::ring_pool:
      return use_up_ring(child);
  }
  return 99;
}

}  // namespace
}  // namespace conformance

int program_main(capos::runtime::Runtime& runtime) { return conformance::play(conformance::Child(runtime)); }
