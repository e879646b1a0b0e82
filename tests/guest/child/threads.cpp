// SPDX-License-Identifier: Apache-2.0
// Programs with several threads.
#include "capos/runtime/thread.hpp"

#include "capos/runtime/server.hpp"
#include "capos/runtime/system_call.hpp"
#include "child.hpp"

namespace conformance {
namespace {

using runtime::Thread;

constinit const Child* g_child = nullptr;

void count_one() noexcept { __atomic_add_fetch(g_child->out(), 1, __ATOMIC_ACQ_REL); }

void late_exit(void*) {
  g_child->sleep(2'000'000);
  runtime::exit_thread(9);
}
void exit_all(void*) { runtime::exit_process(12); }
void fail_all(void*) { asm volatile("ud2"); }

void stay_asleep(void*) {
  for (;;) g_child->sleep(1'000'000'000);
}
void stay_busy(void*) {
  for (;;) __builtin_ia32_pause();
}
void stay_waiting(void*) {
  auto event = g_child->runtime.need<schema::Notification>("event");
  for (;;) (void)event->wait();
}
void stay_called(void*) {
  for (;;) (void)call_service(*g_child, "service", static_cast<std::uint16_t>(Method::sleep), 1'000'000'000, 0);
}
void stay_parked(void*) {
  static constinit std::uint32_t word = 0;
  auto space = g_child->runtime.need<schema::ParkSpace>("self.park");
  for (;;) (void)space->park(reinterpret_cast<std::uint64_t>(&word), 0, ~std::uint64_t{0});
}
void stay_serving(void*) { (void)serve(*g_child); }

int leave_worker_behind() noexcept {
  auto worker = Thread::start(g_child->runtime, late_exit, nullptr);
  if (!worker.has_value()) return 80;
  runtime::exit_thread(3);
}

int sleep_beside(Thread::Function function) noexcept {
  auto worker = Thread::start(g_child->runtime, function, nullptr);
  if (!worker.has_value()) return 80;
  stay_asleep(nullptr);
  return 81;
}

// One serves what two others call, and sleeps over the first call.
int be_in_every_state() noexcept {
  for (const Thread::Function function : {fail_all, stay_parked, stay_asleep, stay_busy, stay_waiting, stay_serving, stay_called, stay_called}) {
    auto worker = Thread::start(g_child->runtime, function, nullptr);
    if (!worker.has_value()) return 80;
    count_one();
  }
  stay_asleep(nullptr);
  return 81;
}

void drop_and_read_fs(void*) {
  (void)g_child->runtime.need<schema::ThreadControl>("self.thread")->set_fs_base(0);
  g_child->sleep(100'000);  // the other one runs
  asm volatile("mov %%fs:0, %%rax" : : : "rax");
}

constinit std::uint64_t* g_out = nullptr;
constinit bool g_busy = false;
void park_shared(void*) {
  auto space = g_child->runtime.need<schema::SharedParkSpace>("space");
  __atomic_add_fetch(&g_out[1], 1, __ATOMIC_ACQ_REL);
  const auto done = space->park(0, 0, ~std::uint64_t{0});
  if (!done.has_value() && done.error().kernel() == schema::KernelError::busy) g_busy = true;
}

int park_many() noexcept {
  g_out = g_child->out();
  for (int made = 0; made < 63; ++made) {
    auto worker = Thread::start(g_child->runtime, park_shared, nullptr, {.stack_pages = 1});
    if (!worker.has_value()) return 83;
    g_child->sleep(500'000);  // it parks, or is refused
    if (g_busy) return made;
  }
  stay_asleep(nullptr);
  return 81;
}

int supervise_oneself() noexcept {
  auto worker = Thread::start(g_child->runtime, fail_all, nullptr);
  if (!worker.has_value()) return 80;
  runtime::Registers registers;
  registers.operation = static_cast<std::uint64_t>(abi::SystemCall::reply_receive);
  registers.cap = g_child->runtime.need<schema::Endpoint>("serve").cap().raw;
  runtime::enter_kernel(registers);
  if (registers.status() != 0 || registers.interface_id != schema::FaultHandler::kInterfaceId) return 84;
  asm volatile("xor %%ecx, %%ecx\n\tdiv %%ecx" : : "a"(1), "d"(0) : "ecx");
  return 85;
}

// A stranger gets hold of one of its threads.
struct Lender : runtime::Served {
  explicit Lender(abi::CapId given) noexcept : thread(given) {}
  runtime::ServerOutcome open(runtime::CallInfo& call, schema::TraceRings::Open::Params::Reader,
                              schema::TraceRings::Open::Results::Builder results) noexcept {
    results.set_ring(call.transfers->add(thread));
    return runtime::ServerOutcome::done();
  }
  abi::CapId thread;
};

int lend_thread() noexcept {
  auto worker = Thread::start(g_child->runtime, stay_asleep, nullptr);
  if (!worker.has_value()) return 80;
  Lender lender(worker->capability().cap());
  const auto endpoint = g_child->runtime.need<schema::Endpoint>("serve");
  return static_cast<int>(runtime::serve_messages<schema::TraceRings>(endpoint, lender).transport);
}

// On a leased CPU without slack.
int try_both_kinds() noexcept {
  const auto plain = Thread::start(g_child->runtime, stay_asleep, nullptr);
  if (plain.has_value() || plain.error().kernel() != schema::KernelError::bad_cpu) return 86;
  return Thread::start(g_child->runtime, stay_asleep, nullptr, {.passive = true}).has_value() ? 0 : 87;
}

int fill() noexcept {
  for (int made = 0;; ++made) {
    auto worker = Thread::start(g_child->runtime, stay_asleep, nullptr, {.stack_pages = 1});
    if (worker.has_value()) continue;
    return static_cast<int>(worker.error().detail) * 100 + made;
  }
}

}  // namespace

int supervise(const Child& child) noexcept {
  const abi::CapId endpoint = child.runtime.need<schema::Endpoint>("serve").cap();
  std::uint64_t* const out = child.out();
  runtime::Registers registers;
  for (;;) {
    registers.operation = static_cast<std::uint64_t>(abi::SystemCall::reply_receive);
    registers.cap = endpoint.raw;
    runtime::enter_kernel(registers);
    if (registers.status() != 0) return 90;
    publish(out[0], out[0] + 1);
    if (child.argument() == 99) child.sleep(1'000'000'000'000);
    for (auto& word : registers.words) word = 0;
    registers.words[0] = child.argument();
  }
}

int play_threads(const Child& child) noexcept {
  g_child = &child;
  switch (static_cast<ThreadPlay>(child.argument())) {
    case ThreadPlay::main_leaves: return leave_worker_behind();
    case ThreadPlay::worker_exits: return sleep_beside(exit_all);
    case ThreadPlay::worker_faults: return sleep_beside(fail_all);
    case ThreadPlay::every_state: return be_in_every_state();
    case ThreadPlay::fill: return fill();
    case ThreadPlay::self_supervised: return supervise_oneself();
    case ThreadPlay::lend_thread: return lend_thread();
    case ThreadPlay::passive: return try_both_kinds();
    case ThreadPlay::park_many: return park_many();
    case ThreadPlay::bare_fs: return sleep_beside(drop_and_read_fs);
  }
  return 82;
}

}  // namespace conformance
