// SPDX-License-Identifier: Apache-2.0
// Faults of the processor as messages to a supervisor: each kind, each answer, each end on either side.
#include "supervisor.hpp"

#include "capos/runtime/system_call.hpp"
#include "accounting.hpp"

namespace conformance {

using runtime::Thread;
using schema::ExitReason;
using schema::ThreadActivity;

namespace {

constexpr std::uint64_t kReply = static_cast<std::uint64_t>(abi::SystemCall::reply_receive);
// Of the caller of this program's own threads: init's number.
constexpr std::uint64_t kOwnNumber = 0xffff;

}  // namespace

Supervisor::Supervisor(Guest& guest) noexcept
    : guest_(guest), service_(make_service(guest, 0, 0, schema::FaultHandler::kInterfaceId)) {
  auto made = Thread::start(guest.runtime, run, this);
  if (made.has_value()) thread_.emplace(std::move(*made));
  guest.sleep(100 * kMicrosecond);
}

Supervisor::~Supervisor() {
  if (!thread_.has_value()) return;
  kill();
  (void)thread_->join();
}

void Supervisor::run(void* argument) {
  auto& self = *static_cast<Supervisor*>(argument);
  runtime::Registers registers;
  registers.operation = kReply;
  for (;;) {
    registers.cap = self.service_.endpoint.cap().raw;
    runtime::enter_kernel(registers);
    if (registers.status() == status_of(TransportError::invalid_message)) {
      __atomic_add_fetch(&self.refusals_, 1, __ATOMIC_ACQ_REL);
    } else if (registers.status() != 0 || registers.interface_id != schema::FaultHandler::kInterfaceId) {
      return;
    } else {
      self.message_ = Message::from_words(registers.words, abi::kRegisterWords);
      self.caller_ = registers.cap;
      __atomic_add_fetch(&self.told_, 1, __ATOMIC_ACQ_REL);
    }
    const std::uint64_t next = self.answered_ + 1;
    while (__atomic_load_n(&self.answered_, __ATOMIC_ACQUIRE) < next) self.guest_.sleep(20 * kMicrosecond);
    for (auto& word : registers.words) word = 0;
    self.answer_.to_words(registers.words);
    registers.operation = kReply | self.exception_ << 16;
    registers.interface_id = 0;
  }
}

bool Supervisor::told(std::uint64_t index) noexcept {
  for (unsigned i = 0; i < 100; ++i) {
    if (__atomic_load_n(&told_, __ATOMIC_ACQUIRE) > index) {
      guest_.sleep(20 * kMicrosecond);  // until it waits for the answer
      return true;
    }
    guest_.sleep(50 * kMicrosecond);
  }
  return false;
}

void Supervisor::answer(const Answer& answer, std::uint64_t exception) noexcept {
  answer_ = answer;
  exception_ = exception;
  __atomic_add_fetch(&answered_, 1, __ATOMIC_ACQ_REL);
}

bool Supervisor::refused_again(std::uint64_t before) noexcept {
  for (unsigned i = 0; i < 100 && refusals() == before; ++i) guest_.sleep(50 * kMicrosecond);
  guest_.sleep(50 * kMicrosecond);
  return refusals() == before + 1;
}

namespace {

bool is_end(const runtime::Result<Thread::Exit>& end, ExitReason reason, std::int64_t code,
            std::uint64_t address = 0) noexcept {
  return end.has_value() && end->reason == reason && end->code == code && end->address == address;
}

void write_nowhere(void*) {
  *reinterpret_cast<volatile std::uint64_t*>(kUnmapped + 8) = 0x55;
  runtime::exit_thread(*reinterpret_cast<volatile std::uint64_t*>(kUnmapped + 8));
}
void invalid(void*) { asm volatile("ud2"); }
void divide(void*) { asm volatile("xor %%ecx, %%ecx\n\tdiv %%ecx" : : "a"(1), "d"(0) : "ecx"); }
[[noreturn]] void recover() { runtime::exit_thread(31); }

runtime::Result<Thread> start(Guest& guest, const Supervisor& supervisor, Thread::Function function,
                              void* argument = nullptr) noexcept {
  return Thread::start(guest.runtime, function, argument, {.supervisor = supervisor.client()});
}

// The page comes when it is needed: whoever maps it is another thread of the program.
void page_fault_resumed(Guest& guest) noexcept {
  Supervisor supervisor(guest);
  CHECK(supervisor);
  auto worker = start(guest, supervisor, write_nowhere);
  CHECK(worker.has_value());
  CHECK(supervisor.told(0));
  const auto& told = supervisor.message();
  CHECK(told.kind == ThreadFault::page_fault && told.vector == 14);
  CHECK(told.address == kUnmapped + 8 && told.error_code == 6);
  CHECK(told.thread == worker->number() && supervisor.caller() == kOwnNumber);
  CHECK(told.instruction_pointer >= abi::kProgramBase && told.instruction_pointer < abi::kDynamicBase);
  CHECK(told.stack_pointer > abi::kStackTop && told.stack_pointer < abi::kUserEnd);
  const auto state = worker->capability()->describe();
  CHECK(state.has_value() && state->activity == ThreadActivity::waits_for_supervisor);
  CHECK(guest.memory->map(kUnmapped, kPage, 3).has_value());
  supervisor.answer(FaultAction::resume);
  const auto end = worker->join();
  CHECK(guest.memory->unmap(kUnmapped, kPage).has_value());
  CHECK(is_end(end, ExitReason::exited, 0x55));
}

void invalid_instruction_restarted(Guest& guest) noexcept {
  Supervisor supervisor(guest);
  CHECK(supervisor);
  auto worker = start(guest, supervisor, invalid);
  CHECK(worker.has_value() && supervisor.told(0));
  CHECK(supervisor.message().kind == ThreadFault::invalid_instruction && supervisor.message().vector == 6);
  CHECK(supervisor.message().address == 0);
  supervisor.answer({.action = FaultAction::restart,
                     .instruction_pointer = reinterpret_cast<std::uint64_t>(&recover),
                     .stack_pointer = (supervisor.message().stack_pointer & ~std::uint64_t{15}) - 8});
  CHECK(is_end(worker->join(), ExitReason::exited, 31));
}

void exception_ends_thread(Guest& guest) noexcept {
  Supervisor supervisor(guest);
  CHECK(supervisor);
  auto worker = start(guest, supervisor, divide);
  CHECK(worker.has_value() && supervisor.told(0));
  CHECK(supervisor.message().kind == ThreadFault::exception && supervisor.message().vector == 0);
  supervisor.answer(FaultAction::end_thread);
  CHECK(is_end(worker->join(), ExitReason::fault, 0));  // and this program goes on
}

// What is resumed without remedy faults again, and is told again.
void told_again(Guest& guest) noexcept {
  Supervisor supervisor(guest);
  CHECK(supervisor);
  auto worker = start(guest, supervisor, write_nowhere);
  CHECK(worker.has_value());
  for (std::uint64_t round = 0; round < 3; ++round) {
    CHECK(supervisor.told(round));
    supervisor.answer(FaultAction::resume);
  }
  CHECK(supervisor.told(3));
  supervisor.answer(FaultAction::end_thread);
  CHECK(is_end(worker->join(), ExitReason::fault, 14, kUnmapped + 8));
}

void one_after_another(Guest& guest) noexcept {
  Supervisor supervisor(guest);
  CHECK(supervisor);
  auto first = start(guest, supervisor, invalid);
  CHECK(first.has_value() && supervisor.told(0));
  auto second = start(guest, supervisor, divide);
  CHECK(second.has_value());
  guest.sleep(200 * kMicrosecond);
  const auto queued = second->capability()->describe();
  CHECK(queued.has_value() && queued->activity == ThreadActivity::waits_for_supervisor);
  CHECK(supervisor.message().thread == first->number());
  supervisor.answer(FaultAction::end_thread);
  CHECK(is_end(first->join(), ExitReason::fault, 6));
  CHECK(supervisor.told(1) && supervisor.message().thread == second->number());
  supervisor.answer(FaultAction::end_thread);
  CHECK(is_end(second->join(), ExitReason::fault, 0));
}

void nonsense_answers(Guest& guest) noexcept {
  Supervisor supervisor(guest);
  CHECK(supervisor);
  auto worker = start(guest, supervisor, invalid);
  CHECK(worker.has_value() && supervisor.told(0));
  const Supervisor::Answer bad[] = {
      {.action = static_cast<FaultAction>(4)},
      {.action = static_cast<FaultAction>(0xffff)},
      {.action = FaultAction::restart, .instruction_pointer = abi::kUserEnd, .stack_pointer = 0x1000},
      {.action = FaultAction::restart, .instruction_pointer = ~std::uint64_t{0}, .stack_pointer = 0x1000},
      {.action = FaultAction::restart, .instruction_pointer = 0x1000, .stack_pointer = std::uint64_t{1} << 63},
  };
  for (const auto& answer : bad) {
    const std::uint64_t before = supervisor.refusals();
    supervisor.answer(answer);
    CHECK(supervisor.refused_again(before));
    const auto state = worker->capability()->describe();
    CHECK(state.has_value() && state->activity == ThreadActivity::waits_for_supervisor);
  }
  supervisor.answer(FaultAction::end_thread);
  CHECK(is_end(worker->join(), ExitReason::fault, 6));
}

// At once and while it queues; the supervisor's answer then goes nowhere, and it serves the next.
void faulter_killed(Guest& guest) noexcept {
  Supervisor supervisor(guest);
  CHECK(supervisor);
  auto first = start(guest, supervisor, invalid);
  CHECK(first.has_value() && supervisor.told(0));
  auto second = start(guest, supervisor, invalid);
  CHECK(second.has_value());
  guest.sleep(200 * kMicrosecond);
  CHECK(second->capability()->kill().has_value());
  CHECK(is_end(second->join(), ExitReason::killed, 0));
  CHECK(first->capability()->kill().has_value());
  CHECK(is_end(first->join(), ExitReason::killed, 0));
  supervisor.answer(FaultAction::resume);
  auto third = start(guest, supervisor, divide);
  CHECK(third.has_value() && supervisor.told(1));
  CHECK(supervisor.message().vector == 0);
  supervisor.answer(FaultAction::end_thread);
  CHECK(is_end(third->join(), ExitReason::fault, 0));
}

Request faulting(Fault fault, abi::CapId supervisor) noexcept {
  return {.role = Role::fault, .argument = static_cast<std::uint32_t>(fault), .supervisor = supervisor};
}

void process_supervised(Guest& guest) noexcept {
  Supervisor supervisor(guest);
  CHECK(supervisor);
  {
    Child child(guest, faulting(Fault::privileged, supervisor.client()));
    CHECK(supervisor.told(0));
    CHECK(supervisor.message().kind == ThreadFault::exception && supervisor.message().vector == 13);
    CHECK(supervisor.message().thread == 0);
    CHECK((supervisor.caller() & 0xff) == static_cast<std::uint64_t>(Role::fault));
    CHECK(child.alive());
    supervisor.answer(FaultAction::end_process);
    CHECK(child.ends(ExitReason::fault, 13));
  }
  {
    Child child(guest, faulting(Fault::read_unmapped, supervisor.client()));
    CHECK(supervisor.told(1));
    supervisor.answer({}, 1);  // an exception
    CHECK(child.faults(14, kUnmapped));
  }
  {
    Child child(guest, faulting(Fault::divide, supervisor.client()));
    CHECK(supervisor.told(2));
    supervisor.answer(FaultAction::end_thread);  // its last
    CHECK(child.ends(ExitReason::fault, 0));
  }
}

// The process's supervisor is that of its further threads too.
void inherited(Guest& guest) noexcept {
  Supervisor supervisor(guest);
  CHECK(supervisor);
  Child child(guest, {.role = Role::threads,
                      .argument = static_cast<std::uint32_t>(ThreadPlay::worker_faults),
                      .supervisor = supervisor.client()});
  CHECK(supervisor.told(0));
  CHECK(supervisor.message().thread == 1);
  supervisor.answer(FaultAction::end_thread);
  guest.sleep(200 * kMicrosecond);
  CHECK(child.alive());
}

void not_a_supervisor(Guest& guest) noexcept {
  auto service = make_service(guest);  // of another interface
  const abi::CapId wrong[] = {service.client.cap(), service.endpoint.cap(), guest.timer.cap(), abi::CapId::make(5, 999)};
  for (const abi::CapId cap : wrong) {
    CHECK(conformance::invalid(try_spawn(guest, faulting(Fault::divide, cap)), KernelError::bad_capability));
    const auto made = Thread::start(guest.runtime, divide, nullptr, {.supervisor = cap});
    CHECK(!made.has_value() && made.error().kernel() == KernelError::bad_capability);
  }
}

// On every CPU: supervisor and supervised are processes there.
void supervisor_dies(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    Shared out(guest);
    auto service = make_service(guest, 0, 0, schema::FaultHandler::kInterfaceId);
    const Grant grants[] = {{"serve", service.endpoint.cap()}, {"out", out.cap()}};
    Child supervisor(guest, {.role = Role::supervisor, .argument = 99, .grants = grants, .cpu = cpu});
    CHECK(supervisor.becomes_ready());
    Request request = faulting(Fault::privileged, service.client.cap());
    request.cpu = cpu;
    Child told(guest, request);
    CHECK(out.reaches(0, 1));
    request.argument = static_cast<std::uint32_t>(Fault::read_kernel);
    Child queued(guest, request);
    guest.sleep(300 * kMicrosecond);
    CHECK(told.alive() && queued.alive());
    supervisor.kill();
    CHECK(supervisor.ends(ExitReason::killed, 0));
    CHECK(told.ends(ExitReason::fault, 13));
    CHECK(queued.faults(14, kKernelAddress));
    // Nobody serves any more: as without a supervisor.
    Child late(guest, request);
    CHECK(late.faults(14, kKernelAddress));
  }
}

void answers_on_other_cpus(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    Shared out(guest);
    auto service = make_service(guest, 0, 0, schema::FaultHandler::kInterfaceId);
    const Grant grants[] = {{"serve", service.endpoint.cap()}, {"out", out.cap()}};
    Child supervisor(guest, {.role = Role::supervisor,
                             .argument = static_cast<std::uint32_t>(FaultAction::end_process),
                             .grants = grants,
                             .cpu = cpu});
    CHECK(supervisor.becomes_ready());
    for (const Fault fault : {Fault::privileged, Fault::cpuid_like_rdmsr}) {
      Request request = faulting(fault, service.client.cap());
      request.cpu = cpu;
      Child child(guest, request);
      CHECK(child.ends(ExitReason::fault, 13));
    }
    CHECK(out.word(0) == 2);
    // From another CPU it cannot be told: as without a supervisor.
    if (guest.cpus < 2) continue;
    Request request = faulting(Fault::divide, service.client.cap());
    request.cpu = cpu == 0 ? 1 : 0;
    Child child(guest, request);
    CHECK(child.ends(ExitReason::fault, 0));
    CHECK(out.word(0) == 2);
  }
}

