// SPDX-License-Identifier: Apache-2.0
// Sessions, leases, ledgers.
#include <array>

#include "actions.hpp"
#include "capos/schema/authority.hpp"

namespace capos::ktest {
namespace {

using schema::KernelError;

// When something is to end: soon, later, never, or in the past.
std::uint64_t random_end(Chapter& c) {
  if (c.random.one_in(12)) return c.model.now() == 0 ? 0 : c.random.below(c.model.now() + 1);
  return c.random.one_in(3) ? 0 : c.model.now() + 1 + c.random.below(60'000'000);
}

// As Life has it. Good: in time to come.
std::uint64_t end_of(std::uint64_t stated) { return stated == 0 ? Life::kForEver : stated; }
bool is_to_come(Chapter& c, std::uint64_t stated) { return end_of(stated) > c.model.now(); }

std::uint64_t stated_end(const Life& life) { return life.until == Life::kForEver ? 0 : life.until; }

bool make_session(Chapter& c, Who w) {
  const std::uint64_t authority = c.service(w.process, "sessions"), ledger = c.pick(w.process, Kind::ledger);
  if (authority == 0 || ledger == 0 || !has_room(c, w)) return false;
  const std::uint64_t end = random_end(c);
  const Id parent = c.model.process(w.process).session;
  const unsigned depth = parent == 0 ? 1 : c.model.object(parent).life->depth + 1;
  const bool whole = c.model.refusal(w.process, ledger, schema::ResourceLedger::kInterfaceId).ok();
  const Error expected = !whole                        ? invalid(KernelError::bad_capability)
                         : !is_to_come(c, end)         ? invalid(KernelError::bad_range)
                         : depth > Life::kMaxDepth     ? overloaded(KernelError::too_deep)
                                                       : kNoError;
  const bool counted = whole && is_to_come(c, end) &&
                       c.model.refusal(w.process, authority, schema::SessionAuthority::kInterfaceId).ok();
  // A number is used up even if memory is short then.
  const std::uint64_t number = counted ? c.next_session() : 0;
  const auto made = ask<schema::SessionAuthority::Create>(c, w, authority, expected, [&](auto params, auto& transfers) {
    params.set_expires_ns(end);
    params.set_ledger(add(transfers, abi::CapId{ledger}));
  });
  if (!made.has_value()) return true;
  const Id id = c.model.add({.kind = Kind::session, .interface_id = schema::Session::kInterfaceId,
                             .life = Life{.parent = parent, .until = end_of(end), .session = number, .depth = depth}});
  const abi::CapId session = made->cap([](auto results) { return results.session(); });
  c.keep(id, *c.world.process(w.process).capabilities().find(session)->object());
  c.model.brings(w.process, session.raw, authority, id);
  return true;
}

Finds ends(Chapter& c, Id id) {
  if (!c.model.holds(id)) return finds_error(failed(KernelError::expired));
  c.model.object(id).life->until = 0;
  return finds_words();
}

Finds renews(Chapter& c, Id id, std::uint64_t end) {
  if (!is_to_come(c, end)) return finds_error(invalid(KernelError::bad_range));
  if (!c.model.holds(id)) return finds_error(failed(KernelError::expired));
  c.model.object(id).life->until = end_of(end);
  return finds_words();
}

bool logout(Chapter& c, Who w) {
  if (!c.random.one_in(12)) return false;
  const std::uint64_t cap = c.pick(w.process, Kind::session);
  if (cap == 0) return false;
  c.tell(named(cap));
  const Id id = c.model.process(w.process).caps.at(cap).id;
  call_object<schema::Session::Logout>(c, w, cap, {}, [&] { return ends(c, id); });
  return true;
}

bool renew(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick_of(w.process, {Kind::session, Kind::lease}), end = random_end(c);
  if (cap == 0) return false;
  c.tell(named(cap) + " until " + std::to_string(end));
  const Id id = c.model.process(w.process).caps.at(cap).id;
  const auto judge = [&] { return renews(c, id, end); };
  if (c.model.object(id).kind == Kind::session) {
    call_object<schema::Session::Renew>(c, w, cap, {.expires_ns = end}, judge);
  } else {
    call_object<schema::GrantLease::Renew>(c, w, cap, {.expires_ns = end}, judge);
  }
  return true;
}

bool describe_session(Chapter& c, Who w) {
  const std::uint64_t cap = c.random.one_in(2) ? c.pick(w.process, Kind::session) : c.service(w.process, "self.session");
  if (cap == 0) return false;
  const ModelObject& object = object_of(c, w, cap);
  const Id id = object.kind == Kind::session ? c.model.process(w.process).caps.at(cap).id : object.of;
  call_object<schema::SessionInfo::Describe>(c, w, cap, {}, [&] {
    const Life& life = *c.model.object(id).life;
    return finds_words(life.session, c.model.holds(id) ? 1 : 0, stated_end(life));
  });
  return true;
}

bool make_lease(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::session), end = random_end(c);
  if (cap == 0 || !has_room(c, w)) return false;
  const Id session = c.model.process(w.process).caps.at(cap).id;
  const Life life = *c.model.object(session).life;
  const Error expected = !is_to_come(c, end)             ? invalid(KernelError::bad_range)
                         : !c.model.holds(session)       ? failed(KernelError::expired)
                         : life.depth == Life::kMaxDepth ? overloaded(KernelError::too_deep)
                                                         : kNoError;
  c.tell("in " + named(cap));
  const auto made = ask<schema::Session::CreateLease>(c, w, cap, expected, [&](auto params) { params.set_expires_ns(end); });
  if (!made.has_value()) return true;
  const Id id = c.model.add({.kind = Kind::lease, .interface_id = schema::GrantLease::kInterfaceId,
                             .life = Life{.parent = session, .until = end_of(end), .session = life.session, .depth = life.depth + 1}});
  const abi::CapId lease = made->cap([](auto results) { return results.lease(); });
  c.keep(id, *c.world.process(w.process).capabilities().find(lease)->object());
  c.model.brings(w.process, lease.raw, cap, id);
  return true;
}

// Of anything, to be passed on.
bool grant(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::lease);
  const auto& caps = c.model.process(w.process).caps;
  if (cap == 0 || !has_room(c, w)) return false;
  auto chosen = caps.begin();
  std::advance(chosen, static_cast<long>(c.random.below(caps.size())));
  const std::uint64_t granted = chosen->first;
  Held held = chosen->second;
  const Id lease = caps.at(cap).id;
  c.tell(named(granted) + " under " + named(cap));
  const bool within = held.lease == 0 || c.model.is_within(lease, held.lease);
  const Error expected = c.model.find(w.process, granted) == nullptr ? invalid(KernelError::bad_capability)
                         : !c.model.holds(lease)                     ? failed(KernelError::expired)
                         : !within                                   ? invalid(KernelError::mismatch)
                                                                     : kNoError;
  const auto made = ask<schema::GrantLease::Grant>(c, w, cap, expected, [&](auto params, auto& transfers) {
    params.init_capability().set_capability(add(transfers, abi::CapId{granted}));
  });
  if (!made.has_value()) return true;
  held.lease = lease;
  c.model.gets(w.process, made->cap([](auto results) { return results.leased().get_capability(); }).raw, held);
  return true;
}

