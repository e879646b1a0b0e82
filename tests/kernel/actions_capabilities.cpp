// SPDX-License-Identifier: Apache-2.0
// What is done with capabilities themselves: giving up, stale ones, narrowing, what the table says.
#include <array>

#include "actions.hpp"
#include "capos/schema/authority.hpp"

namespace capos::ktest {
namespace {

using schema::DisclosureScope;
using schema::KernelError;
using schema::TransferScope;
using schema::TransportError;

// Gives one up, the more likely the more there are; never what the walk lives on.
bool release(Chapter& c, Who w) {
  auto& caps = c.model.process(w.process).caps;
  if (caps.size() < 16 && !c.random.one_in(4)) return false;
  auto chosen = caps.begin();
  std::advance(chosen, static_cast<long>(c.random.below(caps.size())));
  const ModelObject& object = c.model.object(chosen->second.id);
  if (object.kind == Kind::service && c.random.one_in(2)) return false;
  if (object.kind == Kind::virtual_memory && object.process == w.process) return false;
  if (w.process == World::kInit && c.is_first(chosen->first)) return false;
  const std::uint64_t cap = chosen->first;
  c.tell(named(cap));
  c.expect(kNoError, c.world.release(c.thread(w), abi::CapId{cap}));
  (void)c.model.gives_up(w.process, cap);
  return true;
}

// A CapId that it had, or never had, or whose lease has ended, in each way to use one.
bool use_stale(Chapter& c, Who w) {
  const auto& process = c.model.process(w.process);
  std::uint64_t cap = c.random.next();
  if (!c.random.one_in(4) && !process.had.empty()) {
    auto had = process.had.begin();
    std::advance(had, static_cast<long>(c.random.below(process.had.size())));
    cap = c.random.one_in(2) ? *had : *had ^ std::uint64_t{1} << c.random.below(64);
  }
  if (c.model.find(w.process, cap) != nullptr) return false;
  c.tell(named(cap));
  kernel::Thread& thread = c.thread(w);
  const Error stale = transport(TransportError::invalid_cap);
  switch (c.random.below(process.caps.contains(cap) ? 2 : 3)) {
    case 0: {
      const auto answer = c.world.call(thread, abi::CapId{cap}, c.random.next(), 0);
      c.require(answer.has_value() && answer->error() == stale, "a stale capability was called");
      return true;
    }
    case 1: {
      const auto answer = c.world.reply_receive(thread, abi::CapId{cap});
      c.require(answer.has_value() && answer->error() == stale, "a stale capability was served");
      return true;
    }
    default: c.expect(stale, c.world.release(thread, abi::CapId{cap})); return true;
  }
}

bool wrong_interface(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick_of(w.process, {Kind::memory, Kind::notification, Kind::handle, Kind::service, Kind::endpoint,
                                                  Kind::session, Kind::lease, Kind::ledger, Kind::thread, Kind::timer});
  if (cap == 0) return false;
  c.tell(named(cap));
  const auto answer = c.world.call(c.thread(w), abi::CapId{cap}, 0x1234, static_cast<std::uint16_t>(c.random.below(9)));
  c.expect(finds_error(c.model.refusal(w.process, cap, 0x1234)), answer);
  return true;
}

// An ancestor, the interface itself, or one that it is not.
std::uint64_t narrower(Chapter& c, const Held& held) {
  constexpr std::array kFacets = {schema::MemoryObject::kInterfaceId, schema::MemoryReader::kInterfaceId,
                                  schema::NotificationSignal::kInterfaceId, schema::LedgerReader::kInterfaceId,
                                  schema::SessionInfo::kInterfaceId};
  const std::uint64_t facet = kFacets[c.random.below(kFacets.size())];
  return Model::permits(held.interface_id, facet) || c.random.one_in(20) ? facet : held.interface_id;
}

bool narrow(Chapter& c, Who w) {
  const std::uint64_t table = c.service(w.process, "self.capabilities");
  const std::uint64_t cap = c.pick_of(w.process, {Kind::memory, Kind::notification, Kind::ledger, Kind::session, Kind::client});
  if (table == 0 || cap == 0 || !has_room(c, w)) return false;
  c.tell(named(cap));
  const Held own = c.model.process(w.process).caps.at(cap);
  Held wanted = own;
  wanted.interface_id = narrower(c, own);
  wanted.transfer = static_cast<TransferScope>(c.random.one_in(4) ? c.random.below(4) : static_cast<std::uint64_t>(own.transfer));
  wanted.disclosure = static_cast<DisclosureScope>(c.random.one_in(3) ? c.random.below(4) : static_cast<std::uint64_t>(own.disclosure));
  const bool strict = wanted.transfer >= own.transfer && wanted.transfer <= TransferScope::none &&
                      wanted.disclosure >= own.disclosure && wanted.disclosure <= DisclosureScope::nothing;
  const Error expected = c.model.find(w.process, cap) == nullptr                   ? invalid(KernelError::bad_capability)
                         : !Model::permits(own.interface_id, wanted.interface_id) ? invalid(KernelError::mismatch)
                         : !strict                                                ? invalid(KernelError::bad_range)
                                                                                  : kNoError;
  const auto made = ask<schema::CapabilityTable::Narrow>(c, w, table, expected, [&](auto params, auto& transfers) {
    params.init_capability().set_capability(add(transfers, abi::CapId{cap}));
    params.set_interface_id(wanted.interface_id);
    params.set_transfer(wanted.transfer);
    params.set_disclosure(wanted.disclosure);
  });
  if (made.has_value()) {
    c.model.gets(w.process, made->cap([](auto results) { return results.narrowed().get_capability(); }).raw, wanted);
  }
  return true;
}

bool describe(Chapter& c, Who w) {
  const std::uint64_t table = c.service(w.process, "self.capabilities");
  const auto& process = c.model.process(w.process);
  if (table == 0 || process.had.empty()) return false;
  auto had = process.had.begin();
  std::advance(had, static_cast<long>(c.random.below(process.had.size())));
  const std::uint64_t cap = *had;
  c.tell(named(cap));
  call_object<schema::CapabilityTable::Describe>(c, w, table, {.cap = cap}, [&] {
    const Held* const held = c.model.find(w.process, cap);
    if (held == nullptr) return finds_error(invalid(KernelError::bad_capability));
    const schema::CapabilityTable::Describe::Results::Value expected{.interface_id = held->interface_id,
                                                                     .transfer = held->transfer,
                                                                     .disclosure = held->disclosure,
                                                                     .leased = held->lease != 0};
    Finds finds;
    expected.to_words(finds.words.data());
    return finds;
  });
  return true;
}

bool count(Chapter& c, Who w) {
  const std::uint64_t table = c.service(w.process, "self.capabilities");
  if (table == 0) return false;
  call_object<schema::CapabilityTable::Count>(c, w, table, {}, [&] { return finds_words(c.model.process(w.process).caps.size()); });
  return true;
}

constexpr std::array kActions = {
    Action{"releases", 8, false, release},
    Action{"uses the stale", 4, false, use_stale},
    Action{"calls by a wrong interface", 2, false, wrong_interface},
    Action{"narrows", 5, false, narrow},
    Action{"describes", 2, false, describe},
    Action{"counts its capabilities", 1, false, count},
};

}  // namespace

std::span<const Action> capability_actions() { return kActions; }

}  // namespace capos::ktest
