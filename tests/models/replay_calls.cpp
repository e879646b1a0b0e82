// SPDX-License-Identifier: Apache-2.0
// replay_calls PROPERTY: the steps of a counterexample of call.pml, from standard input, on the kernel itself.
//
// The model has a mistake in it; the kernel is to keep the property that the mistake breaks. Cast, as in the model: tasks 0
// to 2 on scheduling contexts, thread 3 on best effort, endpoints 0 and 1 with ceilings above all of them. They live on CPU
// 1, so that init, on CPU 0, can always wake, kill and revoke, by mail. In the model any account that is ready may run; here
// the most urgent does, so the priorities of the tasks are tried in every order until one lets the steps happen as they
// stand. Each trail is replayed with limits on its calls, as in the model, and without, for the fast path.
// Exit status: 0; 1 if a property is broken, or no order of priorities lets the steps happen.
#include <array>
#include <cstdio>
#include <iostream>
#include <sstream>

#include "core/account.hpp"
#include "ipc/endpoint.hpp"
#include "islands.hpp"
#include "memory/object_heap.hpp"

namespace capos::ktest {
namespace {

using kernel::Thread;
using kernel::ThreadState;
using Await = schema::SchedulingContext::WaitNextRelease;

constexpr unsigned kThreads = 4, kTasks = 3;
constexpr std::uint32_t kFirst = 100;  // number of process 0
constexpr std::uint64_t kInterface = 0x5eed, kLimitUs = 3'000'000;
constexpr std::uint8_t kCeiling = 120;
constexpr auto kPeriod = Duration::ms(1'000);

struct Step {
  std::string what;
  unsigned first = 0, second = 0;
};

// The steps cannot happen so: try another order of priorities.
struct Otherwise : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Replay {
 public:
  Replay(const std::vector<Step>& steps, std::array<unsigned, kTasks> order, bool limits)
      : steps_(steps), order_(order), limits_(limits) {}
  void run();

 private:
  [[nodiscard]] bool names(const char* what, unsigned thread) const {
    return std::any_of(steps_.begin(), steps_.end(), [&](const Step& step) { return step.what == what && step.first == thread; });
  }
  [[nodiscard]] std::uint8_t base(unsigned task) const { return static_cast<std::uint8_t>(100 + order_[task]); }
  [[nodiscard]] Task claim(unsigned task) const;
  void set_up();
  void wait_for_go(unsigned thread);
  Thread* living(unsigned thread);
  Thread& actor(unsigned thread);
  void step(const Step& step);
  void check();
  void check(Thread& thread, unsigned number);
  void check_ceiling(Thread& thread, unsigned task);
  void end();
  static void require(bool holds, const char* property, unsigned thread) {
    if (!holds) throw Unsound(std::string(property) + ": thread " + std::to_string(thread));
  }

  const std::vector<Step>& steps_;
  std::array<unsigned, kTasks> order_;
  bool limits_;
  World world_{{.pack = {.cpus = 2}}};
  std::uint64_t heap_bytes_ = kernel::heap_use().bytes;
  std::array<abi::CapId, 2> endpoints_{}, clients_{};
  std::array<abi::CapId, kThreads> handles_{}, go_{};
  std::array<bool, kThreads> gone_on_{};
  std::array<bool, kTasks> stopped_{};
  std::uint32_t epoch_ = 0;  // of an endpoint that was never revoked
  Admitted island_{};
  Time begin_{};
};

// What its own trail does to it says what its consequences must be.
Task Replay::claim(unsigned task) const {
  Task made{.name = "task" + std::to_string(task), .period_us = 1'000'000, .budget_ns = 30'000'000, .priority = base(task)};
  made.deadline_ns = made.response_ns = 400'000'000;
  if (names("stop", task)) made.on_overrun = made.on_miss = kStopTask;
  if (names("release", task)) made.on_miss = kSkip;
  return made;
}

void Replay::wait_for_go(unsigned thread) {
  Thread& one = world_.thread(kFirst + thread);
  (void)world_.call<schema::Notification::Wait>(one, world_.granted(one.process, "go"));
}

void Replay::set_up() {
  for (unsigned e = 0; e < 2; ++e) {
    endpoints_[e] = world_.make_endpoint(kInterface, 0, static_cast<std::uint8_t>(kCeiling + e));
    clients_[e] = world_.connect(endpoints_[e]);
    epoch_ = world_.init().process.capabilities().find(endpoints_[e])->object()->epoch();
  }
  Claim tasks{.cpu = 1};
  for (unsigned t = 0; t < kTasks; ++t) tasks.tasks.push_back(claim(t));
  island_ = admit_honest(world_, tasks);
  for (unsigned t = 0; t < kThreads; ++t) {
    go_[t] = world_.make_notification();
    const std::array<std::pair<const char*, abi::CapId>, 5> grants = {
        {{"serve0", endpoints_[0]}, {"serve1", endpoints_[1]}, {"client0", clients_[0]}, {"client1", clients_[1]}, {"go", go_[t]}}};
    const auto made = world_.message<schema::ProcessSpawner::Spawn>(world_.init(), world_.service("spawner"), [&](auto params, auto& transfers) {
      params.set_name("cast");
      params.set_program("program");
      params.set_cpu(1);
      params.set_memory_pages(200);
      params.set_source(kFirst + t);
      if (t < kTasks) params.set_context(add(transfers, island_.contexts[t]));
      const auto list = params.init_grants(grants.size());
      for (std::uint32_t i = 0; i < grants.size(); ++i) {
        list[i].set_name(grants[i].first);
        list[i].init_capability().set_capability(add(transfers, grants[i].second));
      }
    });
    if (!made.ok()) throw std::logic_error("spawn: " + made.error().text());
    handles_[t] = made.cap([](auto results) { return results.process(); });
    if (t == kThreads - 1) break;
    Thread& task = world_.thread(kFirst + t);
    (void)world_.call<Await>(task, world_.granted(task.process, "self.context"));
  }
  wait_for_go(kThreads - 1);
  begin_ = world_.machine().now() + Duration::ms(20);
  (void)world_.call<schema::RealtimeIsland::Activate>(world_.init(), island_.island, {.start_ns = begin_.ns()});
  world_.run_to(begin_);
  // The most urgent first, so that none spends its budget.
  for (unsigned urgency = kTasks; urgency-- > 0;) {
    for (unsigned t = 0; t < kTasks; ++t) {
      if (order_[t] == urgency) wait_for_go(t);
    }
  }
}

Thread* Replay::living(unsigned thread) {
  kernel::Process* const process = world_.find_process(kFirst + thread);
  return process != nullptr && process->alive() ? &process->main_thread() : nullptr;
}

// Until it runs; the first time it is woken for that.
Thread& Replay::actor(unsigned thread) {
  Thread& one = *living(thread);
  if (!std::exchange(gone_on_[thread], true)) {
    (void)world_.call<schema::Notification::Signal>(world_.init(), go_[thread], {.bits = 1});
  }
  try {
    world_.go_to(one);
  } catch (const std::logic_error&) {
    throw Otherwise("thread " + std::to_string(thread) + " does not come to run");
  }
  return one;
}

void Replay::step(const Step& step) {
  const unsigned t = step.first;
  if (step.what == "call" || step.what == "send") {
    Thread& caller = actor(t);
    const auto operation = static_cast<std::uint64_t>(step.what == "call" ? abi::SystemCall::call : abi::SystemCall::send);
    const abi::CapId client = world_.granted(caller.process, step.second == 0 ? "client0" : "client1");
    (void)world_.enter(caller, operation | (limits_ ? kLimitUs << 32 : 0), client, kInterface, {42});
  } else if (step.what == "receive") {
    Thread& server = actor(t);
    (void)world_.reply_receive(server, world_.granted(server.process, step.second == 0 ? "serve0" : "serve1"), {43});
  } else if (step.what == "kill") {
    (void)world_.call<schema::ProcessHandle::Kill>(world_.init(), handles_[t]);
    world_.run_for(Duration::us(1));  // the mail
  } else if (step.what == "revoke") {
    (void)world_.call<schema::Endpoint::Revoke>(world_.init(), endpoints_[t]);
    world_.run_for(Duration::us(1));
  } else if (step.what == "expire") {
    world_.run_for(Duration::us(kLimitUs));
  } else if (step.what == "stop") {
    stopped_[t] = true;
    const auto& context = *living(t)->bound;
    for (unsigned i = 0; i < 1'000 && !context.stopped.load(); ++i) world_.run_for(Duration::ms(1));
    if (!context.stopped.load()) throw Otherwise("it is not stopped");
  } else if (step.what == "release") {
    world_.run_to(begin_ + kPeriod + Duration::us(1));
  } else {
    throw std::logic_error("a step that is not known: " + step.what);
  }
}

void Replay::check_ceiling(Thread& thread, unsigned task) {
  const kernel::SchedulingContext& context = *thread.bound;
  std::uint8_t wanted = base(task);
  for (const Thread* one = &thread; one->account.context == &context && one->direct_call.server != nullptr; one = one->direct_call.server) {
    wanted = std::max(wanted, one->direct_call.server->serving->ceiling().value());
  }
  require(context.priority().value() == wanted, "ceiling", task);
}

// The model's check(), in its words.
void Replay::check(Thread& thread, unsigned number) {
  const kernel::Call& call = thread.direct_call;
  const bool stopped = thread.bound != nullptr && thread.bound->stopped.load();
  const bool halted = stopped && thread.account.context == thread.bound && thread.serving == nullptr;
  const bool waits = thread.state == ThreadState::await_server || thread.state == ThreadState::await_reply;
  require(!thread.timeout.queued() || (waits && !halted), "called off", number);
  require(!call.one_way || thread.state == ThreadState::await_server, "called off", number);
  const auto lives = [&](const Thread* other) {
    for (unsigned t = 0; t < kThreads; ++t) {
      if (living(t) == other) return true;
    }
    return false;
  };
  require(call.server == nullptr || (lives(call.server) && call.server->incoming == &call), "no ghosts", number);
  require(thread.incoming == nullptr || (lives(&thread.incoming->caller) && thread.incoming->server == &thread), "no ghosts", number);
  const kernel::Account& account = thread.account;
  const auto owns = [&] {
    return !account.is_none() && (account.context != nullptr ? account.context->owner : account.entity->owner) == &thread;
  };
  switch (thread.state) {
    case ThreadState::runnable:
      require(call.server == nullptr && call.queued_at == nullptr, "once", number);
      require(halted || owns(), "one owner", number);
      break;
    case ThreadState::await_reply:
      require(halted || call.server != nullptr, "not stuck", number);
      require(halted || (call.server->account.context == account.context && call.server->account.entity == account.entity),
              "one owner", number);
      break;
    case ThreadState::await_server:
      require(halted || (call.queued_at != nullptr && owns()), "not stuck", number);
      break;
    case ThreadState::await_call:
      require(account.is_none() && thread.incoming == nullptr, "one owner", number);
      require(thread.serving != nullptr && thread.serving->epoch() == epoch_, "not stuck", number);
      break;
    default: break;
  }
  if (thread.bound != nullptr && !stopped) check_ceiling(thread, number);
}

void Replay::check() {
  world_.check();  // the kernel's own: not lost, current
  for (unsigned t = 0; t < kThreads; ++t) {
    Thread* const one = living(t);
    if (one == nullptr) continue;
    check(*one, t);
    if (t < kTasks && one->bound != nullptr && one->bound->stopped.load() != stopped_[t]) {
      throw Otherwise("a task is stopped that the model has not stopped yet");
    }
  }
}

// Everything is ended: whoever waits in a call is answered, and nothing remains.
void Replay::end() {
  for (const abi::CapId endpoint : endpoints_) (void)world_.call<schema::Endpoint::Revoke>(world_.init(), endpoint);
  world_.run_for(Duration::us(1));
  for (unsigned t = 0; t < kThreads; ++t) {
    Thread* const one = living(t);
    if (one == nullptr) continue;
    const bool stopped = one->bound != nullptr && one->bound->stopped.load();
    const bool waits = one->state == ThreadState::await_server || one->state == ThreadState::await_reply || one->state == ThreadState::await_call;
    require(stopped || !waits, "once", t);
  }
  for (const abi::CapId handle : handles_) {
    (void)world_.call<schema::ProcessHandle::Kill>(world_.init(), handle);
    (void)world_.release(world_.init(), handle);
  }
  for (const auto& caps : {std::vector(endpoints_.begin(), endpoints_.end()), std::vector(clients_.begin(), clients_.end()),
                           std::vector(go_.begin(), go_.end()), island_.contexts, std::vector{island_.island}}) {
    for (const abi::CapId cap : caps) (void)world_.release(world_.init(), cap);
  }
  world_.settle();
  require(kernel::heap_use().bytes == heap_bytes_, "no ghosts", kThreads);
}

void Replay::run() {
  set_up();
  for (const Step& each : steps_) {
    step(each);
    check();
  }
  end();
}

std::vector<Step> read_steps() {
  std::vector<Step> steps;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string step;
    Step made;
    if (!(words >> step >> made.what >> made.first) || step != "step") continue;
    words >> made.second;
    steps.push_back(made);
  }
  return steps;
}

// In some order of priorities, the more urgent the higher the number.
bool replayed(const std::vector<Step>& steps, bool limits) {
  std::array<unsigned, kTasks> order = {0, 1, 2};
  std::string why;
  do {
    try {
      Replay(steps, order, limits).run();
      std::printf("replayed %zu steps %s limits, priorities %u %u %u\n", steps.size(), limits ? "with" : "without", 100 + order[0],
                  100 + order[1], 100 + order[2]);
      return true;
    } catch (const Otherwise& otherwise) {
      why = otherwise.what();
    }
  } while (std::next_permutation(order.begin(), order.end()));
  std::printf("FAILED: in no order of priorities can the steps be taken: %s\n", why.c_str());
  return false;
}

}  // namespace
}  // namespace capos::ktest

int main(int argc, char** argv) {
  using namespace capos::ktest;
  const std::vector<Step> steps = read_steps();
  if (argc != 2 || steps.empty()) {
    std::fputs("usage: replay_calls PROPERTY <STEPS\n", stderr);
    return 2;
  }
  try {
    if (!replayed(steps, true) || !replayed(steps, false)) return 1;
  } catch (const std::exception& broken) {
    std::printf("FAILED on the kernel: %s\n", broken.what());
    return 1;
  }
  std::printf("ok: the kernel keeps it: %s\n", argv[1]);
  return 0;
}
