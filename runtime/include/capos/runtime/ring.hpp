// SPDX-License-Identifier: Apache-2.0
// The thread's ring and arena, used one call at a time: message in, message out.
//
// The arena is divided: parameters in the first half, transfer descriptors behind them, results in the second half.
// A result stays valid until the next message call of the thread. Each thread has its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "capos/abi/ring.hpp"
#include "capos/abi/syscall.hpp"
#include "capos/runtime/error.hpp"
#include "capos/wire/message.hpp"

namespace capos::runtime {

// Capabilities that travel with a message: add() gives the index to put into the message.
class Transfers {
 public:
  explicit Transfers(abi::TransferDescriptor* descriptors) noexcept : descriptors_(descriptors) {}
  // The receiver gets a copy. More than abi::kMaxTransfers are dropped: the index then names none.
  std::uint32_t add(abi::CapId cap) noexcept {
    if (count_ < abi::kMaxTransfers) {
      descriptors_[count_] = {cap.raw, static_cast<std::uint32_t>(abi::Transfer::copy), 0};
    }
    return count_++;
  }
  [[nodiscard]] std::uint32_t count() const noexcept {
    return count_ < abi::kMaxTransfers ? count_ : static_cast<std::uint32_t>(abi::kMaxTransfers);
  }

 private:
  abi::TransferDescriptor* descriptors_;
  std::uint32_t count_ = 0;
};

// What a message call brought: the result words, and the capabilities they name.
struct RawReply {
  std::span<const wire::Word> words;
  std::span<const abi::ResultCap> caps;
};

class CallRing {
 public:
  // `address` as given to _start.
  void attach(std::uint64_t address) noexcept { ring_ = reinterpret_cast<abi::Ring*>(address); }

  [[nodiscard]] std::span<wire::Word> params_area() noexcept {
    return {reinterpret_cast<wire::Word*>(arena()), kTransfersOffset / sizeof(wire::Word)};
  }
  [[nodiscard]] Transfers transfers() noexcept {
    return Transfers(reinterpret_cast<abi::TransferDescriptor*>(arena() + kTransfersOffset));
  }
  // Submits one CALL and waits for its completion.
  [[nodiscard]] Result<RawReply> call(abi::CapId cap, std::uint64_t interface_id, std::uint16_t method,
                                      std::uint32_t params_words, std::uint32_t transfers) noexcept;
  // Gives a capability back.
  Result<void> release(abi::CapId cap) noexcept;

 private:
  static constexpr std::uint32_t kResultsOffset = abi::kArenaBytes / 2;
  static constexpr std::uint32_t kTransfersOffset =
      kResultsOffset - abi::kMaxTransfers * static_cast<std::uint32_t>(sizeof(abi::TransferDescriptor));

  [[nodiscard]] std::byte* arena() noexcept { return reinterpret_cast<std::byte*>(ring_) + abi::kArenaOffset; }
  [[nodiscard]] abi::CapCqe submit(const abi::CapSqe& entry) noexcept;
  abi::Ring* ring_ = nullptr;
};

// The calling thread's. One load and a branch while the program has one thread, one load more afterwards.
[[nodiscard]] CallRing& call_ring() noexcept;

}  // namespace capos::runtime
