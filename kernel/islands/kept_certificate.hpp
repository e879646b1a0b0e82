// SPDX-License-Identifier: Apache-2.0
// A certificate as the kernel keeps it for as long as its island stands: the message's own copy, in a block of frames that is
// charged to who pays for the island.
//
// The copy is made first and everything is read from it, so what was checked is what is kept, whatever pointers the message
// shared. Cost: O(size), at most abi::kArenaBytes. CPU 0 only; no admitted job comes here.
#pragma once

#include <span>
#include <utility>

#include "capos/base/result.hpp"
#include "capos/schema/certificate.hpp"
#include "capos/schema/kernel.hpp"
#include "memory/frame_allocator.hpp"

namespace capos::kernel {

class Ledger;

// The message in words of the kernel's, until the next call; empty if it is larger than an arena.
[[nodiscard]] std::span<const wire::Word> copy_certificate(schema::IslandCertificate::Reader message) noexcept;

class KeptCertificate {
 public:
  KeptCertificate() noexcept = default;
  KeptCertificate(KeptCertificate&& other) noexcept { swap(other); }
  KeptCertificate& operator=(KeptCertificate&& other) noexcept {
    swap(other);
    return *this;
  }
  ~KeptCertificate();
  // The payer outlives it. Errors: quota_exceeded, out_of_memory.
  [[nodiscard]] static ResultOf<KeptCertificate, schema::KernelError> keep(Ledger& payer,
                                                                           std::span<const wire::Word> words) noexcept;
  [[nodiscard]] std::span<const wire::Word> words() const noexcept { return words_; }

 private:
  void swap(KeptCertificate& other) noexcept {
    std::swap(payer_, other.payer_);
    std::swap(block_, other.block_);
    std::swap(words_, other.words_);
  }

  Ledger* payer_ = nullptr;
  FrameBlock block_{};
  std::span<const wire::Word> words_;
};

}  // namespace capos::kernel
