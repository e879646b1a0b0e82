// SPDX-License-Identifier: Apache-2.0
#include "islands/kept_certificate.hpp"

#include <bit>

#include "resources/ledger.hpp"

namespace capos::kernel {
namespace {

constexpr std::size_t words(wire::StructSize size) noexcept { return std::size_t{size.data_words} + size.pointers; }
// A text ends with a zero byte.
constexpr std::size_t words(std::string_view text) noexcept { return text.size() / 8 + 1; }

}  // namespace

std::size_t words_of(const sched::Certificate& certificate) noexcept {
  // Root, CPUs, busy windows, and the tags of four lists.
  std::size_t sum = 1 + words(schema::IslandCertificate::kSize) + words(schema::Overheads::kSize) + words(certificate.island) +
                    kMaxCpus / 4 + kMaxCpus + 4;
  for (const sched::TaskClaim& task : certificate.tasks) sum += words(schema::TaskClaim::kSize) + words(task.name);
  for (const sched::ChainClaim& chain : certificate.chains) {
    sum += words(schema::ChainClaim::kSize) + words(chain.name) + (chain.tasks.size() + 3) / 4;
  }
  sum += certificate.calls.size() * words(schema::CallClaim::kSize);
  for (const sched::InterruptSource& source : certificate.interrupts) sum += words(schema::InterruptClaim::kSize) + words(source.name);
  return sum;
}

KeptCertificate::~KeptCertificate() {
  if (payer_ != nullptr) payer_->pages().give(block_);
}

ResultOf<bool, schema::KernelError> KeptCertificate::take(Ledger& payer, std::size_t words) noexcept {
  const auto order = static_cast<unsigned>(std::bit_width((words * sizeof(wire::Word) - 1) / hal::kPageSize));
  const std::uint64_t frames = std::uint64_t{1} << order;
  if (!clean_ahead(frames, order)) return false;
  const FrameBlock block = payer.pages().take(order);
  if (block.is_none()) return fail(payer.pages().shortage(frames));
  payer_ = &payer;
  block_ = block;
  return true;
}

std::span<wire::Word> KeptCertificate::room() const noexcept {
  return {static_cast<wire::Word*>(hal::to_kernel(block_.base)), (hal::kPageSize << block_.order) / sizeof(wire::Word)};
}

}  // namespace capos::kernel
