// SPDX-License-Identifier: Apache-2.0
#include "objects/liveness.hpp"

#include "capos/hal/machine.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {

using schema::KernelError;

Liveness::Liveness(Ledger& payer, Liveness* parent, std::uint64_t until_ns, std::uint64_t session) noexcept
    : depth_(parent == nullptr ? 1 : parent->depth_ + 1),
      until_ns_(until_ns),
      session_(session != 0 || parent == nullptr ? session : parent->session_),
      payer_(payer) {
  payer_.acquire();
  if (parent != nullptr) parent_ = Ref<Liveness>::share(*parent);
}

ResultOf<Ref<Liveness>, KernelError> Liveness::create(Ledger& payer, Liveness* parent, std::uint64_t until_ns,
                                                      std::uint64_t session) noexcept {
  if (parent != nullptr && parent->depth_ == kMaxDepth) return fail(KernelError::too_deep);
  return Ref<Liveness>::adopt(TRY(charged_new<Liveness>(payer, payer, parent, until_ns, session)));
}

std::uint64_t Liveness::ends_at() const noexcept {
  std::uint64_t earliest = kForEver;
  for (const Liveness* one = this; one != nullptr; one = one->parent_.get()) {
    const std::uint64_t until = one->until_ns();
    if (until < earliest) earliest = until;
  }
  return earliest;
}

bool Liveness::holds() const noexcept {
  const std::uint64_t earliest = ends_at();
  return earliest == kForEver || (earliest != 0 && hal::now().ns() < earliest);
}

bool Liveness::renew(std::uint64_t until_ns) noexcept {
  if (!holds()) return false;
  std::uint64_t until = until_ns_.load(std::memory_order_acquire);
  do {
    if (until == 0) return false;
  } while (!until_ns_.compare_exchange_weak(until, until_ns, std::memory_order_acq_rel));
  return true;
}

bool Liveness::is_within(const Liveness& other) const noexcept {
  for (const Liveness* one = this; one != nullptr; one = one->parent_.get()) {
    if (one == &other) return true;
  }
  return false;
}

void Liveness::release() noexcept {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  Ledger& payer = payer_;
  charged_delete(payer, this);
  payer.release();
}

}  // namespace capos::kernel
