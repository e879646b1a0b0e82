// SPDX-License-Identifier: Apache-2.0
// One export of the policy service: what its callers may ask for, and no more. Served by a thread of its own.
#pragma once

#include <array>
#include <cstdint>

#include "capos/policy/share_limits.hpp"
#include "capos/runtime/server.hpp"
#include "office.hpp"

namespace capos::policy {

class Desk : public runtime::Served {
 public:
  using Methods = schema::Policy;
  using Asked = schema::PolicyOutcome;
  static constexpr std::size_t kMostShares = 16;

  // Its limits as the configuration states them, its authority by the names that init gives: "serve.EXPORT", and
  // "share.DESK.PLACE" for each of its shares. The program ends if one is missing.
  void open(const runtime::Runtime& runtime, Office& office, schema::PolicyDesk::Reader config, std::uint16_t number) noexcept;
  // Until the endpoint is gone; returns why.
  runtime::CallError serve() noexcept { return runtime::serve<Methods>(endpoint_, *this); }

  Outcome share(runtime::CallInfo&, const Methods::Share::Params::Value&, Methods::Share::Results::Value&) noexcept;
  Outcome set_share(runtime::CallInfo&, const Methods::SetShare::Params::Value&, Methods::SetShare::Results::Value&) noexcept;
  Outcome reset_share(runtime::CallInfo&, const Methods::ResetShare::Params::Value&, Methods::ResetShare::Results::Value&) noexcept;
  Outcome place(runtime::CallInfo&, const Methods::Place::Params::Value&, Methods::Place::Results::Value&) noexcept;
  Outcome lease(runtime::CallInfo&, const Methods::Lease::Params::Value&, Methods::Lease::Results::Value&) noexcept;
  Outcome give_back(runtime::CallInfo&, const Methods::GiveBack::Params::Value&, Methods::GiveBack::Results::Value&) noexcept;
  Outcome cpu(runtime::CallInfo&, const Methods::Cpu::Params::Value&, Methods::Cpu::Results::Value&) noexcept;

 private:
  struct Subject {
    runtime::Capability<schema::ShareControl> control;
    ShareLimits limits;
  };
  [[nodiscard]] Subject* subject(std::uint16_t place) noexcept { return place < count_ ? &subjects_[place] : nullptr; }
  [[nodiscard]] bool may_lease(std::uint16_t cpu) const noexcept { return cpu < 32 && (leases_ >> cpu & 1) != 0; }

  Office* office_ = nullptr;
  runtime::Capability<schema::Endpoint> endpoint_;
  std::array<Subject, kMostShares> subjects_{};
  std::uint16_t count_ = 0, number_ = 0;
  std::uint32_t leases_ = 0;  // bit c: may keep CPU c
  bool places_ = false;
};

}  // namespace capos::policy
