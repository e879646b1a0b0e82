// SPDX-License-Identifier: Apache-2.0
#include "resources/ledger.hpp"

#include <algorithm>

#include "core/assert.hpp"
#include "ipc/call_context.hpp"
#include "memory/frame_allocator.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

constinit Ledger g_machine;

// One byte of the kernel's in sixteen of the machine's.
constexpr std::uint64_t kKernelBytesPerFrame = hal::kPageSize / 16;

constexpr std::size_t index_of(Resource resource) noexcept { return static_cast<std::size_t>(resource); }
static_assert(index_of(Resource::cpu_ppm) + 1 == Ledger::kResources);

Ledger::Amounts read_amounts(schema::ResourceAmounts::Reader from) noexcept {
  Ledger::Amounts amounts{};
  amounts[index_of(Resource::frames)] = from.frames();
  amounts[index_of(Resource::table_slots)] = from.table_slots();
  amounts[index_of(Resource::threads)] = from.threads();
  amounts[index_of(Resource::contexts)] = from.contexts();
  amounts[index_of(Resource::endpoints)] = from.endpoints();
  amounts[index_of(Resource::ring_arenas)] = from.ring_arenas();
  amounts[index_of(Resource::log_bytes)] = from.log_bytes();
  amounts[index_of(Resource::kernel_bytes)] = from.kernel_bytes();
  amounts[index_of(Resource::cpu_ppm)] = from.cpu_ppm();
  return amounts;
}

}  // namespace

Ledger& machine_ledger() noexcept { return g_machine; }

void open_machine_ledger() noexcept {
  const std::uint64_t free = frames().lock()->free_frames();
  g_machine.set_limit(Resource::frames, free - free / 16);
  g_machine.set_limit(Resource::kernel_bytes, g_machine.used(Resource::kernel_bytes) + free / 16 * hal::kPageSize);
}

Ledger::Amounts amounts_for(std::uint64_t memory_pages, const Ledger& spawner) noexcept {
  constexpr std::uint64_t kLeastKernelBytes = 64 * 1024, kMostPages = Ledger::kPlenty / hal::kPageSize;
  const std::uint64_t pages = memory_pages < kMostPages ? memory_pages : kMostPages;
  Ledger::Amounts amounts{};
  amounts[index_of(Resource::frames)] = pages;
  const auto give = [&](Resource resource, std::uint64_t common) {
    amounts[index_of(resource)] = std::min(common, spawner.left(resource) / 2);
  };
  give(Resource::table_slots, CapabilityTable::kMaxSlots);
  give(Resource::threads, Process::kMaxThreads);
  give(Resource::endpoints, 1024);
  give(Resource::ring_arenas, Process::kMaxThreads);
  give(Resource::log_bytes, 16u << 20);
  amounts[index_of(Resource::kernel_bytes)] = kLeastKernelBytes + pages * kKernelBytesPerFrame;
  return amounts;
}

Ledger::Ledger(const Amounts& amounts, unsigned depth) noexcept : TypedObject(kType), depth_(depth), pages_(*this) {
  for (std::size_t i = 0; i < kResources; ++i) accounts_[i].limit.store(amounts[i], std::memory_order_relaxed);
}

bool Ledger::charge(Resource resource, std::uint64_t amount) noexcept {
  Account& one = account(resource);
  const std::uint64_t limit = one.limit.load(std::memory_order_relaxed);
  std::uint64_t used = one.used.load(std::memory_order_relaxed);
  do {
    if (amount > limit - used) return false;
  } while (!one.used.compare_exchange_weak(used, used + amount, std::memory_order_relaxed));
  return true;
}

void Ledger::give_back(Resource resource, std::uint64_t amount) noexcept {
  [[maybe_unused]] const std::uint64_t before = account(resource).used.fetch_sub(amount, std::memory_order_relaxed);
  require(before >= amount, "a ledger gets back no more than was charged");
}

ResultOf<Ref<Ledger>, KernelError> Ledger::create_child(const Amounts& amounts) noexcept {
  if (depth_ == kMaxDepth) return fail(KernelError::too_deep);
  for (std::size_t i = 0; i < kResources; ++i) {
    if (charge(static_cast<Resource>(i), amounts[i])) continue;
    while (i > 0) {
      --i;
      give_back(static_cast<Resource>(i), amounts[i]);
    }
    return fail(KernelError::quota_exceeded);
  }
  auto child = new_object<Ledger>(*this, amounts, depth_ + 1);
  if (!child.has_value()) {
    for (std::size_t i = 0; i < kResources; ++i) give_back(static_cast<Resource>(i), amounts[i]);
  }
  return child;
}

void Ledger::destroy() noexcept {
  for (std::size_t i = 0; i < kResources; ++i) {
    const auto resource = static_cast<Resource>(i);
    const bool spent = resource == Resource::log_bytes;
    require(spent || used(resource) == 0, "nothing is charged to a ledger that ends");
    payer()->give_back(resource, spent ? left(resource) : limit(resource));
  }
  delete_object(this);
}

Outcome Ledger::create_child(CallContext& call, Interface::CreateChild::Params::Reader params,
                             Interface::CreateChild::Results::Builder results) noexcept {
  auto child = create_child(read_amounts(params.amounts()));
  if (!child.has_value()) return Outcome::overloaded(child.error());
  const auto index = call.give(*std::move(child));
  if (!index.has_value()) return Outcome::overloaded(index.error());
  results.set_ledger(*index);
  return Outcome::done();
}

Outcome Ledger::usage(CallContext&, const schema::LedgerReader::Usage::Params::Value& params,
                      schema::LedgerReader::Usage::Results::Value& results) noexcept {
  if (index_of(params.resource) >= kResources) return Outcome::invalid(KernelError::bad_range);
  results.limit = limit(params.resource);
  results.used = used(params.resource);
  return Outcome::done();
}

}  // namespace capos::kernel
