// SPDX-License-Identifier: Apache-2.0
#include "capos/hal/devices.hpp"
#include "capos/schema/devices.hpp"
#include "devices/services.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

class EntropyService final : public SingletonObject<EntropyService, schema::EntropySource> {
 public:
  using Interface = schema::EntropySource;
  // Bounds: four words, each at most 64 tries. Not for realtime work.
  Outcome read(CallContext&, const Interface::Read::Params::Value&, Interface::Read::Results::Value& results) noexcept {
    if (hal::entropy_kind() == hal::EntropyKind::none) return Outcome::failed(KernelError::not_found);
    for (std::uint64_t* const word : {&results.a, &results.b, &results.c, &results.d}) {
      if (hal::entropy_word(*word)) continue;
      results = {};
      return Outcome::overloaded(KernelError::busy);
    }
    return Outcome::done();
  }
  Outcome describe(CallContext&, const Interface::Describe::Params::Value&,
                   Interface::Describe::Results::Value& results) noexcept {
    switch (hal::entropy_kind()) {
      case hal::EntropyKind::none: results.kind = schema::EntropyKind::none; break;
      case hal::EntropyKind::generator: results.kind = schema::EntropyKind::generator; break;
      case hal::EntropyKind::seed: results.kind = schema::EntropyKind::seed; break;
    }
    return Outcome::done();
  }
};

constinit EntropyService g_entropy;

}  // namespace

Object& entropy_service() noexcept { return g_entropy; }

}  // namespace capos::kernel
