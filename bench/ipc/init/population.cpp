// SPDX-License-Identifier: Apache-2.0
#include "cast.hpp"

namespace ipc_bench {
namespace {

// Held for ever: in this program's table, which has room for 65 535.
bool make_endpoint(Capability<schema::ObjectFactory> objects) noexcept {
  auto made = objects->create_endpoint([](auto params) { params.set_interface_id(1); });
  if (!made.has_value()) return false;
  (void)made->capability<schema::Endpoint>(made->reader().endpoint()).leak();
  return true;
}

// On the ledger that pays for all of them: what it takes, and no part of its own beside.
bool make_bystander(runtime::Runtime& runtime) noexcept {
  const Grant grants[] = {{"timer", runtime.find_any("timer")}};
  auto process = spawn(runtime, {.part = Part::bystander, .grants = grants, .pages = 0, .ledger = runtime.find_any("self.ledger")});
  return process.has_value();  // its handle goes, the process stays
}

template <typename Make>
std::uint64_t repeat(std::uint64_t wanted, Make&& make) noexcept {
  std::uint64_t made = 0;
  while (made < wanted && make()) ++made;
  return made;
}

}  // namespace

void populate(runtime::Runtime& runtime, abi::BenchHeader& header) noexcept {
  const std::uint64_t wanted = header.request.population;
  auto objects = runtime.need<schema::ObjectFactory>("objects");
  header.population.endpoints = repeat(wanted, [&]() noexcept { return make_endpoint(objects); });
  header.population.processes = repeat(wanted, [&]() noexcept { return make_bystander(runtime); });
}

}  // namespace ipc_bench
