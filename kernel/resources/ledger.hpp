// SPDX-License-Identifier: Apache-2.0
// Accounts of what a machine has: every frame, slot, thread and byte of the kernel's is charged to a ledger, and given
// back there.
//
// A ledger is a part that another has donated of its own; the first one is the machine's. What is donated is the parent's
// no more until the child is gone, so whoever runs short is short of his own, never by another's doing.
// Invariants: used <= limit for each resource; what is charged keeps its ledger alive, a ledger its parent; when all that
// was charged is gone, used is 0, but for log bytes, which are spent for good.
// Bounds: charge and give_back O(1); the last reference's end O(kMaxDepth). Any CPU (atomic counters); never on a path
// that an admitted job takes.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "memory/page_source.hpp"
#include "objects/object.hpp"

namespace capos::kernel {

using schema::Resource;

class Ledger final : public TypedObject<Ledger, schema::ResourceLedger> {
 public:
  static constexpr ObjectType kType = ObjectType::ledger;
  using Interface = schema::ResourceLedger;
  static constexpr std::size_t kResources = 9;
  static constexpr unsigned kMaxDepth = 8;
  // Of the machine's ledger, for what is not limited: more than there can be, and no sum of two overflows.
  static constexpr std::uint64_t kPlenty = std::uint64_t{1} << 62;
  using Amounts = std::array<std::uint64_t, kResources>;  // by Resource

  // The machine's: without limits until they are set, and for ever.
  constexpr Ledger() noexcept : TypedObject(kType), pages_(*this) {}

  ~Ledger() = default;

  // A child with that much of this ledger's, itself charged to it. Errors: quota_exceeded, too_deep, out_of_memory.
  [[nodiscard]] ResultOf<Ref<Ledger>, schema::KernelError> create_child(const Amounts& amounts) noexcept;

  // False, and nothing charged, if that is more than is left.
  [[nodiscard]] bool charge(Resource resource, std::uint64_t amount) noexcept;
  void give_back(Resource resource, std::uint64_t amount) noexcept;
  [[nodiscard]] std::uint64_t used(Resource resource) const noexcept {
    return account(resource).used.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t limit(Resource resource) const noexcept {
    return account(resource).limit.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t left(Resource resource) const noexcept { return limit(resource) - used(resource); }
  // At boot, of the machine's ledger; at least what is used.
  void set_limit(Resource resource, std::uint64_t limit) noexcept {
    account(resource).limit.store(limit, std::memory_order_relaxed);
  }

  // Its frames, as the source of blocks and page tables.
  [[nodiscard]] PageSource& pages() noexcept { return pages_; }

  // Interface.
  Outcome create_child(CallContext&, Interface::CreateChild::Params::Reader,
                       Interface::CreateChild::Results::Builder) noexcept;
  Outcome usage(CallContext&, const schema::LedgerReader::Usage::Params::Value&,
                schema::LedgerReader::Usage::Results::Value&) noexcept;

 private:
  struct Account {
    std::atomic<std::uint64_t> limit{kPlenty}, used{0};
  };
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;

  Ledger(const Amounts& amounts, unsigned depth) noexcept;
  void destroy() noexcept override;
  [[nodiscard]] Account& account(Resource resource) noexcept { return accounts_[static_cast<std::size_t>(resource)]; }
  [[nodiscard]] const Account& account(Resource resource) const noexcept {
    return accounts_[static_cast<std::size_t>(resource)];
  }

  std::array<Account, kResources> accounts_{};
  const unsigned depth_ = 0;
  PageSource pages_;
};

inline void Object::bill_to(Ledger& payer) noexcept {
  payer.acquire();
  payer_ = &payer;
}

// All that the machine has.
[[nodiscard]] Ledger& machine_ledger() noexcept;
// At boot, once what the kernel itself needs has been taken: the frames that are left are divided between programs and
// the kernel's objects.
void open_machine_ledger() noexcept;
// What a process is given of its spawner's that names no ledger: its frames, kernel memory in the same proportion as the
// machine's and a little more, and of the rest what a program of common size needs, or half of what is left if that is
// less. No contexts and no CPU bandwidth.
[[nodiscard]] Ledger::Amounts amounts_for(std::uint64_t memory_pages, const Ledger& spawner) noexcept;

}  // namespace capos::kernel
