// SPDX-License-Identifier: Apache-2.0
// Less authority: ancestors of an interface, scopes, and the table that a process has of its own.
#include "authority.hpp"

namespace conformance {
namespace {

struct Wanted {
  std::uint64_t interface_id = 0;
  TransferScope transfer = TransferScope::any;
  DisclosureScope disclosure = DisclosureScope::process;
};

auto narrow(Guest& guest, abi::CapId cap, Wanted wanted) noexcept {
  return own_table(guest)->narrow([&](auto params, Transfers& transfers) {
    if (!cap.is_null()) params.init_capability().set_capability(transfers.add(cap));
    params.set_interface_id(wanted.interface_id);
    params.set_transfer(wanted.transfer);
    params.set_disclosure(wanted.disclosure);
  });
}

bool is_unimplemented(const RawCall& call) noexcept {
  return call.status == status_of(TransportError::exception) &&
         (call.exception & 0xffff) == static_cast<std::uint64_t>(ExceptionType::unimplemented);
}

void reader_reads(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 2);
  CHECK(memory.borrow()->write([](auto params) {
    params.set_offset(7);
    params.set_data(std::as_bytes(std::span("abc", 3)));
  }).has_value());
  auto reader = narrowed<schema::MemoryReader>(guest, memory.cap());
  CHECK(reader);
  const auto size = reader->get_size();
  CHECK(size.has_value() && size->size == 2 * kPage);
  auto found = reader->read([](auto params) {
    params.set_offset(8);
    params.set_count(2);
  });
  CHECK(found.has_value() && found->reader().data().size() == 2);
  CHECK(found->reader().data()[0] == std::byte{'b'} && found->reader().data()[1] == std::byte{'c'});
  CHECK(invalid(reader->read([](auto params) {
    params.set_offset(2 * kPage);
    params.set_count(1);
  }), KernelError::bad_range));
}

// The object is the same, but its other methods are out of reach, by whatever interface they are called.
void reader_does_not_write(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 1);
  auto reader = narrowed<schema::MemoryReader>(guest, memory.cap());
  CHECK(reader);
  Capability<schema::MemoryObject> forged(reader.cap());
  const auto written = forged->write([](auto params) { params.set_data(std::as_bytes(std::span("x", 1))); });
  CHECK(refused(written, ExceptionType::unimplemented, KernelError::none));
  CHECK(is_unimplemented(raw_call(reader.cap(), schema::MemoryObject::kInterfaceId, 2)));
  CHECK(is_unimplemented(raw_call(reader.cap(), schema::MemoryReader::kInterfaceId, 2)));
  CHECK(is_unimplemented(raw_call(reader.cap(), schema::Notification::kInterfaceId, 0)));
  CHECK(raw_call(reader.cap(), schema::MemoryReader::kInterfaceId, 1).status == 0);
  // By the ancestor's id, the descendant's capability answers too.
  const RawCall size = raw_call(memory.cap(), schema::MemoryReader::kInterfaceId, 1);
  CHECK(size.status == 0 && size.words[0] == kPage);
}

void reader_maps_read_only(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 2);
  auto reader = narrowed<schema::MemoryReader>(guest, memory.cap());
  const auto map = [&](std::uint32_t protection) {
    return guest.memory->map_object([&](auto params, Transfers& transfers) {
      params.set_object(transfers.add(reader.cap()));
      params.set_size(2 * kPage);
      params.set_prot(protection);
    });
  };
  CHECK(invalid(map(3), KernelError::bad_protection));
  CHECK(invalid(map(5), KernelError::bad_protection));
  auto mapped = map(1);
  CHECK(mapped.has_value());
  const std::uint64_t address = mapped->reader().addr();
  CHECK(invalid(guest.memory->protect(address, 2 * kPage, 3), KernelError::bad_protection));
  CHECK(invalid(guest.memory->protect(address, kPage, 5), KernelError::bad_protection));
  CHECK(invalid(guest.memory->protect(address + kPage, kPage, 3), KernelError::bad_protection));
  CHECK(guest.memory->protect(address, 2 * kPage, 1).has_value());
  CHECK(guest.memory->unmap(address, 2 * kPage).has_value());
}

void signal_only(Guest& guest) noexcept {
  auto event = make_notification(guest);
  auto bell = narrowed<schema::NotificationSignal>(guest, event.cap());
  CHECK(bell && bell->signal(6).has_value());
  CHECK(is_unimplemented(raw_call(bell.cap(), schema::Notification::kInterfaceId, 2)));
  CHECK(is_unimplemented(raw_call(bell.cap(), schema::NotificationSignal::kInterfaceId, 1)));
  const auto bits = event->poll();
  CHECK(bits.has_value() && bits->bits == 6);
}

