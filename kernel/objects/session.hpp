// SPDX-License-Identifier: Apache-2.0
// Sessions and grant leases: authority for a time, that one call ends.
//
// A session's liveness is the immutable context of the processes spawned in it, and the lease of all that they are
// granted; a grant lease is a part of a session with an end of its own. Neither is recorded in any table: a capability
// under a lease names the lease's liveness, and lookup asks it. So renewal and logout are one store each.
// Invariant: what nobody can end any more has ended: the last capability to a session or lease takes its liveness along.
#pragma once

#include "objects/liveness.hpp"

namespace capos::kernel {

class Session final : public TypedObject<Session, schema::Session> {
 public:
  static constexpr ObjectType kType = ObjectType::session;
  using Interface = schema::Session;
  explicit Session(Ref<Liveness> life) noexcept : TypedObject(kType), life_(std::move(life)) {}
  [[nodiscard]] Liveness& life() const noexcept { return *life_; }

  Outcome logout(CallContext&, const Interface::Logout::Params::Value&, Interface::Logout::Results::Value&) noexcept;
  Outcome renew(CallContext&, const Interface::Renew::Params::Value&, Interface::Renew::Results::Value&) noexcept;
  Outcome create_lease(CallContext&, Interface::CreateLease::Params::Reader,
                       Interface::CreateLease::Results::Builder) noexcept;
  Outcome describe(CallContext&, const schema::SessionInfo::Describe::Params::Value&,
                   schema::SessionInfo::Describe::Results::Value&) noexcept;

 private:
  void destroy() noexcept override;
  Ref<Liveness> life_;
};

// What a process may know of its own session: "self.session".
class SessionContext final : public TypedObject<SessionContext, schema::SessionInfo> {
 public:
  static constexpr ObjectType kType = ObjectType::session_context;
  using Interface = schema::SessionInfo;
  explicit SessionContext(Liveness& life) noexcept : TypedObject(kType), life_(Ref<Liveness>::share(life)) {}
  Outcome describe(CallContext&, const Interface::Describe::Params::Value&, Interface::Describe::Results::Value&) noexcept;

 private:
  void destroy() noexcept override;
  Ref<Liveness> life_;
};

class GrantLease final : public TypedObject<GrantLease, schema::GrantLease> {
 public:
  static constexpr ObjectType kType = ObjectType::grant_lease;
  using Interface = schema::GrantLease;
  explicit GrantLease(Ref<Liveness> life) noexcept : TypedObject(kType), life_(std::move(life)) {}

  Outcome grant(CallContext&, Interface::Grant::Params::Reader, Interface::Grant::Results::Builder) noexcept;
  Outcome renew(CallContext&, const Interface::Renew::Params::Value&, Interface::Renew::Results::Value&) noexcept;
  Outcome end(CallContext&, const Interface::End::Params::Value&, Interface::End::Results::Value&) noexcept;
  Outcome state(CallContext&, const Interface::State::Params::Value&, Interface::State::Results::Value&) noexcept;

 private:
  void destroy() noexcept override;
  Ref<Liveness> life_;
};

// SessionAuthority: making sessions.
[[nodiscard]] Object& session_authority_service() noexcept;

}  // namespace capos::kernel
