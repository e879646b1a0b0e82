// SPDX-License-Identifier: Apache-2.0
#include "authority.hpp"

namespace conformance {

void write_amounts(schema::ResourceAmounts::Builder to, const Amounts& amounts) noexcept {
  to.set_frames(amounts.frames);
  to.set_table_slots(amounts.table_slots);
  to.set_threads(amounts.threads);
  to.set_contexts(amounts.contexts);
  to.set_endpoints(amounts.endpoints);
  to.set_ring_arenas(amounts.ring_arenas);
  to.set_log_bytes(amounts.log_bytes);
  to.set_kernel_bytes(amounts.kernel_bytes);
  to.set_cpu_ppm(amounts.cpu_ppm);
}

Account make_ledger(Guest& guest, const Amounts& amounts) noexcept {
  auto made = own_ledger(guest)->create_child([&](auto params) { write_amounts(params.init_amounts(), amounts); });
  return made.has_value() ? made->capability<schema::ResourceLedger>(made->reader().ledger()) : Account();
}

Usage usage_of(abi::CapId ledger) noexcept {
  Usage usage;
  Capability<schema::ResourceLedger> account(ledger);
  for (std::uint16_t i = 0; i < kResources; ++i) {
    const auto resource = static_cast<Resource>(i);
    const auto found = account->usage(resource);
    if (resource != Resource::log_bytes) usage.used[i] = found.has_value() ? found->used : ~std::uint64_t{0};
  }
  return usage;
}

bool comes_back_to(Guest& guest, const Usage& wanted) noexcept {
  const abi::CapId own = own_ledger(guest).cap();
  for (int i = 0; i < 200; ++i) {
    if (usage_of(own) == wanted) return true;
    guest.sleep(1 * kMillisecond);
  }
  const Usage found = usage_of(own);
  for (std::uint16_t i = 0; i < kResources; ++i) {
    if (found.used[i] == wanted.used[i]) continue;
    guest.note(schema::name_of(static_cast<Resource>(i)), wanted.used[i]);
    guest.note("became", found.used[i]);
  }
  return false;
}

}  // namespace conformance
