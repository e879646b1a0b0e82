// SPDX-License-Identifier: Apache-2.0
#include "harness.hpp"

#include "capos/runtime/mapping.hpp"
#include "capos/runtime/system_call.hpp"

namespace conformance {

Guest::Guest(runtime::Runtime& own) noexcept
    : runtime(own),
      console(own.need<schema::Console>("console")),
      timer(own.need<schema::Timer>("timer")),
      frames(own.need<schema::FrameAllocator>("frames")),
      objects(own.need<schema::ObjectFactory>("objects")),
      spawner(own.need<schema::ProcessSpawner>("spawner")),
      memory(own.need<schema::VirtualMemory>("self.memory")),
      islands(own.need<schema::IslandAuthority>("islands")),
      trace_rings(own.need<schema::TraceRings>("traceRings")) {
  for (std::uint16_t cpu = 1; cpu < kMaxCpus; ++cpu) {
    if (trace_rings->open([&](auto params) { params.set_cpu(cpu); }).has_value()) cpus = cpu + 1u;
  }
}

void Guest::run(const Case& item) noexcept {
  bad_ = false;
  reason_.clear();
  item.run(*this);
  ++(bad_ ? failed_ : passed_);
  capos::runtime::Text<600> line;
  line.add(bad_ ? "FAILED " : "ok ").add(item.name);
  if (bad_) line.add(" (").add(reason_.view()).add(")");
  capos::runtime::print(line.add("\n").view());
}

void Guest::fail(std::string_view file, unsigned line, std::string_view what) noexcept {
  if (bad_) reason_.add("; ");
  bad_ = true;
  reason_.add(file).add(":").add(line).add(": ").add(what);
}

void Guest::note(std::string_view name, std::uint64_t value) noexcept {
  reason_.add(name).add("=").add(value).add(" ");
}

std::uint64_t Guest::now() noexcept {
  const auto time = timer->now();
  return time.has_value() ? time->ns : 0;
}

void Guest::sleep(std::uint64_t ns) noexcept { (void)timer->sleep_until(now() + ns); }

RawCall raw_call(abi::CapId cap, std::uint64_t interface_id, std::uint16_t method, std::uint64_t a,
                 std::uint64_t b) noexcept {
  runtime::Registers registers;
  registers.operation = static_cast<std::uint64_t>(abi::SystemCall::call) | std::uint64_t{method} << 16;
  registers.cap = cap.raw;
  registers.interface_id = interface_id;
  registers.words[0] = a;
  registers.words[1] = b;
  runtime::enter_kernel(registers);
  RawCall result{.status = registers.status(), .exception = registers.cap};
  for (unsigned i = 0; i < abi::kRegisterWords; ++i) result.words[i] = registers.words[i];
  return result;
}

Memory make_memory(Guest& guest, std::uint64_t pages) noexcept {
  auto reply = guest.frames->allocate([&](auto params) { params.set_pages(pages); });
  return reply.has_value() ? reply->capability<schema::MemoryObject>(reply->reader().object()) : Memory();
}

Notice make_notification(Guest& guest) noexcept {
  auto reply = guest.objects->create_notification([](auto) {});
  return reply.has_value() ? reply->capability<schema::Notification>(reply->reader().notification())
                           : Notice();
}

Service make_service(Guest& guest, std::uint64_t minimum_budget, std::uint8_t ceiling,
                     std::uint64_t interface_id, std::uint64_t floor_ns, bool contexts_only) noexcept {
  Service service;
  auto made = guest.objects->create_endpoint([&](auto params) {
    params.set_interface_id(interface_id);
    params.set_minimum_budget_ns(minimum_budget);
    params.set_ceiling(ceiling);
    params.set_floor_ns(floor_ns);
    params.set_contexts_only(contexts_only);
  });
  if (!made.has_value()) return service;
  service.endpoint = made->capability<schema::Endpoint>(made->reader().endpoint());
  auto joined = service.endpoint->connect([](auto) {});
  if (joined.has_value())
    service.client = joined->capability<schema::Echo>(joined->reader().client().get_capability());
  return service;
}

Shared::Shared(Guest& guest, std::uint64_t pages) noexcept
    : guest_(guest), memory_(make_memory(guest, pages)), size_(pages * kPage) {
  const auto mapped = runtime::map_object(guest.runtime, memory_.borrow(), runtime::Access::read_write);
  if (mapped.has_value()) words_ = reinterpret_cast<std::uint64_t*>(mapped->data());
}

Shared::~Shared() {
  if (words_ != nullptr) (void)guest_.memory->unmap(reinterpret_cast<std::uint64_t>(words_), size_);
}

bool Shared::reaches(std::size_t index, std::uint64_t value, std::uint64_t limit) noexcept {
  const std::uint64_t end = guest_.now() + limit;
  while (word(index) < value) {
    if (guest_.now() > end) return false;
    guest_.sleep(200 * kMicrosecond);
  }
  return true;
}

runtime::Result<Process> try_spawn(Guest& guest, const Request& request) noexcept {
  auto made = TRY(guest.spawner->spawn([&](auto params, Transfers& transfers) {
    params.set_name("child");
    params.set_program(request.program);
    params.set_cpu(request.cpu);
    if (request.ledger.is_null()) params.set_memory_pages(request.pages);
    if (!request.ledger.is_null()) params.set_ledger(transfers.add(request.ledger));
    if (!request.session.is_null()) params.set_session(transfers.add(request.session));
    params.set_passive(request.passive);
    params.set_source(static_cast<std::uint32_t>(request.role) | request.argument << kRoleBits);
    if (!request.supervisor.is_null()) params.init_supervisor().set_capability(transfers.add(request.supervisor));
    if (!request.context.is_null()) params.set_context(transfers.add(request.context));
    const auto list = params.init_grants(static_cast<std::uint32_t>(request.grants.size()) + 2);
    std::uint32_t at = 0;
    const auto grant = [&](std::string_view name, abi::CapId cap) {
      list[at].set_name(name);
      list[at++].init_capability().set_capability(transfers.add(cap));
    };
    grant("timer", guest.timer.cap());
    grant("console", guest.console.cap());
    for (const Grant& each : request.grants) grant(each.name, each.cap);
  }));
  return made.template capability<schema::ProcessHandle>(made.reader().process());
}

Child::Child(Guest& guest, const Request& request) noexcept : guest_(guest) {
  auto made = try_spawn(guest, request);
  if (made.has_value()) {
    process_ = *std::move(made);
  } else {
    guest.fail("spawn", 0, made.error().text());
  }
}

Child::~Child() {
  if (!process_) return;
  (void)process_->kill();
  (void)process_->wait();
}

bool Child::alive() noexcept {
  const auto state = process_->state();
  return state.has_value() && state->alive;
}

bool Child::becomes_ready() noexcept {
  const std::uint64_t end = guest_.now() + 200 * kMillisecond;
  for (;;) {
    const auto state = process_->state();
    if (!state.has_value() || !state->alive || guest_.now() > end) return false;
    if (state->ready) return true;
    guest_.sleep(200 * kMicrosecond);
  }
}

bool Child::ends(schema::ExitReason reason, std::int64_t code) noexcept {
  if (!process_) return false;
  const auto end = process_->wait();
  if (end.has_value() && end->reason == reason && end->code == code) return true;
  if (!end.has_value()) {
    guest_.fail("wait", 0, end.error().text());
  } else {
    guest_.note("reason", static_cast<std::uint64_t>(end->reason));
    guest_.note("code", static_cast<std::uint64_t>(end->code));
    guest_.note("address", end->address);
  }
  return false;
}

bool Child::exits(std::int64_t code) noexcept { return ends(schema::ExitReason::exited, code); }

bool Child::faults(std::int64_t vector, std::uint64_t address) noexcept {
  if (!ends(schema::ExitReason::fault, vector)) return false;
  const auto end = process_->wait();
  if (end.has_value() && end->address == address) return true;
  guest_.note("address", end.has_value() ? end->address : 1);
  return false;
}

bool kernel_checks_itself(Guest& guest) noexcept {
  const std::uint64_t before = guest.now();
  return guest.now() - before > 2 * kMicrosecond;
}

}  // namespace conformance
