// SPDX-License-Identifier: Apache-2.0
#include "objects/transfer.hpp"

#include <algorithm>

#include "process/process.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

constexpr bool is_move(const abi::TransferDescriptor& descriptor) noexcept {
  return descriptor.transfer == static_cast<std::uint32_t>(abi::Transfer::move);
}

constexpr bool is_valid(const abi::TransferDescriptor& descriptor) noexcept {
  return descriptor.reserved == 0 &&
         (is_move(descriptor) || descriptor.transfer == static_cast<std::uint32_t>(abi::Transfer::copy));
}

constexpr std::unexpected<TransferError> sender_fails(KernelError reason) noexcept {
  return fail(TransferError{reason, false});
}

// What a descriptor names, moved ones in transit; nullptr if it is gone.
CapabilityEntry* entry_of(Process& from, const abi::TransferDescriptor& descriptor) noexcept {
  const abi::CapId id{descriptor.cap};
  return is_move(descriptor) ? from.capabilities().find_in_transit(id) : from.capabilities().find(id);
}

// The reason why the sender may not send this; none if he may.
KernelError obstacle_to(Process& from, const abi::TransferDescriptor& descriptor) noexcept {
  if (!is_valid(descriptor)) return KernelError::bad_range;
  const CapabilityEntry* const entry = from.capabilities().find(abi::CapId{descriptor.cap});
  if (entry == nullptr) return KernelError::bad_capability;
  return entry->edge().transfer != TransferScope::none ? KernelError::none : KernelError::not_transferable;
}

}  // namespace

namespace {

constexpr bool may_travel(TransferScope scope, std::uint64_t from_session, std::uint64_t to_session) noexcept {
  switch (scope) {
    case TransferScope::any: return true;
    case TransferScope::same_session: return from_session == to_session;
    case TransferScope::none: return false;
  }
  return false;
}

}  // namespace

bool may_travel(const CapabilityEntry& entry, std::uint64_t from_session, std::uint64_t to_session) noexcept {
  return may_travel(entry.edge().transfer, from_session, to_session);
}

ResultOf<void, TransferError> send(Process& from, Descriptors descriptors) noexcept {
  bool moves = false;
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    const KernelError obstacle = obstacle_to(from, descriptors[i]);
    if (obstacle != KernelError::none) {
      // Not this one: it may be in transit with another message.
      recall(from, descriptors.first(i));
      return sender_fails(obstacle);
    }
    if (!is_move(descriptors[i])) continue;
    moves = true;
    (void)from.capabilities().depart(abi::CapId{descriptors[i].cap});
  }
  if (!moves) return {};
  // A copy of what is moved further on was fine when it was looked at.
  for (const abi::TransferDescriptor& descriptor : descriptors) {
    if (entry_of(from, descriptor) != nullptr) continue;
    recall(from, descriptors);
    return sender_fails(KernelError::bad_capability);
  }
  return {};
}

ResultOf<void, TransferError> deliver(Process& from, Process& to, Descriptors descriptors,
                                      std::span<abi::ResultCap> received) noexcept {
  std::size_t arrived = 0;
  TransferError error{};
  for (; arrived < descriptors.size(); ++arrived) {
    const CapabilityEntry* const entry = entry_of(from, descriptors[arrived]);
    if (entry == nullptr) {
      error = {KernelError::bad_capability, false};
      break;
    }
    if (!may_travel(*entry, from.session_number(), to.session_number())) {
      error = {KernelError::not_transferable, false};
      break;
    }
    const auto id = to.capabilities().insert(Ref<Object>::share(*entry->object()), entry->interface_id(), entry->edge());
    if (!id.has_value()) {
      error = {id.error(), true};
      break;
    }
    received[arrived] = {id->raw, entry->interface_id()};
  }
  if (arrived < descriptors.size()) {
    while (arrived > 0) (void)to.capabilities().remove(abi::CapId{received[--arrived].cap});
    return fail(error);
  }
  for (const abi::TransferDescriptor& descriptor : descriptors) {
    if (is_move(descriptor)) from.capabilities().take_out(abi::CapId{descriptor.cap});
  }
  return {};
}

void recall(Process& from, Descriptors descriptors) noexcept {
  for (const abi::TransferDescriptor& descriptor : descriptors) {
    if (is_move(descriptor)) from.capabilities().put_back(abi::CapId{descriptor.cap});
  }
}

namespace {

// Copies alone, each looked at once. False: something is in the way, or is moved; then nothing has been done.
bool copy_all(Process& from, Process& to, Descriptors descriptors, std::span<abi::ResultCap> received) noexcept {
  if (std::ranges::any_of(descriptors, is_move)) return false;
  CapabilityTable& table = to.capabilities();
  std::size_t arrived = 0;
  for (const std::uint64_t from_session = from.session_number(), to_session = to.session_number(); arrived < descriptors.size(); ++arrived) {
    const abi::TransferDescriptor& descriptor = descriptors[arrived];
    if (!is_valid(descriptor)) break;
    const CapabilityEntry* const entry = from.capabilities().find(abi::CapId{descriptor.cap});
    if (entry == nullptr) break;
    const HoldEdge edge = entry->edge();
    if (!may_travel(edge.transfer, from_session, to_session)) break;
    const auto id = table.insert(Ref<Object>::share(*entry->object()), entry->interface_id(), edge);
    if (!id.has_value()) break;
    received[arrived] = {id->raw, entry->interface_id()};
  }
  if (arrived == descriptors.size()) return true;
  while (arrived > 0) (void)table.remove(abi::CapId{received[--arrived].cap});
  return false;
}

}  // namespace

ResultOf<void, TransferError> transfer(Process& from, Process& to, Descriptors descriptors,
                                       std::span<abi::ResultCap> received) noexcept {
  if (copy_all(from, to, descriptors, received)) return {};
  TRY_VOID(send(from, descriptors));
  const auto delivered = deliver(from, to, descriptors, received);
  if (!delivered.has_value()) recall(from, descriptors);
  return delivered;
}

}  // namespace capos::kernel
