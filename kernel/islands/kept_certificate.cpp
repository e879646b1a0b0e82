// SPDX-License-Identifier: Apache-2.0
#include "islands/kept_certificate.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "capos/abi/ring.hpp"
#include "capos/wire/message.hpp"
#include "resources/ledger.hpp"

namespace capos::kernel {
namespace {

// Used by one admission at a time: on the boot CPU only.
constinit std::array<wire::Word, abi::kArenaBytes / sizeof(wire::Word)> g_copy{};

}  // namespace

std::span<const wire::Word> copy_certificate(schema::IslandCertificate::Reader message) noexcept {
  wire::MessageBuilder copy(g_copy);
  copy.set_root<schema::IslandCertificate>(message);
  if (copy.error() != wire::Error::none) return {};
  return copy.words();
}

KeptCertificate::~KeptCertificate() {
  if (payer_ != nullptr) payer_->pages().give(block_);
}

ResultOf<KeptCertificate, schema::KernelError> KeptCertificate::keep(Ledger& payer,
                                                                     std::span<const wire::Word> words) noexcept {
  const auto order = static_cast<unsigned>(std::bit_width((words.size_bytes() - 1) / hal::kPageSize));
  const FrameBlock block = payer.pages().take(order);
  if (block.is_none()) return fail(payer.pages().shortage(std::uint64_t{1} << order));
  auto* const to = static_cast<wire::Word*>(hal::to_kernel(block.base));
  std::copy(words.begin(), words.end(), to);
  KeptCertificate kept;
  kept.payer_ = &payer;
  kept.block_ = block;
  kept.words_ = {to, words.size()};
  return kept;
}

}  // namespace capos::kernel
