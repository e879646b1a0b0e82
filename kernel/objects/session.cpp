// SPDX-License-Identifier: Apache-2.0
#include "objects/session.hpp"

#include "ipc/call_context.hpp"
#include "ipc/lease_use.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

constinit std::atomic<std::uint64_t> g_sessions{0};

// An end as callers state it: 0 is never. False if that is no time to come.
bool read_end(CallContext& call, std::uint64_t expires_ns, std::uint64_t& until) noexcept {
  until = expires_ns == 0 ? Liveness::kForEver : expires_ns;
  return until > call.now.ns();
}

Outcome renew_until(CallContext& call, Liveness& life, std::uint64_t expires_ns) noexcept {
  std::uint64_t until = 0;
  if (!read_end(call, expires_ns, until)) return Outcome::invalid(KernelError::bad_range);
  const bool earlier = until < life.until_ns();
  if (!life.renew(until)) return Outcome::failed(KernelError::expired);
  if (earlier) leases_changed();
  return Outcome::done();
}

// For good, and for what goes on under it.
void end_lease(Liveness& life) noexcept {
  life.end();
  leases_changed();
}

std::uint64_t stated_end(const Liveness& life) noexcept {
  return life.until_ns() == Liveness::kForEver ? 0 : life.until_ns();
}

template <typename Results>
Outcome describe_life(const Liveness& life, Results& results) noexcept {
  results.number = life.session();
  results.alive = life.holds();
  results.expires_ns = stated_end(life);
  return Outcome::done();
}

class SessionAuthorityService final : public SingletonObject<SessionAuthorityService, schema::SessionAuthority> {
 public:
  using Interface = schema::SessionAuthority;
  Outcome create(CallContext& call, Interface::Create::Params::Reader params,
                 Interface::Create::Results::Builder results) noexcept {
    Ledger* const payer = call.argument<Ledger>(params.ledger());
    if (payer == nullptr) return Outcome::invalid(KernelError::bad_capability);
    std::uint64_t until = 0;
    if (!read_end(call, params.expires_ns(), until)) return Outcome::invalid(KernelError::bad_range);
    const std::uint64_t number = g_sessions.fetch_add(1, std::memory_order_relaxed) + 1;
    auto life = Liveness::create(*payer, call.process().session(), until, number);
    if (!life.has_value()) return Outcome::overloaded(life.error());
    auto session = new_object<Session>(*payer, *std::move(life));
    if (!session.has_value()) return Outcome::overloaded(session.error());
    const auto index = call.give(*std::move(session));
    if (!index.has_value()) return Outcome::overloaded(index.error());
    results.set_session(*index);
    return Outcome::done();
  }
};

constinit SessionAuthorityService g_authority;

}  // namespace

Object& session_authority_service() noexcept { return g_authority; }

void Session::destroy() noexcept {
  end_lease(*life_);
  delete_object(this);
}

Outcome Session::logout(CallContext&, const Interface::Logout::Params::Value&,
                        Interface::Logout::Results::Value&) noexcept {
  if (!life_->holds()) return Outcome::failed(KernelError::expired);
  end_lease(*life_);
  return Outcome::done();
}

Outcome Session::renew(CallContext& call, const Interface::Renew::Params::Value& params,
                       Interface::Renew::Results::Value&) noexcept {
  return renew_until(call, *life_, params.expires_ns);
}

Outcome Session::create_lease(CallContext& call, Interface::CreateLease::Params::Reader params,
                              Interface::CreateLease::Results::Builder results) noexcept {
  std::uint64_t until = 0;
  if (!read_end(call, params.expires_ns(), until)) return Outcome::invalid(KernelError::bad_range);
  if (!life_->holds()) return Outcome::failed(KernelError::expired);
  Ledger& ledger = *payer();
  auto life = Liveness::create(ledger, life_.get(), until);
  if (!life.has_value()) return Outcome::overloaded(life.error());
  auto lease = new_object<GrantLease>(ledger, *std::move(life));
  if (!lease.has_value()) return Outcome::overloaded(lease.error());
  const auto index = call.give(*std::move(lease));
  if (!index.has_value()) return Outcome::overloaded(index.error());
  results.set_lease(*index);
  return Outcome::done();
}

Outcome Session::describe(CallContext&, const schema::SessionInfo::Describe::Params::Value&,
                          schema::SessionInfo::Describe::Results::Value& results) noexcept {
  return describe_life(*life_, results);
}

void SessionContext::destroy() noexcept { delete_object(this); }

Outcome SessionContext::describe(CallContext&, const Interface::Describe::Params::Value&,
                                 Interface::Describe::Results::Value& results) noexcept {
  return describe_life(*life_, results);
}

void GrantLease::destroy() noexcept {
  end_lease(*life_);
  delete_object(this);
}

Outcome GrantLease::grant(CallContext& call, Interface::Grant::Params::Reader params,
                          Interface::Grant::Results::Builder results) noexcept {
  CapabilityEntry* const entry = call.argument_entry(params.capability().get_capability());
  if (entry == nullptr) return Outcome::invalid(KernelError::bad_capability);
  if (!life_->holds()) return Outcome::failed(KernelError::expired);
  HoldEdge edge = entry->edge();
  // It must not outlive the lease that it is under already.
  if (edge.lease != nullptr && !life_->is_within(*edge.lease)) return Outcome::invalid(KernelError::mismatch);
  edge.lease = life_.get();
  const auto index = call.give(Ref<Object>::share(*entry->object()), entry->interface_id(), edge);
  if (!index.has_value()) return Outcome::overloaded(index.error());
  results.init_leased().set_capability(*index);
  return Outcome::done();
}

Outcome GrantLease::renew(CallContext& call, const Interface::Renew::Params::Value& params,
                          Interface::Renew::Results::Value&) noexcept {
  return renew_until(call, *life_, params.expires_ns);
}

Outcome GrantLease::end(CallContext&, const Interface::End::Params::Value&, Interface::End::Results::Value&) noexcept {
  if (!life_->holds()) return Outcome::failed(KernelError::expired);
  end_lease(*life_);
  return Outcome::done();
}

Outcome GrantLease::state(CallContext&, const Interface::State::Params::Value&,
                          Interface::State::Results::Value& results) noexcept {
  results.alive = life_->holds();
  results.expires_ns = stated_end(*life_);
  return Outcome::done();
}

}  // namespace capos::kernel
