// SPDX-License-Identifier: Apache-2.0
// One call on a kernel object: who calls, when, and the capabilities that travel with it.
//
// Lives on the kernel stack for the time of the call.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "capos/abi/ring.hpp"
#include "core/cpu.hpp"
#include "process/process.hpp"

namespace capos::kernel {

class CallContext {
 public:
  CallContext(Cpu& on, Thread& caller, Time at) noexcept
      : cpu(on), thread(caller), now(at), progress(caller.progress) {}
  CallContext(Cpu& on, Thread& caller, Time at, const CapabilityEntry& by,
              std::span<const abi::TransferDescriptor> transfers, CallProgress& so_far) noexcept
      : cpu(on), thread(caller), now(at), progress(so_far), may_block(false), edge_(by.edge()), transfers_(transfers) {}

  Cpu& cpu;
  Thread& thread;
  const Time now;
  CallProgress& progress;  // of a method that returns Outcome::unfinished()
  std::span<const wire::Word> message{};  // of a call by message: the whole of it, as it came
  // The same: where the results go, in the caller's arena. A method may put their message there itself, and says how many bytes it is: 0
  // if it has not. What stands there already may be spoiled by the program at any time.
  std::span<std::byte> results_at{};
  std::uint32_t placed = 0;
  // A call through the ring is one of a batch: the thread goes on to the next entry, so it must not wait in this one.
  const bool may_block = true;
  bool reschedule = false;  // set by a call after which another thread may have to run
  bool yields = false;      // the same between its portions: a thread on a context may have to

  [[nodiscard]] Process& process() noexcept { return thread.process; }
  // Whoever calls pays for what the call makes.
  [[nodiscard]] Ledger& ledger() noexcept { return thread.process.ledger(); }
  // How the caller holds the capability that it calls by message.
  [[nodiscard]] const HoldEdge& edge() const noexcept { return edge_; }

  // The entry behind a capability pointer of the message; nullptr if it is null, out of range, stale or revoked.
  [[nodiscard]] CapabilityEntry* argument_entry(std::optional<std::uint32_t> index) noexcept {
    if (!index.has_value() || *index >= transfers_.size()) return nullptr;
    return process().capabilities().find(abi::CapId{transfers_[*index].cap});
  }
  // The object behind it, if it is a T and the capability permits `interface_id`; nullptr otherwise.
  template <typename T>
  [[nodiscard]] T* argument(std::optional<std::uint32_t> index,
                            std::uint64_t interface_id = T::Interface::kInterfaceId) noexcept {
    CapabilityEntry* const entry = argument_entry(index);
    return entry == nullptr || !entry->permits(interface_id) ? nullptr : object_cast<T>(entry->object());
  }

  // A capability that the results carry: its index for the result message. It has the lease and the scopes of the
  // capability that the call came by, or those given.
  // Errors: out_of_capabilities, quota_exceeded, out_of_memory.
  [[nodiscard]] ResultOf<std::uint32_t, schema::KernelError> give(Ref<Object> object, std::uint64_t interface_id) noexcept {
    return give(std::move(object), interface_id, edge_);
  }
  [[nodiscard]] ResultOf<std::uint32_t, schema::KernelError> give(Ref<Object> object, std::uint64_t interface_id,
                                                                  HoldEdge edge) noexcept {
    if (results_count_ == results_.size()) return fail(schema::KernelError::out_of_capabilities);
    const abi::CapId id = TRY(process().capabilities().insert(std::move(object), interface_id, edge));
    results_[results_count_] = {id.raw, interface_id};
    return results_count_++;
  }
  [[nodiscard]] ResultOf<std::uint32_t, schema::KernelError> give(Ref<Object> object) noexcept {
    const std::uint64_t interface_id = object->interface_id();
    return give(std::move(object), interface_id);
  }
  // The same of some that are in the caller's table already. The first one's index.
  [[nodiscard]] ResultOf<std::uint32_t, schema::KernelError> give_inserted(std::span<const abi::CapId> ids,
                                                                           std::uint64_t interface_id) noexcept {
    if (ids.size() > results_.size() - results_count_) return fail(schema::KernelError::out_of_capabilities);
    const std::uint32_t first = results_count_;
    for (const abi::CapId id : ids) results_[results_count_++] = {id.raw, interface_id};
    return first;
  }
  [[nodiscard]] std::span<const abi::ResultCap> results() const noexcept { return {results_.data(), results_count_}; }
  // Takes back what give() gave: the call failed after all.
  void take_back() noexcept {
    while (results_count_ > 0) (void)process().capabilities().remove(abi::CapId{results_[--results_count_].cap});
  }

 private:
  HoldEdge edge_{};  // of the capability that was called
  std::span<const abi::TransferDescriptor> transfers_;
  std::array<abi::ResultCap, abi::kMaxTransfers> results_;  // the first results_count_ of them; the rest is not touched
  std::uint32_t results_count_ = 0;
};

}  // namespace capos::kernel
