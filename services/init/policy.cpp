// SPDX-License-Identifier: Apache-2.0
// What a policy service holds: shares of other services, and the placement of best effort.
#include "system.hpp"

namespace capos::init {
namespace {

// The one before is taken apart beside best effort, and this is its only trace.
constexpr unsigned kTries = 10'000;
constexpr std::uint64_t kPause = 1'000'000;  // ns

template <typename Make>
auto make_when_free(const System& system, Make&& make) noexcept {
  auto timer = system.runtime.need<schema::Timer>("timer");
  for (unsigned tries = 0;; ++tries) {
    auto made = make();
    const bool busy = !made.has_value() && made.error().kernel() == schema::KernelError::busy;
    if (!busy || tries == kTries) return made;
    const auto now = timer->now();
    if (now.has_value()) (void)timer->sleep_until(now->ns + kPause);
  }
}

abi::CapId process_of(const System& system, std::string_view service) noexcept {
  std::uint32_t index = 0;
  for (const auto other : system.config().services()) {
    if (other.name() == service) return system.processes[index];
    ++index;
  }
  return {};
}

}  // namespace

bool is_policy(schema::Service::Reader service) noexcept {
  return service.config().which() == schema::ServiceConfig::Which::policy;
}

abi::CapId make_placement(const System& system) noexcept {
  auto policy = system.runtime.need<schema::SchedulingPolicy>("schedulingPolicy");
  auto made = make_when_free(system, [&] { return policy->placement([](auto) {}); });
  return made.has_value() ? made->cap(made->reader().control()) : abi::CapId{};
}

abi::CapId make_share_control(const System& system, std::string_view service) noexcept {
  auto policy = system.runtime.need<schema::SchedulingPolicy>("schedulingPolicy");
  auto made = make_when_free(system, [&] {
    return policy->control([&](auto params, runtime::Transfers& transfers) {
      params.set_process(transfers.add(process_of(system, service)));
    });
  });
  return made.has_value() ? made->cap(made->reader().control()) : abi::CapId{};
}

}  // namespace capos::init
