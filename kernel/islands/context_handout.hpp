// SPDX-License-Identifier: Apache-2.0
// Contexts that the results of one call are to carry, put into the caller's table a few at a time, in portions of the call.
//
// Life: made by the call's first portion; none of the capabilities can be used before all are there, nor does the caller know them before
// hand_over(), in the call's last. If the call ends otherwise they go with this. On the caller's CPU. Bounds: add() and the end of each
// O(1), at most abi::kMaxTransfers.
#pragma once

#include <array>

#include "ipc/call_context.hpp"
#include "islands/scheduling_context.hpp"

namespace capos::kernel {

class ContextHandout final : public CallState {
 public:
  static constexpr ObjectType kType = ObjectType::context_handout;
  static constexpr unsigned kAtOnce = 8, kUsableAtOnce = 32;

  // For the caller of `call`. Errors: quota_exceeded, out_of_memory.
  [[nodiscard]] static ResultOf<Ref<ContextHandout>, schema::KernelError> create(CallContext& call) noexcept;

  // The next of `count` contexts, at(n) the n-th: true if all were there. Errors: those of CapabilityTable::insert.
  template <typename At>
  [[nodiscard]] ResultOf<bool, schema::KernelError> add_some(CallContext& call, unsigned count, At&& at) noexcept {
    if (count_ == count) return true;
    for (unsigned left = kAtOnce; left != 0 && count_ < count; --left) TRY_VOID(add(call, at(count_)));
    return false;
  }
  // After add_some() has said that all are there: some more of them can be used. True if all can be.
  [[nodiscard]] bool make_usable() noexcept;
  // After that: they are the caller's, and in the call's results: their indices into the list, which has a place for each.
  template <typename List>
  [[nodiscard]] Outcome hand_over(CallContext& call, List list) noexcept {
    const auto first = call.give_inserted({given_.data(), count_}, schema::SchedulingContext::kInterfaceId);
    if (!first.has_value()) return Outcome::overloaded(first.error());
    for (unsigned n = 0; n < count_; ++n) list.set(n, *first + n);
    count_ = usable_ = 0;
    return Outcome::done();
  }

 private:
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;

  explicit ContextHandout(Process& process) noexcept : CallState(kType), process_(Ref<Process>::share(process)) {}
  ~ContextHandout() = default;
  void destroy() noexcept override;
  [[nodiscard]] ResultOf<void, schema::KernelError> add(CallContext& call, SchedulingContext& context) noexcept;

  Ref<Process> process_;
  unsigned count_ = 0, usable_ = 0;
  std::array<abi::CapId, abi::kMaxTransfers> given_;  // the first count_ of them
};

}  // namespace capos::kernel
