// SPDX-License-Identifier: Apache-2.0
// A certificate as the kernel keeps it for as long as its island stands: a message of its own, in a block of frames that is
// charged to who pays for the island.
//
// It is written anew from what was checked (certificate_writing.hpp), so what was checked is what is kept, whatever pointers the
// message shared. CPU 0 only; no admitted job comes here.
#pragma once

#include <span>
#include <utility>

#include "capos/base/result.hpp"
#include "capos/schema/certificate.hpp"
#include "capos/schema/kernel.hpp"
#include "capos/sched/certificate.hpp"
#include "memory/frame_allocator.hpp"

namespace capos::kernel {

class Ledger;

// The certificate of a message of admit() or modeChange(), both of which have nothing else.
[[nodiscard]] inline schema::IslandCertificate::Reader certificate_in(wire::MessageReader& message) noexcept {
  using Admit = schema::IslandAuthority::Admit::Params;
  using Change = schema::RealtimeIsland::ModeChange::Params;
  static_assert(Admit::kSize.data_words == 0 && Admit::kSize.pointers == 1 && Change::kSize.data_words == 0 && Change::kSize.pointers == 1);
  return message.root<Admit>().certificate();
}

// How many words it takes as a message. O(tasks + chains + interrupts).
[[nodiscard]] std::size_t words_of(const sched::Certificate& certificate) noexcept;

class KeptCertificate {
 public:
  KeptCertificate() noexcept = default;
  KeptCertificate(KeptCertificate&& other) noexcept { swap(other); }
  KeptCertificate& operator=(KeptCertificate&& other) noexcept {
    swap(other);
    return *this;
  }
  ~KeptCertificate();
  // Room for a message of so many words, zeroed. False: that has to be cleaned first, and a portion of it has been done. The payer outlives
  // it. Errors: quota_exceeded, out_of_memory.
  [[nodiscard]] ResultOf<bool, schema::KernelError> take(Ledger& payer, std::size_t words) noexcept;
  [[nodiscard]] std::span<wire::Word> room() const noexcept;
  // The message has been written into the room.
  void keep(std::span<const wire::Word> words) noexcept { words_ = words; }
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
