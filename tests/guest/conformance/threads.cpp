// SPDX-License-Identifier: Apache-2.0
// Making threads: the contract of their first instructions, their own rings and FS bases, and every refusal.
#include "capos/runtime/thread.hpp"

#include "capos/runtime/mapping.hpp"
#include "island_harness.hpp"

static_assert(static_cast<unsigned>(capos::abi::SystemCall::exit_thread) == 8);

// Stores rdi, rsi, rsp, and all that should be zero, where rdx points; ends the thread with 77.
extern "C" void conformance_bare_thread();
asm(R"(
  .pushsection .text.bare_thread, "ax"
conformance_bare_thread:
  mov %rdi, (%rdx)
  mov %rsi, 8(%rdx)
  mov %rsp, 16(%rdx)
  or %rbx, %rax
  or %rcx, %rax
  or %rbp, %rax
  or %r8, %rax
  or %r9, %rax
  or %r10, %rax
  or %r11, %rax
  or %r12, %rax
  or %r13, %rax
  or %r14, %rax
  or %r15, %rax
  mov %rax, 24(%rdx)
  mov $8, %eax
  mov $77, %edx
  syscall
  ud2
  .popsection
)");

namespace conformance {
namespace {

using runtime::Thread;

struct Bare {
  std::uint64_t entry = reinterpret_cast<std::uint64_t>(&conformance_bare_thread);
  std::uint64_t stack = abi::kStackTop - 4096 * 8;  // never written by it
  std::uint64_t argument = 0;
  std::uint64_t fs_base = 0;
  abi::CapId context{};
  bool passive = false;
};

struct Made {
  OwnedCapability<schema::Thread> thread;
  std::uint32_t number = 0;
};

runtime::Result<Made> make(Guest& guest, const Bare& bare) noexcept {
  auto factory = guest.runtime.need<schema::ThreadFactory>("self.threads");
  auto made = TRY(factory->create([&](auto params, Transfers& transfers) {
    params.set_entry(bare.entry);
    params.set_stack_top(bare.stack);
    params.set_argument(bare.argument);
    params.set_fs_base(bare.fs_base);
    params.set_passive(bare.passive);
    if (!bare.context.is_null()) params.set_context(transfers.add(bare.context));
  }));
  return Made{made.template capability<schema::Thread>(made.reader().thread()), made.reader().number()};
}

void contract(Guest& guest) noexcept {
  static constinit std::uint64_t record[4];
  record[3] = 1;
  Bare bare{.argument = reinterpret_cast<std::uint64_t>(record)};
  auto made = make(guest, bare);
  CHECK(made.has_value());
  const auto end = made->thread->wait();
  CHECK(end.has_value() && end->reason == schema::ExitReason::exited && end->code == 77);
  CHECK(made->number == 1);
  CHECK(record[0] == abi::kRingBase + abi::kRingStride);
  CHECK(record[1] == 1);
  CHECK(record[2] == bare.stack);
  CHECK(record[3] == 0);
}

void numbers(Guest& guest) noexcept {
  static constinit std::uint64_t record[4];
  const Bare bare{.argument = reinterpret_cast<std::uint64_t>(record)};
  // None of the three runs before this thread waits.
  auto first = make(guest, bare), second = make(guest, bare), third = make(guest, bare);
  CHECK(first.has_value() && second.has_value() && third.has_value());
  CHECK(first->number == 1 && second->number == 2 && third->number == 3);
  CHECK(second->thread->kill().has_value());
  auto again = make(guest, bare);
  CHECK(again.has_value() && again->number == 2);
  for (Made* made : {&*first, &*third, &*again}) CHECK(made->thread->wait().has_value());
}

void bad_addresses(Guest& guest) noexcept {
  CHECK(invalid(make(guest, {.entry = abi::kUserEnd}), KernelError::bad_address));
  CHECK(invalid(make(guest, {.entry = ~std::uint64_t{0}}), KernelError::bad_address));
  CHECK(invalid(make(guest, {.stack = abi::kStackTop - 8}), KernelError::bad_address));
  CHECK(invalid(make(guest, {.stack = abi::kUserEnd + 16}), KernelError::bad_address));
  CHECK(invalid(make(guest, {.fs_base = abi::kUserEnd}), KernelError::bad_address));
  CHECK(invalid(make(guest, {.fs_base = std::uint64_t{1} << 63}), KernelError::bad_address));
}

void ring_place_taken(Guest& guest) noexcept {
  const std::uint64_t place = abi::kRingBase + abi::kRingStride + 3 * kPage;
  CHECK(guest.memory->map(place, kPage, 3).has_value());
  CHECK(invalid(make(guest, {}), KernelError::bad_address));
  CHECK(guest.memory->unmap(place, kPage).has_value());
  auto made = make(guest, {});
  CHECK(made.has_value());
  CHECK(made->thread->kill().has_value());
  // The place is free again, and nothing of the dead thread is mapped there.
  CHECK(guest.memory->map(place, kPage, 3).has_value());
  CHECK(guest.memory->unmap(place, kPage).has_value());
}

// A program may unmap its ring and map something else there; the thread's end leaves that alone.
void ring_replaced(Guest& guest) noexcept {
  auto made = make(guest, {});
  CHECK(made.has_value());
  const std::uint64_t place = abi::kRingBase + abi::kRingStride;
  CHECK(guest.memory->unmap(place, 2 * kPage).has_value());
  CHECK(guest.memory->map(place, kPage, 3).has_value());
  CHECK(guest.memory->protect(place + 4 * kPage, kPage, 1).has_value());
  CHECK(made->thread->kill().has_value());
  guest.sleep(100 * kMicrosecond);
  *reinterpret_cast<volatile std::uint64_t*>(place) = 5;
  CHECK(guest.memory->unmap(place, kPage).has_value());
  CHECK(guest.memory->map(place, 16 * kPage, 3).has_value());
  CHECK(guest.memory->unmap(place, 16 * kPage).has_value());
}

void bad_context_capability(Guest& guest) noexcept {
  CHECK(invalid(make(guest, {.context = guest.timer.cap()}), KernelError::bad_capability));
  CHECK(invalid(make(guest, {.context = abi::CapId::make(7, 9999)}), KernelError::bad_capability));
}

constexpr Task kOneTask[] = {{.name = "a", .priority = 20, .response_ns = 400 * kMicrosecond}};

Claim on_boot_cpu(Guest& guest) noexcept {
  Claim claim = honest(guest, kOneTask);
  claim.cpu = 0;
  claim.slack = true;
  return claim;
}

void context_of_another_cpu(Guest& guest) noexcept {
  if (guest.cpus < 2) return;
  Island island(guest, honest(guest, kOneTask));
  CHECK(island.admitted() && island.cpu() == 1);
  CHECK(invalid(make(guest, {.context = island.context(0)}), KernelError::bad_cpu));
}

void context_of_a_retired_island(Guest& guest) noexcept {
  Island island(guest, on_boot_cpu(guest));
  CHECK(island.admitted());
  CHECK(island.island()->retire().has_value());
  guest.sleep(200 * kMicrosecond);
  CHECK(refused(make(guest, {.context = island.context(0)}), ExceptionType::failed, KernelError::bad_state));
}

// A context whose thread has ended is free for the next.
void context_bound_again(Guest& guest) noexcept {
  Island island(guest, on_boot_cpu(guest));
  CHECK(island.admitted());
  static constinit std::uint64_t record[4];  // it runs at once, and ends
  for (int again = 0; again < 3; ++again) {
    auto made = make(guest, {.argument = reinterpret_cast<std::uint64_t>(record), .context = island.context(0)});
    CHECK(made.has_value());
    const auto end = made->thread->wait();
    CHECK(end.has_value() && end->code == 77);
  }
}

// Five releases of a thread of this program, on time to the nanosecond.
struct Jobs {
  abi::CapId context;
  std::uint64_t done = 0, scheduled[5] = {};
};
void five_jobs(void* argument) {
  auto& jobs = *static_cast<Jobs*>(argument);
  Capability<schema::SchedulingContext> context(jobs.context);
  for (auto& scheduled : jobs.scheduled) {
    const auto release = context->wait_next_release();
    if (!release.has_value()) return;
    scheduled = release->scheduled_ns;
    __atomic_add_fetch(&jobs.done, 1, __ATOMIC_ACQ_REL);
  }
}

void periodic_thread(Guest& guest) noexcept {
  Island island(guest, on_boot_cpu(guest));
  CHECK(island.admitted());
  Jobs jobs{.context = island.context(0)};
  auto worker = Thread::start(guest.runtime, five_jobs, &jobs, {.context = island.context(0)});
  CHECK(worker.has_value());
  guest.sleep(300 * kMicrosecond);
  const auto state = worker->capability()->describe();
  CHECK(state.has_value() && state->ready && state->activity == schema::ThreadActivity::waits_for_release);
  const std::uint64_t start = island.activate();
  CHECK(start != 0);
  CHECK(worker->join().has_value());
  CHECK(jobs.done == 5);
  for (std::uint64_t i = 0; i < 5; ++i) CHECK(jobs.scheduled[i] == start + i * kMillisecond);
}

void killed_before_its_release(Guest& guest) noexcept {
  Island island(guest, on_boot_cpu(guest));
  CHECK(island.admitted());
  Jobs jobs{.context = island.context(0)};
  auto worker = Thread::start(guest.runtime, five_jobs, &jobs, {.context = island.context(0)});
  CHECK(worker.has_value());
  guest.sleep(300 * kMicrosecond);
  CHECK(worker->capability()->kill().has_value());
  const auto end = worker->join();
  CHECK(end.has_value() && end->reason == schema::ExitReason::killed);
  CHECK(island.activate() == 0);  // no thread waits any more
}

// No best effort where an island has the CPU to itself; a passive thread may be made there.
void passive_on_a_leased_cpu(Guest& guest) noexcept {
  if (guest.cpus < 2) return;
  Island island(guest, honest(guest, kOneTask));
  CHECK(island.admitted() && island.cpu() == 1);
  Child child(guest, {.role = Role::threads,
                      .argument = static_cast<std::uint32_t>(ThreadPlay::passive),
                      .cpu = 1,
                      .passive = true});
  CHECK(child.exits(0));
}

// Each reads its own object again and again, the reply still in its arena when the other has run.
struct Reading {
  Guest* guest;
  abi::CapId memory;
  std::uint64_t pattern;
  bool good = true;
};
void read_and_sleep(void* argument) {
  auto& reading = *static_cast<Reading*>(argument);
  Capability<schema::MemoryObject> memory(reading.memory);
  for (unsigned round = 0; round < 20; ++round) {
    auto reply = memory->read([](auto params) { params.set_count(64); });
    reading.guest->sleep(50 * kMicrosecond);
    if (!reply.has_value()) {
      reading.good = false;
      return;
    }
    const auto data = reply->reader().data();
    reading.good = reading.good && data.size() == 64 &&
                   *reinterpret_cast<const std::uint64_t*>(data.data() + 56) == reading.pattern;
  }
}

void own_rings(Guest& guest) noexcept {
  Shared first(guest), second(guest);
  first.set(7, 0x1111);
  second.set(7, 0x2222);
  Reading a{&guest, first.cap(), 0x1111}, b{&guest, second.cap(), 0x2222}, c{&guest, first.cap(), 0x1111};
  auto one = Thread::start(guest.runtime, read_and_sleep, &a);
  auto two = Thread::start(guest.runtime, read_and_sleep, &b);
  CHECK(one.has_value() && two.has_value());
  read_and_sleep(&c);
  CHECK(one->join().has_value() && two->join().has_value());
  CHECK(a.good && b.good && c.good);
}

std::uint64_t at_fs() noexcept {
  std::uint64_t value;
  asm volatile("mov %%fs:0, %0" : "=r"(value));
  return value;
}

struct FsBase {
  Guest* guest;
  std::uint64_t block[2] = {};
  bool good = true;
};
void use_fs(void* argument) {
  auto& own = *static_cast<FsBase*>(argument);
  auto control = own.guest->runtime.need<schema::ThreadControl>("self.thread");
  const auto before = control->get_fs_base();
  const auto mine = reinterpret_cast<std::uint64_t>(own.block);
  own.block[0] = ~mine;
  own.good = control->set_fs_base(mine).has_value();
  const std::uint64_t end = own.guest->now() + 5 * kMillisecond;  // more than a slice each
  while (own.guest->now() < end) own.good = own.good && at_fs() == ~mine;
  for (unsigned i = 0; i < 10; ++i) {
    own.guest->sleep(20 * kMicrosecond);
    own.good = own.good && at_fs() == ~mine;
  }
  const auto after = control->get_fs_base();
  own.good = own.good && after.has_value() && after->base == mine;
  own.good = own.good && before.has_value() && control->set_fs_base(before->base).has_value();
}

void fs_bases(Guest& guest) noexcept {
  auto control = guest.runtime.need<schema::ThreadControl>("self.thread");
  FsBase a{&guest}, b{&guest};
  auto one = Thread::start(guest.runtime, use_fs, &a);
  auto two = Thread::start(guest.runtime, use_fs, &b);
  CHECK(one.has_value() && two.has_value());
  CHECK(one->join().has_value() && two->join().has_value());
  CHECK(a.good && b.good);
  CHECK(invalid(control->set_fs_base(abi::kUserEnd), KernelError::bad_address));
  CHECK(invalid(control->set_fs_base(~std::uint64_t{0}), KernelError::bad_address));
  const auto number = control->number();
  CHECK(number.has_value() && number->number == 0);
}

void fs_base_of_a_bare_thread(Guest& guest) noexcept {
  // A thread without FS base does not see the one of the thread before it: reading through it faults, and with it
  // the program ends; so a child does that.
  Child child(guest, {.role = Role::threads, .argument = static_cast<std::uint32_t>(ThreadPlay::bare_fs)});
  CHECK(child.faults(14, 0));
}

void quota_of_threads(Guest& guest) noexcept {
  Child child(guest,
              {.role = Role::threads, .argument = static_cast<std::uint32_t>(ThreadPlay::fill), .pages = 4096});
  CHECK(child.exits(static_cast<std::int64_t>(KernelError::quota_exceeded) * 100 + 63));
}

void quota_of_memory(Guest& guest) noexcept {
  Child child(guest, {.role = Role::threads, .argument = static_cast<std::uint32_t>(ThreadPlay::fill), .pages = 256});
  const auto end = child.process()->wait();
  CHECK(end.has_value() && end->reason == schema::ExitReason::exited);
  CHECK(end->code / 100 == static_cast<std::int64_t>(KernelError::quota_exceeded));
  CHECK(end->code % 100 > 4 && end->code % 100 < 14);  // 18 pages a thread, of 256
}

constexpr Case kCases[] = {
    {"thread contract of the first instruction", contract},
    {"thread numbers are the lowest free", numbers},
    {"thread bad addresses", bad_addresses},
    {"thread ring's place taken", ring_place_taken},
    {"thread ring replaced by the program", ring_replaced},
    {"thread bad context capability", bad_context_capability},
    {"thread context of another CPU", context_of_another_cpu},
    {"thread context of a retired island", context_of_a_retired_island},
    {"thread context bound again", context_bound_again},
    {"thread on a context", periodic_thread},
    {"thread killed before its release", killed_before_its_release},
    {"thread passive on a leased CPU", passive_on_a_leased_cpu},
    {"thread rings are apart", own_rings},
    {"thread FS bases are apart", fs_bases},
    {"thread without FS base", fs_base_of_a_bare_thread},
    {"thread quota of 64", quota_of_threads},
    {"thread quota of memory", quota_of_memory},
};

}  // namespace

std::span<const Case> thread_cases() noexcept { return kCases; }

}  // namespace conformance