bool end_lease(Chapter& c, Who w) {
  if (!c.random.one_in(3)) return false;
  const std::uint64_t cap = c.pick(w.process, Kind::lease);
  if (cap == 0) return false;
  c.tell(named(cap));
  const Id id = c.model.process(w.process).caps.at(cap).id;
  call_object<schema::GrantLease::End>(c, w, cap, {}, [&] { return ends(c, id); });
  return true;
}

bool ask_lease(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::lease);
  if (cap == 0) return false;
  const Id id = c.model.process(w.process).caps.at(cap).id;
  call_object<schema::GrantLease::State>(c, w, cap, {}, [&] {
    return finds_words(c.model.holds(id) ? 1 : 0, stated_end(*c.model.object(id).life));
  });
  return true;
}

// --- ledgers ----------------------------------------------------------------------------------------------------

constexpr std::size_t kResources = kernel::Ledger::kResources;
using Amounts = std::array<std::uint64_t, kResources>;

struct Account {
  Amounts limit{}, used{};
  [[nodiscard]] std::uint64_t left(std::size_t i) const { return limit[i] - used[i]; }
};

// What a ledger says of itself, by its own method.
Account read_account(Chapter& c, Who w, std::uint64_t cap) {
  Account account;
  for (std::size_t i = 0; i < kResources; ++i) {
    const auto found = c.world.call<schema::LedgerReader::Usage>(c.thread(w), abi::CapId{cap}, {.resource = static_cast<schema::Resource>(i)});
    c.require(found.error.ok(), "a ledger does not say what is used of it");
    c.require(found.value.used <= found.value.limit, "a ledger is overdrawn");
    account.limit[i] = found.value.limit;
    account.used[i] = found.value.used;
  }
  return account;
}

