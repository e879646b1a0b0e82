// SPDX-License-Identifier: Apache-2.0
// ResourceLedger: what is donated, who runs short, and that everything comes back.
#include "authority.hpp"
#include "island_harness.hpp"

namespace conformance {
namespace {

auto create_child(abi::CapId of, const Amounts& amounts) noexcept {
  return Capability<schema::ResourceLedger>(of)->create_child(
      [&](auto params) { write_amounts(params.init_amounts(), amounts); });
}

std::uint64_t left_of(abi::CapId ledger, Resource resource) noexcept {
  const auto found = Capability<schema::ResourceLedger>(ledger)->usage(resource);
  return found.has_value() ? found->limit - found->used : 0;
}

std::uint64_t used_of(abi::CapId ledger, Resource resource) noexcept {
  const auto found = Capability<schema::ResourceLedger>(ledger)->usage(resource);
  return found.has_value() ? found->used : ~std::uint64_t{0};
}

constexpr Amounts kNothing{.frames = 0, .table_slots = 0, .threads = 0, .contexts = 0, .endpoints = 0,
                           .ring_arenas = 0, .log_bytes = 0, .kernel_bytes = 0, .cpu_ppm = 0};

// By Resource.
std::uint64_t& amount_of(Amounts& amounts, std::uint16_t resource) noexcept {
  std::uint64_t* const places[kResources] = {&amounts.frames,       &amounts.table_slots, &amounts.threads,
                                             &amounts.contexts,     &amounts.endpoints,   &amounts.ring_arenas,
                                             &amounts.log_bytes,    &amounts.kernel_bytes, &amounts.cpu_ppm};
  return *places[resource];
}

void usage_errors(Guest& guest) noexcept {
  CHECK(invalid(own_ledger(guest)->usage(static_cast<Resource>(kResources)), KernelError::bad_range));
  CHECK(invalid(own_ledger(guest)->usage(static_cast<Resource>(0xffff)), KernelError::bad_range));
  const auto reader = narrowed<schema::LedgerReader>(guest, own_ledger(guest).cap());
  CHECK(reader.borrow()->usage(Resource::frames).has_value());
  CHECK(refused(create_child(reader.cap(), kNothing), ExceptionType::unimplemented, KernelError::none));
}

void usage_tells(Guest& guest) noexcept {
  const abi::CapId own = own_ledger(guest).cap();
  const Usage before = usage_of(own);
  {
    const Memory memory = make_memory(guest, 100);
    const auto service = make_service(guest);
    const Usage between = usage_of(own);
    const auto grown = [&](Resource resource) {
      return between.used[static_cast<std::size_t>(resource)] - before.used[static_cast<std::size_t>(resource)];
    };
    CHECK(grown(Resource::frames) >= 100 && grown(Resource::frames) <= 101);
    CHECK(grown(Resource::table_slots) == 3 && grown(Resource::endpoints) == 1);
    CHECK(grown(Resource::kernel_bytes) >= 3 * 64 && grown(Resource::kernel_bytes) % 64 == 0);
    CHECK(grown(Resource::threads) == 0 && grown(Resource::contexts) == 0);
  }
  CHECK(comes_back_to(guest, before));
}

void donation(Guest& guest) noexcept {
  const abi::CapId own = own_ledger(guest).cap();
  const Usage before = usage_of(own);
  {
    const Amounts amounts{.frames = 10, .table_slots = 20, .threads = 3, .contexts = 4, .endpoints = 5,
                          .ring_arenas = 6, .log_bytes = 7, .kernel_bytes = 8192, .cpu_ppm = 9};
    Amounts copy = amounts;
    const Account child = make_ledger(guest, amounts);
    CHECK(child);
    for (std::uint16_t i = 0; i < kResources; ++i) {
      const auto found = child.borrow()->usage(static_cast<Resource>(i));
      CHECK(found.has_value() && found->limit == amount_of(copy, i) && found->used == 0);
      if (static_cast<Resource>(i) == Resource::log_bytes) continue;
      CHECK(usage_of(own).used[i] >= before.used[i] + amount_of(copy, i));
    }
  }
  CHECK(comes_back_to(guest, before));
}

// One too much of anything, and nothing is donated of the others.
void donation_refused(Guest& guest) noexcept {
  const Account small = make_ledger(guest, {.frames = 50, .contexts = 2, .endpoints = 3, .cpu_ppm = 10});
  CHECK(small);
  const Usage before = usage_of(small.cap());
  for (std::uint16_t i = 0; i < kResources; ++i) {
    Amounts amounts = kNothing;
    amounts.frames = i == 0 ? 0 : 1;
    amount_of(amounts, i) = left_of(small.cap(), static_cast<Resource>(i)) + 1;
    CHECK(refused(create_child(small.cap(), amounts), ExceptionType::overloaded, KernelError::quota_exceeded));
    amount_of(amounts, i) = ~std::uint64_t{0};
    CHECK(refused(create_child(small.cap(), amounts), ExceptionType::overloaded, KernelError::quota_exceeded));
    CHECK(usage_of(small.cap()) == before);
  }
  // The ledger itself takes kernel memory.
  Amounts all = kNothing;
  all.kernel_bytes = left_of(small.cap(), Resource::kernel_bytes);
  CHECK(refused(create_child(small.cap(), all), ExceptionType::overloaded, KernelError::quota_exceeded));
  CHECK(usage_of(small.cap()) == before);
}

void too_deep(Guest& guest) noexcept {
  const Usage before = usage_of(own_ledger(guest).cap());
  {
    Account generations[9];
    abi::CapId of = own_ledger(guest).cap();
    std::size_t made = 0;
    for (std::uint64_t bytes = 16'384; made < 9; ++made, bytes -= 1024) {
      Amounts amounts = kNothing;
      amounts.kernel_bytes = bytes;
      auto child = create_child(of, amounts);
      if (!child.has_value()) {
        CHECK(refused(child, ExceptionType::overloaded, KernelError::too_deep));
        break;
      }
      generations[made] = child->capability<schema::ResourceLedger>(child->reader().ledger());
      of = generations[made].cap();
    }
    CHECK(made == 8);
    generations[0] = {};  // its children keep it
    CHECK(used_of(generations[1].cap(), Resource::kernel_bytes) > 0);
  }
  CHECK(comes_back_to(guest, before));
}

void spawn_on_a_ledger(Guest& guest) noexcept {
  const Usage before = usage_of(own_ledger(guest).cap());
  {
    const Account account = make_ledger(guest, {.threads = 2, .ring_arenas = 2});
    {
      Child one(guest, {.role = Role::sleeper, .argument = 5, .ledger = account.cap()});
      Child two(guest, {.role = Role::sleeper, .argument = 5, .ledger = account.cap()});
      CHECK(used_of(account.cap(), Resource::threads) == 2 && used_of(account.cap(), Resource::ring_arenas) == 2);
      CHECK(used_of(account.cap(), Resource::frames) > 40);
      // The third is one too many, for want of a thread.
      CHECK(refused(try_spawn(guest, {.role = Role::exit_with, .ledger = account.cap()}), ExceptionType::failed,
                    KernelError::quota_exceeded));
      CHECK(one.exits(7) && two.exits(7));
    }
    for (int i = 0; i < 100 && usage_of(account.cap()) != Usage{}; ++i) guest.sleep(1 * kMillisecond);
    CHECK(usage_of(account.cap()) == Usage{});
  }
  CHECK(comes_back_to(guest, before));
}

void spawn_errors(Guest& guest) noexcept {
  const Account account = make_ledger(guest, {});
  const auto spawn = [&](abi::CapId ledger, std::uint64_t pages) {
    return guest.spawner->spawn([&](auto params, Transfers& transfers) {
      params.set_name("child");
      params.set_program("child");
      params.set_memory_pages(pages);
      params.set_ledger(transfers.add(ledger));
    });
  };
  CHECK(invalid(spawn(account.cap(), 1), KernelError::bad_range));
  CHECK(invalid(spawn(guest.timer.cap(), 0), KernelError::bad_capability));
  const auto reader = narrowed<schema::LedgerReader>(guest, account.cap());
  CHECK(invalid(spawn(reader.cap(), 0), KernelError::bad_capability));
  // More than the spawner has.
  CHECK(refused(try_spawn(guest, {.role = Role::exit_with, .pages = std::uint64_t{1} << 40}), ExceptionType::overloaded,
                KernelError::quota_exceeded));
  CHECK(refused(try_spawn(guest, {.role = Role::exit_with, .pages = ~std::uint64_t{0}}), ExceptionType::overloaded,
                KernelError::quota_exceeded));
}

// With a little more each time, a spawn fails wherever it can for want of the resource; each failure takes nothing.
bool sweep(Guest& guest, Resource resource, std::uint64_t step, std::uint64_t most) noexcept {
  const Usage before = usage_of(own_ledger(guest).cap());
  unsigned failures = 0;
  bool started = false;
  for (std::uint64_t amount = 0; amount <= most && !started; amount += step) {
    Amounts amounts;
    amount_of(amounts, static_cast<std::uint16_t>(resource)) = amount;
    const Account account = make_ledger(guest, amounts);
    auto made = try_spawn(guest, {.role = Role::exit_with, .argument = 1, .ledger = account.cap()});
    started = made.has_value();
    if (started) {
      EXPECT((*made)->wait().has_value());
      break;
    }
    ++failures;
    EXPECT(refused(made, ExceptionType::failed, KernelError::quota_exceeded));
    for (int i = 0; i < 100 && usage_of(account.cap()) != Usage{}; ++i) guest.sleep(200 * kMicrosecond);
    EXPECT(usage_of(account.cap()) == Usage{});
  }
  EXPECT(started && failures > 0);
  EXPECT(comes_back_to(guest, before));
  return true;
}

void sweep_frames(Guest& guest) noexcept { (void)sweep(guest, Resource::frames, 1, 200); }
void sweep_kernel_bytes(Guest& guest) noexcept { (void)sweep(guest, Resource::kernel_bytes, 64, 32'768); }
void sweep_slots(Guest& guest) noexcept { (void)sweep(guest, Resource::table_slots, 1, 20); }
void sweep_threads(Guest& guest) noexcept { (void)sweep(guest, Resource::threads, 1, 2); }
void sweep_arenas(Guest& guest) noexcept { (void)sweep(guest, Resource::ring_arenas, 1, 2); }

struct Spent {
  Spending spending;
  Amounts amounts;
  std::int64_t least, most;  // times
};

bool spends(Guest& guest, const Spent& spent) noexcept {
  const Usage before = usage_of(own_ledger(guest).cap());
  {
    const Grant grants[] = {{"objects", guest.objects.cap()}};
    const Account account = make_ledger(guest, spent.amounts);
    Child child(guest, {.role = Role::spender,
                        .argument = static_cast<std::uint32_t>(spent.spending),
                        .grants = grants,
                        .ledger = account.cap()});
    const auto end = child.process()->wait();
    EXPECT(end.has_value());
    guest.note("times", static_cast<std::uint64_t>(end->code));
    EXPECT(end->code >= spent.least && end->code <= spent.most);
    // Nobody else is any shorter for it.
    EXPECT(make_notification(guest) && make_service(guest).client);
  }
  EXPECT(comes_back_to(guest, before));
  return true;
}

void spends_kernel_bytes(Guest& guest) noexcept {
  (void)spends(guest, {Spending::notifications, {.kernel_bytes = 32 * 1024}, 100, 500});
}
void spends_endpoints(Guest& guest) noexcept { (void)spends(guest, {Spending::endpoints, {.endpoints = 3}, 3, 3}); }
void spends_slots(Guest& guest) noexcept { (void)spends(guest, {Spending::copies, {.table_slots = 100}, 80, 99}); }
void spends_frames(Guest& guest) noexcept {
  (void)spends(guest, {Spending::copies, {.frames = 110}, 128, 10'000});
}
void spends_log(Guest& guest) noexcept {
  const std::uint64_t before = used_of(own_ledger(guest).cap(), Resource::log_bytes);
  if (!spends(guest, {Spending::log_lines, {.log_bytes = 5 * kLogLine + 3}, 5, 5})) return;
  // What has been written is spent; the rest has come back.
  CHECK(used_of(own_ledger(guest).cap(), Resource::log_bytes) == before + 5 * kLogLine);
}

void island_bandwidth(Guest& guest) noexcept {
  const abi::CapId own = own_ledger(guest).cap();
  const Task tasks[] = {{.name = "a", .priority = 20, .response_ns = 400 * kMicrosecond},
                        {.name = "b", .budget_ns = 50 * kMicrosecond, .priority = 10, .response_ns = 700 * kMicrosecond}};
  {
    // Its capabilities may be the first in a page of the table, which stays: counted from the second island on.
    Island first(guest, honest(guest, tasks));
    CHECK(first.island()->retire().has_value());
  }
  guest.sleep(5 * kMillisecond);
  const Usage before = usage_of(own);
  {
    Island island(guest, honest(guest, tasks));
    if (!island.admitted()) return guest.fail("refused", 0, island.refusal());
    CHECK(used_of(own, Resource::contexts) == before.used[static_cast<std::size_t>(Resource::contexts)] + 2);
    CHECK(used_of(own, Resource::cpu_ppm) == before.used[static_cast<std::size_t>(Resource::cpu_ppm)] + 150'000);
    CHECK(island.island()->retire().has_value());
    CHECK(used_of(own, Resource::cpu_ppm) == before.used[static_cast<std::size_t>(Resource::cpu_ppm)]);
  }
  CHECK(comes_back_to(guest, before));
}

constexpr Case kCases[] = {
    {"ledger.usage errors", usage_errors},
    {"ledger.usage of what is made", usage_tells},
    {"ledger donates and gets back", donation},
    {"ledger.createChild beyond what is left", donation_refused},
    {"ledger.createChild too deep", too_deep},
    {"spawn on a ledger", spawn_on_a_ledger},
    {"spawn ledger errors", spawn_errors},
    {"spawn short of frames, wherever", sweep_frames},
    {"spawn short of kernel memory, wherever", sweep_kernel_bytes},
    {"spawn short of slots, wherever", sweep_slots},
    {"spawn short of threads", sweep_threads},
    {"spawn short of rings", sweep_arenas},
    {"ledger spent: kernel memory", spends_kernel_bytes},
    {"ledger spent: endpoints", spends_endpoints},
    {"ledger spent: slots", spends_slots},
    {"ledger spent: frames of the table", spends_frames},
    {"ledger spent: log", spends_log},
    {"ledger of an island", island_bandwidth},
};

}  // namespace

std::span<const Case> ledger_cases() noexcept { return kCases; }

}  // namespace conformance
