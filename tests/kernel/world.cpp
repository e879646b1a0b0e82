// SPDX-License-Identifier: Apache-2.0
#include "world.hpp"

#include <algorithm>
#include <span>

#include "core/invariants.hpp"
#include "memory/object_heap.hpp"

namespace capos::ktest {

using kernel::Process;
using kernel::Thread;
using kernel::ThreadState;

namespace {

host::MachineOptions machine_options(const WorldOptions& options, const std::vector<std::uint64_t>& pack) {
  return {.cpus = options.pack.cpus,
          .ram_bytes = options.ram_bytes,
          .channel_bytes = options.channel_bytes,
          .module = pack,
          .entropy = options.entropy,
          .clock_step = options.clock_step};
}

}  // namespace

World::World(const WorldOptions& options)
    : pack_(boot_pack(options.pack)), machine_(machine_options(options, pack_)) {
  (void)machine_.boot();
  if (machine_.is_off()) throw std::logic_error("the machine did not boot: " + machine_.console());
  kernel::parameters().gives_way = options.gives_way;
  frames_ = frames_free();
  check();
}

Process* World::find_process(std::uint32_t number) {
  Process* found = nullptr;
  Process::for_each([&](Process& process) {
    if (process.number() == number) found = &process;
  });
  return found;
}

Process& World::process(std::uint32_t number) {
  Process* const found = find_process(number);
  if (found == nullptr) throw std::logic_error("no process of that number");
  return *found;
}

std::map<std::string, abi::CapSetEntry> World::capset_entries(Process& process) {
  std::map<std::string, abi::CapSetEntry> found;
  const auto page = process.memory().space().lookup(hal::UserAddress(abi::kCapSetAddress));
  if (!page.has_value()) return found;
  const auto& set = *static_cast<const abi::CapSet*>(hal::to_kernel(page->frame));
  for (std::uint32_t i = 0; i < set.count; ++i) found[set.entries[i].name] = set.entries[i];
  return found;
}

std::map<std::string, abi::CapId> World::capset(Process& process) {
  std::map<std::string, abi::CapId> found;
  for (const auto& [name, entry] : capset_entries(process)) found[name] = {entry.cap};
  return found;
}

abi::CapId World::granted(Process& process, std::string_view name) {
  const auto set = capset(process);
  const auto found = set.find(std::string(name));
  return found == set.end() ? abi::CapId{} : found->second;
}

bool World::is_current(const Thread& thread) {
  return machine_.place(thread.home.cpu()) == host::Place::user && cpu(thread.home.cpu().value()).thread == &thread;
}

void World::go_to(Thread& thread) {
  constexpr unsigned kPatience = 20'000;
  for (unsigned turn = 0; turn < kPatience && !is_current(thread); ++turn) {
    const Time next = machine_.next_timer();
    bool mail = false;
    for (std::uint16_t id = 0; id < machine_.cpus(); ++id) mail = mail || machine_.mail_pending(CpuId(id));
    if (!mail && next.is_never()) break;
    run_to(mail ? machine_.now() : std::max(next, machine_.now()));
  }
  if (!is_current(thread)) throw std::logic_error("the thread never runs");
}

std::optional<Answer> World::enter(Thread& thread, std::uint64_t operation, abi::CapId cap, std::uint64_t interface_id,
                                   const Words& words) {
  go_to(thread);
  const CpuId home = thread.home.cpu();
  const auto hold = kernel::Ref<Thread>::share(thread);  // it may end in this call, and its process go
  thread.user.set_result(operation, cap.raw, interface_id);
  for (unsigned i = 0; i < words.size(); ++i) thread.user.words()[i] = words[i];
  (void)machine_.system_call(home);
  check();
  if (machine_.is_off()) return std::nullopt;
  if (thread.state != ThreadState::runnable) return std::nullopt;
  return answer(thread);
}

Answer World::answer(const Thread& thread) {
  Answer found;
  found.status = static_cast<std::int32_t>(thread.user.operation());
  found.method = static_cast<std::uint16_t>(thread.user.operation() >> 32);
  found.one_way = (thread.user.operation() & abi::kReceivedOneWay) != 0;
  found.cap = thread.user.cap();
  found.interface_id = thread.user.interface_id();
  for (unsigned i = 0; i < found.words.size(); ++i) found.words[i] = thread.user.words()[i];
  return found;
}

void World::exit(Thread& thread, std::uint64_t code) {
  (void)enter(thread, static_cast<std::uint64_t>(abi::SystemCall::exit), {}, 0, {code});
}

void World::fault(Thread& thread, std::uint8_t vector, std::uint64_t address) {
  go_to(thread);
  (void)machine_.user_fault(thread.home.cpu(), {.vector = vector, .error_code = 4, .address = address});
  check();
}

std::optional<Answer> World::call(Thread& thread, abi::CapId cap, std::uint64_t interface_id, std::uint16_t method,
                                  const Words& words) {
  return enter(thread, static_cast<std::uint64_t>(abi::SystemCall::call) | std::uint64_t{method} << 16, cap,
               interface_id, words);
}

std::optional<Answer> World::reply_receive(Thread& thread, abi::CapId endpoint, const Words& words,
                                           std::uint16_t exception, std::uint64_t detail) {
  return enter(thread, static_cast<std::uint64_t>(abi::SystemCall::reply_receive) | std::uint64_t{exception} << 16,
               endpoint, detail, words);
}

// --- the ring -------------------------------------------------------------------------------------------------

abi::Ring& World::ring(Thread& thread) { return *static_cast<abi::Ring*>(thread.ring()); }

std::byte* World::arena(Thread& thread) { return reinterpret_cast<std::byte*>(&ring(thread)) + abi::kArenaOffset; }

void World::submit(Thread& thread, const abi::CapSqe& entry) {
  abi::Ring& shared = ring(thread);
  if (shared.header.sq_tail - shared.header.sq_head >= abi::kSubmissionEntries) {
    throw std::logic_error("the submission queue is full");
  }
  shared.sq[shared.header.sq_tail++ % abi::kSubmissionEntries] = entry;
}

std::uint32_t World::enter_ring(Thread& thread) {
  const auto found = enter(thread, static_cast<std::uint64_t>(abi::SystemCall::cap_enter), {}, 0, {});
  return found.has_value() ? static_cast<std::uint32_t>(found->words[0]) : 0;
}

std::optional<abi::CapCqe> World::take_completion(Thread& thread) {
  abi::Ring& shared = ring(thread);
  if (shared.header.cq_head == shared.header.cq_tail) return std::nullopt;
  return shared.cq[shared.header.cq_head++ % abi::kCompletionEntries];
}

abi::CapCqe World::complete(Thread& thread, const abi::CapSqe& entry) {
  abi::CapSqe own = entry;
  own.user_data = ++next_data_;
  submit(thread, own);
  // Again, if those that had no room before have filled the queue: the entry waits for room then.
  for (int again = 0; again < 3; ++again) {
    (void)enter_ring(thread);
    while (auto completion = take_completion(thread)) {
      if (completion->user_data != own.user_data) continue;
      completion->user_data = entry.user_data;
      return *completion;
    }
  }
  const abi::RingHeader& header = ring(thread).header;
  throw std::logic_error("no completion; entries " + std::to_string(header.sq_head) + " to " + std::to_string(header.sq_tail) +
                         ", completions " + std::to_string(header.cq_head) + " to " + std::to_string(header.cq_tail));
}

Error World::release(Thread& thread, abi::CapId cap) {
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(abi::RingOperation::release);
  entry.cap = cap.raw;
  const abi::CapCqe completion = complete(thread, entry);
  return error_of(completion.result, completion.flags);
}

abi::CapCqe World::send(Thread& thread, abi::CapId cap, std::uint64_t interface_id, std::uint16_t method,
                        std::size_t params_words, const std::vector<abi::TransferDescriptor>& transfers) {
  if (transfers.size() > abi::kMaxTransfers) throw std::logic_error("too many capabilities in a message");
  std::ranges::copy(std::as_bytes(std::span(transfers)), arena(thread) + kTransfersOffset);
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(abi::RingOperation::call);
  entry.method = method;
  entry.cap = cap.raw;
  entry.interface_id = interface_id;
  entry.params_size = static_cast<std::uint32_t>(params_words * 8);
  entry.results_offset = kResultsOffset;
  entry.results_capacity = abi::kArenaBytes - kResultsOffset;
  entry.transfers_offset = kTransfersOffset;
  entry.transfers_count = static_cast<std::uint32_t>(transfers.size());
  return complete(thread, entry);
}

std::uint32_t add(std::vector<abi::TransferDescriptor>& transfers, abi::CapId cap) {
  transfers.push_back({cap.raw, static_cast<std::uint32_t>(abi::Transfer::copy), 0});
  return static_cast<std::uint32_t>(transfers.size() - 1);
}

// --- making things --------------------------------------------------------------------------------------------

Message<schema::ProcessSpawner::Spawn> World::try_spawn(const SpawnOptions& options, std::uint32_t number) {
  return message<schema::ProcessSpawner::Spawn>(init(), service("spawner"), [&](auto params, auto& transfers) {
    params.set_name(options.name.empty() ? options.program : options.name);
    params.set_program(options.program);
    params.set_cpu(options.cpu);
    params.set_memory_pages(options.memory_pages);
    params.set_passive(options.passive);
    params.set_source(number);
    if (!options.context.is_null()) params.set_context(add(transfers, options.context));
    const auto grants = params.init_grants(static_cast<std::uint32_t>(options.grants.size()));
    for (std::uint32_t i = 0; i < options.grants.size(); ++i) {
      grants[i].set_name(options.grants[i].first);
      grants[i].init_capability().set_capability(add(transfers, options.grants[i].second));
    }
  });
}

Child World::spawn(const SpawnOptions& options) {
  const std::uint32_t number = next_number_++;
  const auto made = try_spawn(options, number);
  if (!made.ok()) throw std::logic_error("spawn: " + made.error().text());
  return {made.cap([](auto results) { return results.process(); }), number};
}

abi::CapId World::make_notification() {
  using Method = schema::ObjectFactory::CreateNotification;
  return message<Method>(init(), service("objects"), [](auto) {}).cap([](auto results) { return results.notification(); });
}

abi::CapId World::make_endpoint(std::uint64_t interface_id, std::uint64_t minimum_budget_ns, std::uint8_t ceiling, std::uint64_t floor_ns) {
  using Method = schema::ObjectFactory::CreateEndpoint;
  return message<Method>(init(), service("objects"), [&](auto params) {
           params.set_interface_id(interface_id);
           params.set_minimum_budget_ns(minimum_budget_ns);
           params.set_ceiling(ceiling);
           params.set_floor_ns(floor_ns);
         }).cap([](auto results) { return results.endpoint(); });
}

abi::CapId World::connect(abi::CapId endpoint) {
  return message<schema::Endpoint::Connect>(init(), endpoint, [](auto) {}).cap([](auto results) {
    return results.client().get_capability();
  });
}

// --- time -----------------------------------------------------------------------------------------------------

void World::run_to(Time to) {
  machine_.run_to(to);
  check();
}

void World::settle() {
  // While init sleeps and nobody else runs, CPU 0 idles and reaps; with others at work it reaps a step at each choice.
  for (unsigned turn = 0; turn < 200; ++turn) {
    const std::uint64_t until = machine_.now().ns() + 10'000'000;
    (void)call<schema::Timer::SleepUntil>(init(), service("timer"), {.ns = until});
    go_to(init());
    bool remains = false;
    Process::for_each([&](Process& process) { remains = remains || !process.alive(); });
    if (!remains) return;
  }
}

std::string World::broken() {
  if (machine_.is_off()) {
    return machine_.exit_code() == hal::kExitPanic ? "panic: " + machine_.console() : std::string();
  }
  if (!machine_.violation().empty()) return "contract: " + machine_.violation();
  for (std::uint16_t id = 0; id < machine_.cpus(); ++id) {
    if (in_the_middle == CpuId(id)) continue;
    const char* const what = kernel::first_broken(cpu(id));
    if (what != nullptr) return "cpu " + std::to_string(id) + ": " + what;
  }
  if (std::string stale = machine_.stale_translation(); !stale.empty()) return stale;
  return {};
}

std::uint64_t World::frames_free() {
  const std::uint64_t pool = kernel::heap_use().pages;  // first: the pools' lock comes before the frames'
  return kernel::frames().lock()->free_frames() + pool;
}

kernel::Ref<kernel::Ledger> World::make_ledger(std::uint64_t frames) {
  kernel::Ledger::Amounts amounts{};
  const auto give = [&](kernel::Resource resource, std::uint64_t amount) {
    amounts[static_cast<std::size_t>(resource)] = amount;
  };
  give(kernel::Resource::frames, frames);
  give(kernel::Resource::table_slots, kernel::CapabilityTable::kMaxSlots);
  give(kernel::Resource::threads, Process::kMaxThreads);
  give(kernel::Resource::ring_arenas, Process::kMaxThreads);
  give(kernel::Resource::kernel_bytes, 64 * 1024);
  auto made = kernel::machine_ledger().create_child(amounts);
  if (!made.has_value()) throw std::logic_error("the machine has not that much left");
  return *std::move(made);
}

void World::check() {
  if (std::string what = broken(); !what.empty()) throw Unsound(what);
}

}  // namespace capos::ktest