bool donate(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::ledger);
  if (cap == 0 || !has_room(c, w) || !c.model.refusal(w.process, cap, schema::ResourceLedger::kInterfaceId).ok()) return false;
  const Account before = read_account(c, w, cap);
  const bool quiet = c.nothing_is_reaped();
  Amounts amounts{};
  for (std::size_t i = 0; i < kResources; ++i) amounts[i] = std::min<std::uint64_t>(before.left(i) / 4, c.random.below(300));
  const auto bytes = static_cast<std::size_t>(schema::Resource::kernel_bytes);
  amounts[bytes] = std::min<std::uint64_t>(before.left(bytes) / 4, 40'000);
  const bool too_much = c.random.one_in(4);
  const std::size_t of = c.random.below(kResources);
  if (too_much) amounts[of] = before.left(of) + 1 + c.random.below(5);
  c.tell("of " + named(cap) + (too_much ? ", more than is left" : ""));
  kernel::Thread& thread = c.thread(w);
  const auto made = c.world.message<schema::ResourceLedger::CreateChild>(thread, abi::CapId{cap}, [&](auto params) {
    const auto wanted = params.init_amounts();
    wanted.set_frames(amounts[0]);
    wanted.set_table_slots(amounts[1]);
    wanted.set_threads(amounts[2]);
    wanted.set_contexts(amounts[3]);
    wanted.set_endpoints(amounts[4]);
    wanted.set_ring_arenas(amounts[5]);
    wanted.set_log_bytes(amounts[6]);
    wanted.set_kernel_bytes(amounts[7]);
    wanted.set_cpu_ppm(amounts[8]);
  });
  const bool own = c.model.process(w.process).ledger == c.model.process(w.process).caps.at(cap).id;
  if (!made.ok()) {
    const bool deep = made.error() == overloaded(KernelError::too_deep);
    c.require(deep || short_of_memory(made.error()), "a donation is refused: " + made.error().text());
    c.require(!too_much || made.error() == overloaded(KernelError::quota_exceeded), "too much was asked for, and that is not said");
    return true;
  }
  c.require(!too_much, "a ledger gave more than it had");
  ++c.tally_of("(donated)");
  const Id id = c.model.add({.kind = Kind::ledger, .interface_id = schema::ResourceLedger::kInterfaceId});
  c.model.brings(w.process, made.cap([](auto results) { return results.ledger(); }).raw, cap, id);
  // A thread that is to go on later cannot look now.
  if (!c.world.is_current(thread) || !c.model.refusal(w.process, cap, schema::LedgerReader::kInterfaceId).ok()) return true;
  const Account after = read_account(c, w, cap);
  for (std::size_t i = 0; i < kResources; ++i) {
    // The ledger itself is kernel memory, and its capability a slot of whoever made it; a page of slots may have come along.
    const auto resource = static_cast<schema::Resource>(i);
    const bool may_grow = resource == schema::Resource::kernel_bytes || (own && (resource == schema::Resource::table_slots ||
                                                                                 resource == schema::Resource::frames));
    const std::uint64_t grown = after.used[i] - before.used[i];
    // What others made or gave back on this account meanwhile: nobody else has run, but the reaper may have.
    if (quiet && c.nothing_is_reaped()) {
      c.require(may_grow ? grown >= amounts[i] : grown == amounts[i],
                "of resource " + std::to_string(i) + " were donated " + std::to_string(grown) + " instead of " + std::to_string(amounts[i]));
    }
  }
  return true;
}

bool ask_ledger(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::ledger);
  if (cap == 0 || !c.model.refusal(w.process, cap, schema::LedgerReader::kInterfaceId).ok()) return false;
  const Account account = read_account(c, w, cap);
  const ModelProcess& process = c.model.process(w.process);
  const auto slots = static_cast<std::size_t>(schema::Resource::table_slots);
  if (process.ledger == process.caps.at(cap).id) {
    c.require(account.used[slots] >= process.caps.size(), "a process holds capabilities that its ledger does not count");
  }
  call_object<schema::LedgerReader::Usage>(c, w, cap, {.resource = static_cast<schema::Resource>(kResources)},
                                           [] { return finds_error(invalid(KernelError::bad_range)); });
  return true;
}

constexpr std::array kActions = {
    Action{"makes a session", 3, false, make_session},
    Action{"logs out", 2, false, logout},
    Action{"renews", 3, false, renew},
    Action{"describes a session", 1, false, describe_session},
    Action{"makes a lease", 4, false, make_lease},
    Action{"grants", 8, false, grant},
    Action{"ends the lease", 2, false, end_lease},
    Action{"asks the lease", 1, false, ask_lease},
    Action{"donates", 3, false, donate},
    Action{"asks a ledger", 1, false, ask_ledger},
};

}  // namespace

std::span<const Action> authority_actions() { return kActions; }

}  // namespace capos::ktest
