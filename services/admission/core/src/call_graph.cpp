// SPDX-License-Identifier: Apache-2.0
#include "call_graph.hpp"

#include <bit>

#include "check.hpp"

namespace capos::admission {
namespace {

constexpr ServiceSet one(std::uint32_t service) noexcept { return ServiceSet{1} << service; }

ServiceSet calls_of(schema::SystemManifest::Reader manifest, schema::Service::Reader service) noexcept {
  ServiceSet calls = 0;
  const auto grants = service.grants();
  for (std::uint32_t g = 0; g < grants.size() && g < kMaxGrantsPerService; ++g) {
    if (grants[g].which() != schema::Grant::Which::from) continue;
    const ExportRef ref = resolve(manifest, grants[g].from());
    if (ref.found()) calls |= one(ref.service);
  }
  return calls;
}

// Everything that `step` leads to from `start` on; only services of `passive` lead further.
template <typename Step>
ServiceSet closure(std::uint32_t start, ServiceSet passive, Step&& step) noexcept {
  ServiceSet seen = one(start);
  ServiceSet pending = seen & passive;
  while (pending != 0) {
    const auto at = static_cast<std::uint32_t>(std::countr_zero(pending));
    const ServiceSet found = step(at) & ~seen;
    seen |= found;
    pending = (pending & (pending - 1)) | (found & passive);
  }
  return seen;
}

}  // namespace

CallGraph::CallGraph(schema::SystemManifest::Reader manifest) noexcept {
  const auto services = manifest.init_config().services();
  size_ = services.size() < kMaxServices ? services.size() : std::uint32_t{kMaxServices};
  for (std::uint32_t i = 0; i < size_; ++i) {
    calls_[i] = calls_of(manifest, services[i]);
    if (services[i].passive()) passive_ |= one(i);
  }
}

ServiceSet CallGraph::reached_servers(std::uint32_t server) const noexcept {
  return closure(server, passive_, [this](std::uint32_t at) { return calls_[at] & passive_; });
}

ServiceSet CallGraph::callers_of(std::uint32_t server) const noexcept {
  const ServiceSet all = closure(server, passive_, [this](std::uint32_t at) {
    ServiceSet callers = 0;
    for (std::uint32_t i = 0; i < size_; ++i) callers |= may_call(i, at) ? one(i) : 0;
    return callers;
  });
  return all & ~passive_;
}

}  // namespace capos::admission