void nobody_supervises_itself(Guest& guest) noexcept {
  auto service = make_service(guest, 0, 0, schema::FaultHandler::kInterfaceId);
  const Grant grants[] = {{"serve", service.endpoint.cap()}};
  Child child(guest, {.role = Role::threads,
                      .argument = static_cast<std::uint32_t>(ThreadPlay::self_supervised),
                      .grants = grants,
                      .supervisor = service.client.cap()});
  CHECK(child.ends(ExitReason::fault, 0));
}

// A server faults with a call open: the caller waits, and gets its answer or the server's end.
struct Serving {
  abi::CapId endpoint, client;
  RawCall answer;
};
void fault_while_serving(void* argument) {
  auto& serving = *static_cast<Serving*>(argument);
  runtime::Registers registers;
  registers.operation = kReply;
  registers.cap = serving.endpoint.raw;
  runtime::enter_kernel(registers);
  *reinterpret_cast<volatile std::uint64_t*>(kUnmapped) = registers.words[0];
  registers.operation = kReply;
  registers.cap = serving.endpoint.raw;
  registers.words[0] = 77;
  runtime::enter_kernel(registers);
}
void call_server(void* argument) {
  auto& serving = *static_cast<Serving*>(argument);
  serving.answer = raw_call(serving.client, schema::Echo::kInterfaceId, 0, 5);
}
void fault_in_a_call(Guest& guest, bool mend) noexcept {
  Supervisor supervisor(guest);
  CHECK(supervisor);
  auto service = make_service(guest);
  Serving serving{service.endpoint.cap(), service.client.cap(), {}};
  auto server = start(guest, supervisor, fault_while_serving, &serving);
  CHECK(server.has_value());
  guest.sleep(100 * kMicrosecond);
  auto caller = Thread::start(guest.runtime, call_server, &serving);
  CHECK(caller.has_value() && supervisor.told(0));
  const auto state = caller->capability()->describe();
  CHECK(state.has_value() && state->activity == ThreadActivity::waits_for_reply);
  if (mend) CHECK(guest.memory->map(kUnmapped, kPage, 3).has_value());
  supervisor.answer(mend ? FaultAction::resume : FaultAction::end_thread);
  CHECK(caller->join().has_value());
  if (mend) {
    CHECK(guest.memory->unmap(kUnmapped, kPage).has_value());
    CHECK(serving.answer.status == 0 && serving.answer.words[0] == 77);
    (void)server->capability()->kill();
  } else {
    CHECK(serving.answer.status == status_of(TransportError::disconnected));
  }
  CHECK(server->join().has_value());
}
void call_survives_fault(Guest& guest) noexcept { fault_in_a_call(guest, true); }
void call_ends_with_fault(Guest& guest) noexcept { fault_in_a_call(guest, false); }

