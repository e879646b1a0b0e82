// SPDX-License-Identifier: Apache-2.0
#include "ipc/ring.hpp"

#include <algorithm>
#include <cstring>

#include "capos/abi/ring.hpp"
#include "ipc/call_context.hpp"

namespace capos::kernel {
namespace {

using schema::TransportError;

// A piece of the arena, checked.
struct ArenaRange {
  std::uint32_t offset = 0, size = 0;
  [[nodiscard]] bool valid() const noexcept {
    return offset % 8 == 0 && size % 8 == 0 && offset <= abi::kArenaBytes && size <= abi::kArenaBytes - offset;
  }
};

class RingCall {
 public:
  RingCall(Cpu& cpu, Thread& thread, std::byte* arena, const abi::CapSqe& sqe, Time now) noexcept
      : cpu_(cpu), thread_(thread), arena_(arena), sqe_(sqe), now_(now) {}

  [[nodiscard]] abi::CapCqe run() noexcept {
    completion_.user_data = sqe_.user_data;
    const Outcome outcome = execute();
    completion_.result = outcome.status();
    completion_.flags = outcome.exception_word();
    return completion_;
  }

 private:
  [[nodiscard]] Outcome execute() noexcept {
    if (sqe_.flags != 0 || sqe_.reserved != 0) return Outcome::transport(TransportError::invalid_operation);
    switch (static_cast<abi::RingOperation>(sqe_.operation)) {
      case abi::RingOperation::nop: return Outcome::done();
      case abi::RingOperation::release: return release();
      case abi::RingOperation::call: return call();
    }
    return Outcome::transport(TransportError::invalid_operation);
  }

  [[nodiscard]] Outcome release() noexcept {
    return thread_.process.capabilities().remove(abi::CapId{sqe_.cap})
               ? Outcome::done()
               : Outcome::transport(TransportError::invalid_cap);
  }

  [[nodiscard]] Outcome call() noexcept {
    if (sqe_.deadline_ns != 0 && now_.ns() > sqe_.deadline_ns) return Outcome::transport(TransportError::timeout);
    CapabilityEntry* const entry = thread_.process.capabilities().find(abi::CapId{sqe_.cap});
    if (entry == nullptr) return Outcome::transport(TransportError::invalid_cap);
    if (!entry->permits(sqe_.interface_id)) return Outcome::unimplemented();
    const ArenaRange params{sqe_.params_offset, sqe_.params_size};
    const ArenaRange results{sqe_.results_offset, sqe_.results_capacity};
    const ArenaRange transfers{sqe_.transfers_offset, sqe_.transfers_count <= abi::kMaxTransfers
                                   ? sqe_.transfers_count * static_cast<std::uint32_t>(sizeof(abi::TransferDescriptor))
                                   : ~0u};
    if (!params.valid() || !results.valid() || !transfers.valid()) {
      return Outcome::transport(TransportError::invalid_message);
    }
    // Copied before it is looked at: the program may change the arena meanwhile.
    abi::TransferDescriptor descriptors[abi::kMaxTransfers];
    std::memcpy(descriptors, arena_ + transfers.offset, transfers.size);
    for (std::uint32_t i = 0; i < sqe_.transfers_count; ++i) {
      if (descriptors[i].transfer != static_cast<std::uint32_t>(abi::Transfer::copy) || descriptors[i].reserved != 0) {
        return Outcome::transport(TransportError::invalid_message);
      }
    }
    std::memcpy(cpu_.message_in, arena_ + params.offset, params.size);
    CallContext context(cpu_, thread_, now_, *entry, {descriptors, sqe_.transfers_count});
    const Outcome outcome = dispatch(context, *entry->object(), params.size);
    return outcome.kind() == Outcome::Kind::done ? deliver(context, results) : outcome;
  }

  [[nodiscard]] Outcome dispatch(CallContext& context, Object& object, std::uint32_t params_size) noexcept {
    const auto* const words = reinterpret_cast<const wire::Word*>(cpu_.message_in);
    wire::MessageReader message({words, params_size / 8});
    wire::MessageBuilder results({reinterpret_cast<wire::Word*>(cpu_.message_out), abi::kArenaBytes / 8});
    const Ref<Object> held = Ref<Object>::share(object);  // the call may give up the last capability
    const Outcome outcome =
        object.call_message(context, sqe_.interface_id, sqe_.method, message.root_pointer().get_struct(), results);
    if (outcome.kind() != Outcome::Kind::done) {
      context.take_back();
      return outcome;
    }
    if (message.error() != wire::Error::none) {
      context.take_back();
      return Outcome::transport(TransportError::invalid_message);
    }
    if (results.error() != wire::Error::none) {
      context.take_back();
      return Outcome::transport(TransportError::result_too_large);
    }
    result_bytes_ = static_cast<std::uint32_t>(results.words().size() * 8);
    return outcome;
  }

  // The result message, and the capabilities it carries behind it.
  [[nodiscard]] Outcome deliver(CallContext& context, ArenaRange results) noexcept {
    const auto caps = context.results();
    const auto caps_bytes = static_cast<std::uint32_t>(caps.size_bytes());
    if (result_bytes_ > results.size || caps_bytes > results.size - result_bytes_) {
      context.take_back();
      return Outcome::transport(TransportError::result_too_large);
    }
    std::memcpy(arena_ + results.offset, cpu_.message_out, result_bytes_);
    std::memcpy(arena_ + results.offset + result_bytes_, caps.data(), caps_bytes);
    completion_.results_size = result_bytes_;
    completion_.caps_count = static_cast<std::uint32_t>(caps.size());
    return Outcome::done();
  }

  Cpu& cpu_;
  Thread& thread_;
  std::byte* arena_;
  const abi::CapSqe& sqe_;
  Time now_;
  std::uint32_t result_bytes_ = 0;
  abi::CapCqe completion_{};
};

template <typename T>
T load_once(const T& shared) noexcept {
  return __atomic_load_n(&shared, __ATOMIC_ACQUIRE);
}

}  // namespace

std::uint32_t process_ring(Cpu& cpu, Thread& thread, Time now) noexcept {
  auto& ring = *static_cast<abi::Ring*>(thread.ring());
  std::byte* const arena = reinterpret_cast<std::byte*>(&ring) + abi::kArenaOffset;
  // The kernel's own indices live in the page for the program to read; the program could spoil them, and with them
  // only its own ring: each is used modulo the queue's size.
  std::uint32_t head = load_once(ring.header.sq_head);
  std::uint32_t tail = load_once(ring.header.cq_tail);
  const std::uint32_t submitted = std::min(load_once(ring.header.sq_tail) - head, abi::kSubmissionEntries);
  for (std::uint32_t i = 0; i < submitted; ++i) {
    if (tail - load_once(ring.header.cq_head) >= abi::kCompletionEntries) break;
    const abi::CapSqe sqe = ring.sq[head % abi::kSubmissionEntries];  // copied once
    ring.cq[tail % abi::kCompletionEntries] = RingCall(cpu, thread, arena, sqe, now).run();
    __atomic_store_n(&ring.header.cq_tail, ++tail, __ATOMIC_RELEASE);
    __atomic_store_n(&ring.header.sq_head, ++head, __ATOMIC_RELEASE);
  }
  return std::min(tail - load_once(ring.header.cq_head), abi::kCompletionEntries);
}

}  // namespace capos::kernel
