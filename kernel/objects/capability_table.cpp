// SPDX-License-Identifier: Apache-2.0
#include "objects/capability_table.hpp"

#include <limits>

#include "memory/page_source.hpp"
#include "objects/liveness.hpp"
#include "resources/ledger.hpp"

namespace capos::kernel {

namespace {

// Is it the same to whoever holds it which CPU it is called from? Every type, so that a new one is thought of.
bool is_of_any_cpu(Object& object, const CapabilityTable& holder) noexcept {
  switch (object.type()) {
    case ObjectType::singleton:
    case ObjectType::shared_buffer:
    case ObjectType::shared_buffer_facet:
    case ObjectType::shared_buffer_end:
    case ObjectType::memory_object:
    case ObjectType::virtual_memory:
    case ObjectType::process_handle:
    case ObjectType::notification:
    case ObjectType::thread:
    case ObjectType::shared_park_space:
    case ObjectType::ledger:
    case ObjectType::session:
    case ObjectType::session_context:
    case ObjectType::grant_lease:
    case ObjectType::share_control:
    case ObjectType::placement_control:
    case ObjectType::io_ports:
    case ObjectType::mmio:
    case ObjectType::pci_function:
    case ObjectType::dma_buffer: return true;
    // These move with one process.
    case ObjectType::interrupt:
    case ObjectType::event_timer: return !object.binds(holder);
    // Called on their own CPU, or on that of whom they were made for.
    case ObjectType::boot_cpu_singleton:
    case ObjectType::endpoint:
    case ObjectType::client_endpoint:
    case ObjectType::scheduling_context:
    case ObjectType::island:
    case ObjectType::process_build:
    case ObjectType::rebinding:
    case ObjectType::admission:
    case ObjectType::context_handout: return false;
  }
  return false;
}

}  // namespace

Liveness* CapabilityEntry::lease() const noexcept {
  const std::uint64_t place = obstacle() >> kLeaseShift;
  return place == 0 ? nullptr
                    : static_cast<Liveness*>(hal::to_kernel(hal::PhysicalAddress(place << kLeaseUnit)));
}

bool CapabilityTable::is_usable(const CapabilityEntry& entry) noexcept {
  return (entry.obstacle() & CapabilityEntry::kFlags) == 0 && entry.lease()->holds();
}

// By one slot, which is free then; nobody has looked at what of its chunk lies behind it.
ResultOf<void, schema::KernelError> CapabilityTable::grow() noexcept {
  if (slots_ == kMaxSlots) return fail(schema::KernelError::out_of_capabilities);
  if (directory_ == nullptr) {
    directory_ = static_cast<CapabilityEntry**>(source_.take_page());
    if (directory_ == nullptr) return fail(source_.shortage());
  }
  if (slots_ % kSlotsPerChunk == 0) {
    auto* const chunk = static_cast<CapabilityEntry*>(source_.take_page());
    if (chunk == nullptr) return fail(source_.shortage());
    directory_[slots_ / kSlotsPerChunk] = chunk;
  }
  if (slots_ == 0) ::new (&at(slots_++)) CapabilityEntry{};  // stays unused
  ::new (&at(slots_)) CapabilityEntry{};
  first_free_ = slots_++;
  return {};
}

ResultOf<abi::CapId, schema::KernelError> CapabilityTable::insert(Ref<Object> object, std::uint64_t interface_id,
                                                                  HoldEdge edge) noexcept {
  constexpr std::uint64_t kHighest = std::uint64_t{1} << (32 - CapabilityEntry::kLeaseShift + CapabilityEntry::kLeaseUnit);
  const std::uint64_t place = edge.lease == nullptr ? 0 : hal::to_physical(edge.lease).value();
  if (place >= kHighest) return fail(schema::KernelError::out_of_memory);
  if (first_free_ == 0) TRY_VOID(grow());
  if (!source_.ledger().charge(Resource::table_slots, 1)) return fail(schema::KernelError::quota_exceeded);
  if (edge.lease != nullptr) edge.lease->acquire();
  const std::uint32_t slot = first_free_;
  CapabilityEntry& entry = at(slot);
  first_free_ = entry.epoch_;
  entry.epoch_ = object->epoch();
  if (!is_of_any_cpu(*object, *this)) binds_to_cpu_ = true;
  entry.object_ = object.leak();
  entry.interface_id_ = interface_id;
  entry.set_obstacle(static_cast<std::uint32_t>(place >> CapabilityEntry::kLeaseUnit) << CapabilityEntry::kLeaseShift);
  entry.transfer_ = edge.transfer;
  entry.disclosure_ = edge.disclosure;
  ++in_use_;
  return abi::CapId::make(slot, entry.generation());
}

void CapabilityTable::free_slot(std::uint32_t slot) noexcept {
  CapabilityEntry& entry = at(slot);
  Object* const object = entry.object_;
  Liveness* const lease = entry.lease();
  entry.object_ = nullptr;
  entry.set_obstacle(CapabilityEntry::kFree);
  --in_use_;
  if (entry.generation() != std::numeric_limits<std::uint32_t>::max()) {
    entry.guard_ += std::uint64_t{1} << 32;
    entry.epoch_ = first_free_;
    first_free_ = slot;
  }
  source_.ledger().give_back(Resource::table_slots, 1);
  if (lease != nullptr) lease->release();
  object->release();
}

bool CapabilityTable::remove(abi::CapId id) noexcept {
  if (id.slot() >= slots_) return false;
  const CapabilityEntry& entry = at(id.slot());
  if (entry.generation() != id.generation() || (entry.obstacle() & CapabilityEntry::kFlags) != 0) return false;
  free_slot(id.slot());
  return true;
}

CapabilityEntry* CapabilityTable::in_transit(abi::CapId id) noexcept {
  if (id.slot() >= slots_) return nullptr;
  CapabilityEntry& entry = at(id.slot());
  const bool is = entry.generation() == id.generation() && (entry.obstacle() & CapabilityEntry::kInTransit) != 0;
  return is ? &entry : nullptr;
}

bool CapabilityTable::depart(abi::CapId id) noexcept {
  CapabilityEntry* const entry = find(id);
  if (entry == nullptr) return false;
  entry->set_obstacle(entry->obstacle() | CapabilityEntry::kInTransit);
  return true;
}

void CapabilityTable::put_back(abi::CapId id) noexcept {
  CapabilityEntry* const entry = in_transit(id);
  if (entry != nullptr) entry->set_obstacle(entry->obstacle() & ~CapabilityEntry::kInTransit);
}

void CapabilityTable::take_out(abi::CapId id) noexcept {
  if (in_transit(id) != nullptr) free_slot(id.slot());
}

CapabilityEntry* CapabilityTable::find_in_transit(abi::CapId id) noexcept {
  CapabilityEntry* const entry = in_transit(id);
  if (entry == nullptr || entry->epoch_ != entry->object_->epoch()) return nullptr;
  const Liveness* const lease = entry->lease();
  return lease == nullptr || lease->holds() ? entry : nullptr;
}

bool CapabilityTable::clear_step(unsigned limit) noexcept {
  for (; limit > 0 && clear_at_ < slots_; --limit, ++clear_at_) {
    if (at(clear_at_).object_ != nullptr) free_slot(clear_at_);
  }
  if (clear_at_ < slots_) return false;
  for (; limit > 0 && slots_ > 0; --limit) {
    slots_ = (slots_ - 1) / kSlotsPerChunk * kSlotsPerChunk;
    source_.give_page(directory_[slots_ / kSlotsPerChunk]);
    clear_at_ = slots_;
  }
  if (slots_ > 0) return false;
  if (directory_ != nullptr) source_.give_page(directory_);
  directory_ = nullptr;
  first_free_ = 0;
  return true;
}

}  // namespace capos::kernel