void accounting(Guest& guest) noexcept {
  const auto work = [&] {
    Supervisor supervisor(guest);
    if (!supervisor) return guest.fail("supervisor", 0, "not started");
    Child child(guest, faulting(Fault::divide, supervisor.client()));
    if (!supervisor.told(0)) return guest.fail("supervisor", 0, "not told");
    auto worker = start(guest, supervisor, invalid);  // queued
    if (!worker.has_value()) return guest.fail("thread", 0, "not started");
    (void)worker->capability()->kill();
    (void)worker->join();
    supervisor.answer(FaultAction::end_process);
    (void)child.ends(ExitReason::fault, 0);
  };
  work();
  takes_nothing(guest, work);
}

constexpr Case kCases[] = {
    {"supervisor of a page fault maps and resumes", page_fault_resumed},
    {"supervisor of an invalid instruction restarts", invalid_instruction_restarted},
    {"supervisor of an exception ends the thread", exception_ends_thread},
    {"supervisor is told again", told_again},
    {"supervisor takes one after another", one_after_another},
    {"supervisor's answers without sense", nonsense_answers},
    {"supervised thread killed", faulter_killed},
    {"supervisor of a process", process_supervised},
    {"supervisor of a process's further threads", inherited},
    {"supervisor that is none", not_a_supervisor},
    {"supervisor dies", supervisor_dies},
    {"supervisor on every CPU", answers_on_other_cpus},
    {"supervisor not of itself", nobody_supervises_itself},
    {"supervisor resumes a server in a call", call_survives_fault},
    {"supervisor ends a server in a call", call_ends_with_fault},
    {"accounting of supervision", accounting},
};

}  // namespace

std::span<const Case> supervision_cases() noexcept { return kCases; }

}  // namespace conformance