void narrow_errors(Guest& guest) noexcept {
  const auto event = make_notification(guest);
  const std::uint64_t own = schema::Notification::kInterfaceId;
  CHECK(invalid(narrow(guest, {}, {own}), KernelError::bad_capability));
  CHECK(invalid(narrow(guest, abi::CapId::make(event.cap().slot(), event.cap().generation() + 1), {own}),
                KernelError::bad_capability));
  CHECK(invalid(narrow(guest, event.cap(), {schema::MemoryReader::kInterfaceId}), KernelError::mismatch));
  CHECK(invalid(narrow(guest, event.cap(), {0}), KernelError::mismatch));
  CHECK(invalid(narrow(guest, event.cap(), {own, static_cast<TransferScope>(3)}), KernelError::bad_range));
  CHECK(invalid(narrow(guest, event.cap(), {own, TransferScope::any, static_cast<DisclosureScope>(3)}),
                KernelError::bad_range));
}

// What is narrowed stays so: no way leads back up.
void no_way_back(Guest& guest) noexcept {
  const auto event = make_notification(guest);
  const auto bell = narrowed<schema::NotificationSignal>(guest, event.cap(), TransferScope::same_session,
                                                         DisclosureScope::session);
  CHECK(bell);
  const std::uint64_t lesser = schema::NotificationSignal::kInterfaceId;
  CHECK(invalid(narrow(guest, bell.cap(), {schema::Notification::kInterfaceId, TransferScope::none,
                                           DisclosureScope::nothing}),
                KernelError::mismatch));
  CHECK(invalid(narrow(guest, bell.cap(), {lesser, TransferScope::any, DisclosureScope::session}),
                KernelError::bad_range));
  CHECK(invalid(narrow(guest, bell.cap(), {lesser, TransferScope::same_session, DisclosureScope::process}),
                KernelError::bad_range));
  CHECK(narrow(guest, bell.cap(), {lesser, TransferScope::none, DisclosureScope::nothing}).has_value());
}

void described(Guest& guest) noexcept {
  const auto event = make_notification(guest);
  const auto bell = narrowed<schema::NotificationSignal>(guest, event.cap(), TransferScope::none,
                                                         DisclosureScope::session);
  const auto first = own_table(guest)->describe(event.cap().raw);
  CHECK(first.has_value() && first->interface_id == schema::Notification::kInterfaceId);
  CHECK(first->transfer == TransferScope::any && first->disclosure == DisclosureScope::process && !first->leased);
  const auto second = own_table(guest)->describe(bell.cap().raw);
  CHECK(second.has_value() && second->interface_id == schema::NotificationSignal::kInterfaceId);
  CHECK(second->transfer == TransferScope::none && second->disclosure == DisclosureScope::session);
  CHECK(invalid(own_table(guest)->describe(0), KernelError::bad_capability));
}

void counted(Guest& guest) noexcept {
  const auto before = own_table(guest)->count();
  const auto event = make_notification(guest);
  const auto between = own_table(guest)->count();
  CHECK(before.has_value() && between.has_value() && between->in_use == before->in_use + 1);
}

void untransferable_grant(Guest& guest) noexcept {
  const auto event = make_notification(guest);
  const auto kept = narrowed<schema::Notification>(guest, event.cap(), TransferScope::none);
  const Grant grants[] = {{"event", kept.cap()}};
  CHECK(invalid(try_spawn(guest, {.role = Role::signaller, .argument = 1, .grants = grants}),
                KernelError::not_transferable));
  CHECK(kept.borrow()->signal(1).has_value());
}

// What a call through a capability brings may travel no further than it.
void scope_is_inherited(Guest& guest) noexcept {
  const auto frames = narrowed<schema::FrameAllocator>(guest, guest.frames.cap(), TransferScope::none);
  auto made = frames.borrow()->allocate([](auto params) { params.set_pages(1); });
  CHECK(made.has_value());
  const auto memory = made->capability<schema::MemoryObject>(made->reader().object());
  const auto found = own_table(guest)->describe(memory.cap().raw);
  CHECK(found.has_value() && found->transfer == TransferScope::none);
}

// A grant carries the interface that the granter has, not the object's.
void narrowed_grant(Guest& guest) noexcept {
  const auto event = make_notification(guest);
  const auto bell = narrowed<schema::NotificationSignal>(guest, event.cap());
  const Grant grants[] = {{"event", bell.cap()}};
  Child child(guest, {.role = Role::narrow_signaller, .argument = 5, .grants = grants});
  CHECK(child.exits(0));
  const auto bits = event.borrow()->poll();
  CHECK(bits.has_value() && bits->bits == 5);
}

constexpr Case kCases[] = {
    {"narrow: a memory reader reads", reader_reads},
    {"narrow: a memory reader does not write", reader_does_not_write},
    {"narrow: a memory reader maps for reading, for good", reader_maps_read_only},
    {"narrow: a notification for signalling only", signal_only},
    {"narrow: errors", narrow_errors},
    {"narrow: no way back", no_way_back},
    {"capabilities.describe", described},
    {"capabilities.count", counted},
    {"transfer scope none is not granted", untransferable_grant},
    {"transfer scope of what a call brings", scope_is_inherited},
    {"grant of a narrowed capability", narrowed_grant},
};

}  // namespace

std::span<const Case> narrowing_cases() noexcept { return kCases; }

}  // namespace conformance
