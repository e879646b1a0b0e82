// SPDX-License-Identifier: Apache-2.0
// The walk of islands is judged: see island_walk.hpp. After each step every CPU runs what the model allows, unless an
// interrupt is pending there that would tell the kernel more.
#include <algorithm>

#include "island_walk.hpp"
#include "islands/scheduling_context.hpp"

namespace capos::ktest {

using kernel::Thread;
using kernel::ThreadState;

IslandChapter::Actor* IslandChapter::find(Number number) {
  const auto found = actors_.find(number);
  return found == actors_.end() ? nullptr : &found->second;
}

Thread* IslandChapter::thread_of(Number number) {
  kernel::Process* const process = world.find_process(number);
  return process == nullptr || !process->alive() ? nullptr : &process->main_thread();
}

IslandChapter::Number IslandChapter::account_of(Number number) {
  for (unsigned depth = 0; depth < 32; ++depth) {
    const Actor* const actor = find(number);
    if (actor == nullptr) return 0;
    if (actor->works_for == 0) return actor->context != nullptr && !actor->stopped ? number : 0;
    number = actor->works_for;
  }
  throw Unsound("calls in a circle");
}

IslandChapter::Number IslandChapter::worker_of(Number number) {
  for (bool again = true; again;) {
    again = false;
    for (const auto& [other, actor] : actors_) {
      if (actor.works_for != number) continue;
      number = other;
      again = true;
      break;
    }
  }
  return number;
}

std::uint8_t IslandChapter::priority_of(Number number) {
  std::uint8_t priority = actors_.at(number).context->rules().priority;
  for (bool again = true; again;) {
    again = false;
    for (const auto& [other, actor] : actors_) {
      if (actor.works_for != number) continue;
      priority = std::max(priority, actor.ceiling);
      number = other;
      again = true;
      break;
    }
  }
  return priority;
}

bool IslandChapter::is_ready(Number number) {
  if (account_of(number) != number) return false;
  const Number worker = worker_of(number);
  const Thread* const thread = thread_of(worker);
  if (thread == nullptr) return false;
  if (thread->state == ThreadState::await_release) {
    return worker == number && actors_.at(number).context->is_released(world.machine().now().ns());
  }
  return goes_on(thread->state) && !thread->account.is_none();  // else it is being made
}

void IslandChapter::time_passes(Time to) {
  observe();
  const std::uint64_t length = (to - world.machine().now()).ns() > 0 ? static_cast<std::uint64_t>((to - world.machine().now()).ns()) : 0;
  for (std::uint16_t id = 0; id < world.machine().cpus(); ++id) {
    if (world.machine().place(CpuId(id)) != host::Place::user) continue;
    const Number running = world.cpu(id).thread->process.number();
    if (const Number account = account_of(running); account != 0) actors_.at(account).context->runs(length, to.ns());
  }
}

// What a server was told when it came back from its receive.
void IslandChapter::take_call(Actor& actor, const Answer& answer) {
  actor.receives = false;
  if (!answer.error().ok() || answer.one_way || answer.cap == 0) return;
  const auto caller = static_cast<Number>(answer.cap);
  if (find(caller) == nullptr) return;
  actor.works_for = caller;
}

void IslandChapter::take_fault(Number caller, const Answer& answer) {
  using schema::ThreadFault;
  Actor* const actor = find(caller);
  if (actor == nullptr) return;  // it has ended since
  require(actor->supervised, "a supervisor is told of a thread that is not its");
  const auto told = schema::FaultHandler::Fault::Params::Value::from_words(answer.words.data(), abi::kRegisterWords);
  ++faults;
  if (told.kind < ThreadFault::budget_spent) {
    require(actor->own_faults > 0, "a supervisor is told of a fault that was none");
    --actor->own_faults;
    return;
  }
  require(actor->context != nullptr, "a supervisor is told of time that its thread had no more");
  require(actor->stopped || actor->kernel_context->stopped.load(), "a supervisor is told of time that was not lost");
  require(++actor->told == 1, "a supervisor is told twice of the same loss of time");
  const ContextRules& rules = actor->context->rules();
  require(told.kind != ThreadFault::budget_spent || (rules.stops_on_overrun && actor->context->was_spent()), "a budget was not spent, or that stops nothing");
  require(told.kind != ThreadFault::deadline_missed || (rules.stops_on_miss && actor->context->is_late(world.machine().now().ns())),
          "a deadline was not missed, or that stops nothing");
}

// Its context was stopped: for a reason, and its supervisor hears of that.
void IslandChapter::see_stop(Number number, Thread& thread, Actor& actor) {
  actor.stopped = true;
  // What it had lent comes home; who worked on it goes on without. (A server's own time is not what it lends.)
  if (actor.works_for == 0 && thread.serving == nullptr) {
    for (auto& [other, worker] : actors_) worker.works_for = worker.works_for == number ? 0 : worker.works_for;
  }
  const ContextRules& rules = actor.context->rules();
  const std::uint64_t now = world.machine().now().ns();
  bool retired = true;
  for (const LiveIsland& island : islands_) {
    if (std::ranges::find(island.contexts, actor.context) == island.contexts.end()) continue;
    retired = island.retired;
  }
  const bool by_budget = rules.stops_on_overrun && actor.context->was_spent(), by_deadline = rules.stops_on_miss && actor.context->is_late(now);
  require(retired || by_budget || by_deadline, "a context was stopped without a reason");
  if (by_budget || by_deadline) ++spent;
  const bool free = thread.serving == nullptr && (actor.seen == ThreadState::runnable || actor.seen == ThreadState::await_release);
  const bool hears = thread.state == ThreadState::await_supervisor || actor.told != 0 || thread.has_ended();
  require(!actor.supervised || !free || retired || hears, "process " + std::to_string(number) + " has lost its time, and its supervisor does not hear of it");
}

void IslandChapter::observe(Number number, Thread& thread, Actor& actor) {
  if (actor.receives && thread.state != ThreadState::await_call) {
    const Answer answer = world.answer(thread);
    const bool is_supervisor = number == supervisor_.number;
    if (is_supervisor) {
      actor.receives = false;
      if (answer.error().ok() && answer.interface_id == schema::FaultHandler::kInterfaceId) take_fault(static_cast<Number>(answer.cap), answer);
    } else if (thread.state == ThreadState::runnable) {
      take_call(actor, answer);
    }
  }
  if (actor.context == nullptr) return;
  // From another CPU it is told by mail, and runs on until then.
  const bool told = !world.machine().mail_pending(CpuId(actor.context->rules().cpu));
  if (!actor.stopped && told && actor.kernel_context->stopped.load()) see_stop(number, thread, actor);
  if (actor.seen == ThreadState::await_release && thread.state == ThreadState::runnable && !actor.stopped) {
    const Answer answer = world.answer(thread);
    if (answer.error().ok()) {
      const auto& words = answer.words;
      const std::string wrong = actor.context->begins({words[0], words[1], words[2], words[3], words[4], words[5]}, world.machine().now().ns());
      require(wrong.empty(), "process " + std::to_string(number) + ": " + wrong);
    }
  }
  actor.seen = thread.state;
}

// The caller has gone, or waits no longer.
void IslandChapter::see_caller(Actor& actor) {
  if (actor.works_for == 0) return;
  const Thread* const thread = thread_of(actor.works_for);
  Actor* const caller = find(actor.works_for);
  const bool waits = thread != nullptr && thread->state == ThreadState::await_reply;
  if (waits) return;
  if (caller != nullptr && caller->context != nullptr) caller->context->doubt();
  if (const Number account = account_of(actor.works_for); account != 0) actors_.at(account).context->doubt();
  actor.works_for = 0;
}

void IslandChapter::observe() {
  const std::uint64_t now = world.machine().now().ns();
  std::erase_if(to_arm_, [&](const auto& each) {
    if (world.machine().mail_pending(CpuId(each.first->rules().cpu))) return false;
    each.first->arm(each.second);
    return true;
  });
  std::erase_if(actors_, [&](const auto& each) {
    if (thread_of(each.first) != nullptr) return false;
    if (each.second.context != nullptr) each.second.context->loses_thread(now);
    return true;
  });
  for (auto& [number, actor] : actors_) observe(number, *thread_of(number), actor);
  for (auto& [number, actor] : actors_) see_caller(actor);
  for (auto& [number, actor] : actors_) {
    if (actor.context == nullptr) continue;
    // Made by init for another CPU, which is told by mail.
    if (actor.is_new && actor.context->rules().cpu != 0 && world.machine().mail_pending(CpuId(actor.context->rules().cpu))) continue;
    actor.is_new = false;
    const bool is_own = account_of(number) == number;
    const Thread* const worker = is_own ? thread_of(worker_of(number)) : nullptr;
    const bool ready = worker != nullptr && goes_on(worker->state);
    const bool waits_for_release = worker != nullptr && worker->state == ThreadState::await_release;
    if (ready && !actor.ran_on_own) actor.context->becomes_ready(now);
    actor.ran_on_own = ready || waits_for_release;
  }
}

void IslandChapter::judge(std::uint16_t id) {
  const host::Machine& machine = world.machine();
  const CpuId cpu(id);
  const std::uint64_t now = machine.now().ns();
  const bool in_user = machine.place(cpu) == host::Place::user;
  const Number running = in_user ? world.cpu(id).thread->process.number() : 0;
  const Number account = account_of(running);
  if (account != 0) {
    ContextModel& context = *actors_.at(account).context;
    require(context.may_run(now) || machine.timer_due(cpu), "process " + std::to_string(running) + " runs without budget");
    require(machine.timer(cpu).ns() <= context.run_ends(now), "the end of the budget of process " + std::to_string(account) + " would pass unseen");
  }
  if (machine.timer_due(cpu) || machine.mail_pending(cpu)) return;
  const int urgency = account == 0 ? -1 : priority_of(account);
  for (auto& [number, actor] : actors_) {
    if (actor.context == nullptr || actor.kernel_context->stopped.load() || actor.context->rules().cpu != id || !is_ready(number)) continue;
    if (!actor.context->is_sure(now)) continue;
    ++judged;
    require(priority_of(number) <= urgency, "process " + std::to_string(running) + " runs, and process " + std::to_string(number) +
                                                " is ready, has budget and is more urgent");
  }
}

}  // namespace capos::ktest
