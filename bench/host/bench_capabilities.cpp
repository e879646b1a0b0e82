// SPDX-License-Identifier: Apache-2.0
// What a CapId names, found in the kernel's capability table, beside a hash map and a tree from ids to objects, at 10 to 65 535
// entries in an order that is no order. The table also tells stale, revoked and leased ids apart; the peers do not.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <unordered_map>
#include <vector>

#include "boot_pack.hpp"
#include "capos/host/machine.hpp"
#include "median.hpp"
#include "objects/capability_table.hpp"
#include "resources/ledger.hpp"

namespace capos {
namespace {

constexpr int kTurns = 1024;

class Named final : public kernel::Object {
 public:
  Named() noexcept : Object(kernel::ObjectType::notification) {}
  [[nodiscard]] std::uint64_t interface_id() const noexcept override { return 77; }
  kernel::Outcome call_registers(kernel::CallContext&, std::uint64_t, std::uint16_t, const std::uint64_t (&)[8],
                                 std::uint64_t (&)[8]) noexcept override {
    return kernel::Outcome::unimplemented();
  }
  kernel::Outcome call_message(kernel::CallContext&, std::uint64_t, std::uint16_t, wire::AnyStructReader,
                               wire::MessageBuilder&) noexcept override {
    return kernel::Outcome::unimplemented();
  }

 private:
  void destroy() noexcept override { delete this; }
};

// A booted kernel on the simulated machine, for the frames that tables take.
class Machine {
 public:
  Machine() : pack_(ktest::boot_pack({})), machine_({.ram_bytes = 64u << 20, .module = pack_}) { (void)machine_.boot(); }
  static kernel::Ref<kernel::Ledger> ledger() {
    kernel::Ledger::Amounts amounts{};
    amounts[static_cast<std::size_t>(kernel::Resource::frames)] = 1000;
    amounts[static_cast<std::size_t>(kernel::Resource::table_slots)] = kernel::CapabilityTable::kMaxSlots;
    auto made = kernel::machine_ledger().create_child(amounts);
    if (!made.has_value()) std::abort();
    return *std::move(made);
  }

 private:
  std::vector<std::uint64_t> pack_;
  host::Machine machine_;
};

// The same ids for all three.
struct Ids {
  explicit Ids(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto id = table.insert(kernel::Ref<kernel::Object>::adopt(new Named));
      if (!id.has_value()) std::abort();
      ids.push_back(*id);
      kernel::Object* const object = table.find(*id)->object();
      hashed.emplace(id->raw, object);
      sorted.emplace(id->raw, object);
    }
    std::ranges::shuffle(ids, std::mt19937_64(1));
  }
  Ids(const Ids&) = delete;
  ~Ids() {
    while (!table.clear_step(1000)) {
    }
  }
  kernel::Ref<kernel::Ledger> ledger = Machine::ledger();
  kernel::CapabilityTable table{ledger->pages()};
  std::vector<abi::CapId> ids;
  std::unordered_map<std::uint64_t, kernel::Object*> hashed;
  std::map<std::uint64_t, kernel::Object*> sorted;
};

template <typename Find>
double time_of(const Ids& all, std::size_t first, Find&& find) {
  std::size_t at = first;
  const auto start = std::chrono::steady_clock::now();
  for (int turn = 0; turn < kTurns; ++turn) {
    benchmark::DoNotOptimize(find(all.ids[at]));
    if (++at == all.ids.size()) at = 0;
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void capability_lookup(benchmark::State& state) {
  const Machine machine;
  Ids all(static_cast<std::size_t>(state.range(0)));
  std::size_t first = 0;
  Passes ours, hashed, sorted;
  while (state.KeepRunningBatch(kTurns)) {
    const double mine = time_of(all, first, [&](abi::CapId id) { return all.table.find(id)->object(); });
    ours.add(mine);
    hashed.add(time_of(all, first, [&](abi::CapId id) { return all.hashed.find(id.raw)->second; }));
    sorted.add(time_of(all, first, [&](abi::CapId id) { return all.sorted.find(id.raw)->second; }));
    first = (first + kTurns) % all.ids.size();
    state.SetIterationTime(mine);
  }
  state.counters["unordered_map/ours"] = hashed.by(ours);
  state.counters["map/ours"] = sorted.by(ours);
}
BENCHMARK(capability_lookup)->Arg(10)->Arg(100)->Arg(1000)->Arg(10'000)->Arg(kernel::CapabilityTable::kMaxSlots - 1)->UseManualTime();

}  // namespace
}  // namespace capos
