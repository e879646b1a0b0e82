// SPDX-License-Identifier: Apache-2.0
// Rules about a policy service: its desks are its exports, and what they allow can be had.
#include "check.hpp"

namespace capos::admission {
namespace {

using Grant = schema::Grant::Which;

constexpr std::size_t kMaxDesks = 8;
constexpr std::size_t kMaxShares = 16;  // of all desks

bool has_placement(schema::Service::Reader service) noexcept {
  for (const auto grant : service.grants()) {
    if (grant.which() == Grant::kernel && grant.kernel() == schema::KernelService::placement) return true;
  }
  return false;
}

void check_export(Check& check, schema::Service::Reader service, wire::List<schema::PolicyDesk> desks, std::uint32_t index) noexcept {
  const std::string_view name = desks[index].export_();
  const auto exports = service.exports();
  const std::uint32_t found = index_of(exports, kMaxExportsPerService, name);
  bool twice = false;
  for (std::uint32_t earlier = 0; earlier < index; ++earlier) twice |= desks[earlier].export_() == name;
  if (found != kNotFound && !twice && exports[found].interface() == schema::Policy::kInterfaceId) return;
  check.report("export", "policy-desk", text("a desk of '", service.name(), "' is for '", name, "', which is no export of its own for it"),
               text("one desk for each export with interface = Policy.policyInterface"));
}

void check_share(Check& check, schema::Service::Reader service, wire::List<schema::ShareLimit> shares, std::uint32_t index) noexcept {
  const Path::Scope scope(check.path, "shares", index);
  const auto share = shares[index];
  const auto services = check.manifest.init_config().services();
  bool twice = false;
  for (std::uint32_t earlier = 0; earlier < index; ++earlier) twice |= shares[earlier].service() == share.service();
  if (index_of(services, kMaxServices, share.service()) == kNotFound) {
    check.report("service", "unknown-service", text("no service is called '", share.service(), "'"),
                 suggest("service", services, kMaxServices, share.service()));
  } else if (services[index_of(services, kMaxServices, share.service())].restarts() != 0) {
    check.report("service", "policy-share", text("service '", share.service(), "' is started again, and its share cannot be had"),
                 text("a share is of one process: remove restarts there, or the share here"));
  } else if (twice || share.service() == service.name()) {
    check.report("service", "policy-share", text("a desk cannot have the share of '", share.service(), "' ", twice ? "twice" : "itself"),
                 text("each other service once in a desk"));
  }
  if (share.min_weight() < 1 || share.min_weight() > share.max_weight() || share.max_weight() > 1000 ||
      share.latency() > schema::LatencyClass::batch) {
    check.report("", "policy-limits", text("the limits of the share of '", share.service(), "' are out of range"),
                 text("1 <= minWeight <= maxWeight <= 1000; latency = interactive, normal or batch"));
  }
}

void check_leases(Check& check, schema::PolicyDesk::Reader desk) noexcept {
  const std::uint16_t cpus = check.manifest.kernel_params().cpus();
  for (const std::uint16_t cpu : desk.leases()) {
    if (cpu != 0 && cpu < cpus) continue;
    check.report("leases", "policy-lease", text("CPU ", cpu, " cannot be kept free of best effort"),
                 cpus < 2 ? text("the machine has CPU 0 alone, which keeps the house") : text("any but CPU 0, below ", cpus));
    return;
  }
}

}  // namespace

void check_policy(Check& check, std::uint32_t index) noexcept {
  const auto service = check.manifest.init_config().services()[index];
  if (service.config().which() != schema::ServiceConfig::Which::policy) return;
  const Path::Scope config(check.path, "config");
  const Path::Scope policy(check.path, "policy");
  const auto desks = service.config().policy().desks();
  const std::uint32_t count = check.bounded("desks", desks.size(), kMaxDesks);
  if (desks.empty() || desks.size() != service.exports().size()) {
    check.report("desks", "policy-desk", text("service '", service.name(), "' has ", service.exports().size(), " exports and ", desks.size(), " desks"),
                 text("one desk for each export: it says what its callers may ask for"));
  }
  std::size_t shares = 0;
  bool places = false;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Path::Scope scope(check.path, "desks", i);
    check_export(check, service, desks, i);
    shares += desks[i].shares().size();
    for (std::uint32_t s = 0; s < desks[i].shares().size() && s < kMaxShares; ++s) check_share(check, service, desks[i].shares(), s);
    check_leases(check, desks[i]);
    places |= desks[i].placement() || !desks[i].leases().empty();
  }
  if (shares > kMaxShares) {
    check.report("desks", "too-many", text("the desks speak of ", shares, " shares"), text("at most ", kMaxShares));
  }
  if (places && !has_placement(service)) {
    check.report("desks", "policy-placement", text("a desk of '", service.name(), "' may place or keep CPUs, but the service may not"),
                 text("add to the service's grants: (name = \"placement\", kernel = placement)"));
  }
  if (service.passive() || service.cpu() != 0 || task_of_service(check.manifest, service.name()).found()) {
    check.report("", "policy-place", text("policy service '", service.name(), "' does not run as best effort on CPU 0"),
                 text("leave out cpu and passive: only CPU 0 is told of islands"));
  }
}

}  // namespace capos::admission
