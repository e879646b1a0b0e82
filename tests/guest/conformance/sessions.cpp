// SPDX-License-Identifier: Apache-2.0
// Sessions and grant leases: what is granted for a time, and how it ends.
#include "sessions.hpp"

namespace conformance {
namespace {

constexpr std::int64_t kDead = static_cast<std::int64_t>(TransportError::invalid_cap);

void create_errors(Guest& guest) noexcept {
  const abi::CapId own = own_ledger(guest).cap();
  CHECK(invalid(create_session(guest, 0, {}), KernelError::bad_capability));
  CHECK(invalid(create_session(guest, 0, guest.timer.cap()), KernelError::bad_capability));
  CHECK(invalid(create_session(guest, 1, own), KernelError::bad_range));
  CHECK(invalid(create_session(guest, guest.now(), own), KernelError::bad_range));
  const Account poor = make_ledger(guest, {.kernel_bytes = 64});
  CHECK(refused(create_session(guest, 0, poor.cap()), ExceptionType::overloaded, KernelError::quota_exceeded));
  const auto used = poor.borrow()->usage(Resource::kernel_bytes);
  CHECK(used.has_value() && used->used == 0);
}

// Who wants a session pays for it, and for its leases.
void charged_to_the_donor(Guest& guest) noexcept {
  const Account account = make_ledger(guest, {.kernel_bytes = 4 * 64});
  auto made = create_session(guest, 0, account.cap());
  CHECK(made.has_value());
  SessionCap session = made->capability<schema::Session>(made->reader().session());
  const LeaseCap lease = make_lease(session);
  CHECK(lease);
  const auto full = account.borrow()->usage(Resource::kernel_bytes);
  CHECK(full.has_value() && full->used == full->limit);
  CHECK(refused(session->create_lease([](auto) {}), ExceptionType::overloaded, KernelError::quota_exceeded));
}

void described(Guest& guest) noexcept {
  auto first = make_session(guest), second = make_session(guest, guest.now() + 50 * kMillisecond);
  const auto a = first->describe(), b = second->describe();
  CHECK(a.has_value() && a->alive && a->expires_ns == 0 && a->number != 0);
  CHECK(b.has_value() && b->alive && b->expires_ns > guest.now() && b->number != a->number);
  const auto info = narrowed<schema::SessionInfo>(guest, first.cap());
  CHECK(info.borrow()->describe().has_value());
  CHECK(refused(Capability<schema::Session>(info.cap())->logout(), ExceptionType::unimplemented, KernelError::none));
  CHECK(first->logout().has_value());
  const auto ended = info.borrow()->describe();
  CHECK(ended.has_value() && !ended->alive && ended->number == a->number);
  CHECK(refused(first->logout(), ExceptionType::failed, KernelError::expired));
  CHECK(refused(first->renew(0), ExceptionType::failed, KernelError::expired));
  CHECK(refused(first->create_lease([](auto) {}), ExceptionType::failed, KernelError::expired));
}

void logout_kills_grants(Guest& guest) noexcept {
  auto session = make_session(guest);
  const Notice event = make_notification(guest);
  const Grant grants[] = {{"event", event.cap()}};
  Child one(guest, {.role = Role::until_refused, .grants = grants, .session = session.cap()});
  Child two(guest, {.role = Role::until_refused, .grants = grants, .session = session.cap()});
  Child other(guest, {.role = Role::until_refused, .grants = grants});
  guest.sleep(3 * kMillisecond);
  CHECK(one.alive() && two.alive() && event.borrow()->poll()->bits == 1);
  CHECK(session->logout().has_value());
  CHECK(one.exits(kDead) && two.exits(kDead));
  CHECK(other.alive() && !is_dead(guest, event.cap()));
}

void expiry_and_renewal(Guest& guest) noexcept {
  const std::uint64_t start = guest.now();
  auto session = make_session(guest, start + 4 * kMillisecond);
  const Notice event = make_notification(guest);
  const Grant grants[] = {{"event", event.cap()}};
  Child child(guest, {.role = Role::until_refused, .grants = grants, .session = session.cap()});
  CHECK(invalid(session->renew(start), KernelError::bad_range));
  CHECK(session->renew(start + 15 * kMillisecond).has_value());
  while (guest.now() < start + 8 * kMillisecond) guest.sleep(1 * kMillisecond);
  CHECK(child.alive());
  CHECK(child.exits(kDead));
  CHECK(guest.now() >= start + 15 * kMillisecond);
  CHECK(refused(session->renew(guest.now() + kMillisecond), ExceptionType::failed, KernelError::expired));
  CHECK(refused(try_spawn(guest, {.role = Role::exit_with, .session = session.cap()}), ExceptionType::failed,
                KernelError::expired));
}

void last_holder_ends_it(Guest& guest) noexcept {
  auto session = make_session(guest);
  const Notice event = make_notification(guest);
  const Grant grants[] = {{"event", event.cap()}};
  Child child(guest, {.role = Role::until_refused, .grants = grants, .session = session.cap()});
  guest.sleep(2 * kMillisecond);
  CHECK(child.alive());
  session = {};
  CHECK(child.exits(kDead));
}

void context_of_a_process(Guest& guest) noexcept {
  auto session = make_session(guest);
  const std::uint64_t number = session->describe()->number;
  Child outside(guest, {.role = Role::session_number});
  CHECK(outside.exits(0));
  Child inside(guest, {.role = Role::session_number, .session = session.cap()});
  CHECK(inside.exits(static_cast<std::int64_t>(number)));
  const Grant grants[] = {{"spawner", guest.spawner.cap()}};
  Child parent(guest, {.role = Role::spawn_in_turn, .grants = grants, .pages = 512, .session = session.cap()});
  CHECK(parent.exits(static_cast<std::int64_t>(number)));
}

void spawn_errors(Guest& guest) noexcept {
  auto session = make_session(guest), other = make_session(guest);
  CHECK(invalid(try_spawn(guest, {.role = Role::exit_with, .session = guest.timer.cap()}), KernelError::bad_capability));
  const auto info = narrowed<schema::SessionInfo>(guest, session.cap());
  CHECK(invalid(try_spawn(guest, {.role = Role::exit_with, .session = info.cap()}), KernelError::bad_capability));
  // A grant that another session's end would take away, but not this one's.
  const LeaseCap lease = make_lease(other);
  const Notice bell = make_notification(guest);
  const auto event = leased<schema::Notification>(lease, bell.cap());
  const Grant grants[] = {{"event", event.cap()}};
  CHECK(invalid(try_spawn(guest, {.role = Role::signaller, .grants = grants, .session = session.cap()}),
                KernelError::mismatch));
  Child fine(guest, {.role = Role::signaller, .argument = 1, .grants = grants, .session = other.cap()});
  CHECK(fine.exits(0));
}

void same_session_scope(Guest& guest) noexcept {
  auto session = make_session(guest);
  const Notice event = make_notification(guest);
  const auto kept = narrowed<schema::Notification>(guest, event.cap(), TransferScope::same_session);
  const Grant grants[] = {{"event", kept.cap()}};
  CHECK(invalid(try_spawn(guest, {.role = Role::signaller, .grants = grants, .session = session.cap()}),
                KernelError::not_transferable));
  Child here(guest, {.role = Role::signaller, .argument = 1, .grants = grants});
  CHECK(here.exits(0));
}

void lease_ends(Guest& guest) noexcept {
  auto session = make_session(guest);
  auto lease = make_lease(session);
  const Notice event = make_notification(guest);
  const auto lent = leased<schema::Notification>(lease, event.cap());
  const auto copy = narrowed<schema::NotificationSignal>(guest, lent.cap());
  const auto found = own_table(guest)->describe(copy.cap().raw);
  CHECK(found.has_value() && found->leased);
  CHECK(copy.borrow()->signal(3).has_value() && event.borrow()->poll()->bits == 3);
  const auto state = lease->state();
  CHECK(state.has_value() && state->alive && state->expires_ns == 0);
  CHECK(lease->end().has_value());
  CHECK(is_dead(guest, lent.cap()) && is_dead(guest, copy.cap()) && !is_dead(guest, event.cap()));
  CHECK(transport(copy.borrow()->signal(1), TransportError::invalid_cap));
  CHECK(refused(lease->end(), ExceptionType::failed, KernelError::expired));
  CHECK(refused(lease->renew(0), ExceptionType::failed, KernelError::expired));
  CHECK(refused(grant(lease, event.cap()), ExceptionType::failed, KernelError::expired));
  CHECK(!lease->state()->alive && session->describe()->alive);
}

void lease_expires(Guest& guest) noexcept {
  auto session = make_session(guest);
  const std::uint64_t start = guest.now();
  auto lease = make_lease(session, start + 3 * kMillisecond);
  const Notice event = make_notification(guest);
  const auto lent = leased<schema::Notification>(lease, event.cap());
  CHECK(lent.borrow()->signal(1).has_value());
  CHECK(invalid(lease->renew(1), KernelError::bad_range));
  CHECK(lease->renew(start + 6 * kMillisecond).has_value());
  while (guest.now() < start + 4 * kMillisecond) guest.sleep(kMillisecond);
  CHECK(lent.borrow()->signal(1).has_value());
  while (guest.now() < start + 6 * kMillisecond) guest.sleep(kMillisecond);
  CHECK(is_dead(guest, lent.cap()));
  CHECK(invalid(session->create_lease([](auto params) { params.set_expires_ns(1); }), KernelError::bad_range));
}

void grant_errors(Guest& guest) noexcept {
  auto session = make_session(guest);
  auto first = make_lease(session), second = make_lease(session);
  const Notice event = make_notification(guest);
  CHECK(invalid(grant(first, {}), KernelError::bad_capability));
  const auto lent = leased<schema::Notification>(first, event.cap());
  CHECK(invalid(grant(second, lent.cap()), KernelError::mismatch));
  CHECK(leased<schema::Notification>(first, lent.cap()));
}

void logout_ends_leases(Guest& guest) noexcept {
  auto session = make_session(guest);
  auto lease = make_lease(session);
  const auto lent = leased<schema::Timer>(lease, guest.timer.cap());
  CHECK(lent.borrow()->now().has_value());
  CHECK(session->logout().has_value());
  CHECK(is_dead(guest, lent.cap()) && !lease->state()->alive);
}

// What comes of a lent capability goes with it.
void what_a_lease_brings(Guest& guest) noexcept {
  auto session = make_session(guest);
  auto lease = make_lease(session);
  const auto frames = leased<schema::FrameAllocator>(lease, guest.frames.cap());
  auto made = frames.borrow()->allocate([](auto params) { params.set_pages(2); });
  CHECK(made.has_value());
  const Memory memory = made->capability<schema::MemoryObject>(made->reader().object());
  auto window = memory.borrow()->create_child([](auto params) { params.set_size(kPage); });
  CHECK(window.has_value());
  const auto child = window->capability<schema::MemoryOwner>(window->reader().child());
  CHECK(!is_dead(guest, child.cap()));
  CHECK(lease->end().has_value());
  CHECK(is_dead(guest, memory.cap()) && is_dead(guest, child.cap()));
}

void released_lease_ends(Guest& guest) noexcept {
  auto session = make_session(guest);
  auto lease = make_lease(session);
  const auto lent = leased<schema::Timer>(lease, guest.timer.cap());
  lease = {};
  CHECK(is_dead(guest, lent.cap()));
}

void accounted(Guest& guest) noexcept {
  const Usage before = usage_of(own_ledger(guest).cap());
  for (int round = 0; round < 2; ++round) {
    auto session = make_session(guest);
    auto lease = make_lease(session);
    const Notice event = make_notification(guest);
    const auto lent = leased<schema::Notification>(lease, event.cap());
    const Grant grants[] = {{"event", lent.cap()}};
    Child child(guest, {.role = Role::until_refused, .grants = grants, .session = session.cap()});
    guest.sleep(2 * kMillisecond);
    if (round == 0) CHECK(session->logout().has_value() && child.exits(kDead));
  }
  CHECK(comes_back_to(guest, before));
}

constexpr Case kCases[] = {
    {"session create errors", create_errors},
    {"session charged to the donor", charged_to_the_donor},
    {"session.describe", described},
    {"session logout kills its grants", logout_kills_grants},
    {"session expiry and renewal", expiry_and_renewal},
    {"session ends with its last holder", last_holder_ends_it},
    {"session of a process, and of its children", context_of_a_process},
    {"spawn session errors", spawn_errors},
    {"transfer scope of the session", same_session_scope},
    {"lease ends", lease_ends},
    {"lease expires, renewed", lease_expires},
    {"lease.grant errors", grant_errors},
    {"lease ends with its session", logout_ends_leases},
    {"lease of what a call brings", what_a_lease_brings},
    {"lease ends with its last holder", released_lease_ends},
    {"accounting of sessions", accounted},
};

}  // namespace

std::span<const Case> session_cases() noexcept { return kCases; }

}  // namespace conformance
