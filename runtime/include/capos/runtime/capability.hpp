// SPDX-License-Identifier: Apache-2.0
// Typed capabilities: Capability<Interface> borrows, OwnedCapability<Interface> gives back when it dies.
//
//   Capability<schema::Timer> timer = ...;
//   const auto now = timer->now();                       // a register call: Result<Timer::Now::Results::Value>
//   const auto ring = rings->open([&](auto params) { params.set_cpu(1); });   // a message call: Result<Reply<...>>
//   auto memory = ring->capability<schema::MemoryObject>(ring->reader().ring());
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "capos/abi/syscall.hpp"
#include "capos/runtime/ring.hpp"
#include "capos/runtime/system_call.hpp"

namespace capos::runtime {

template <typename Interface>
class OwnedCapability;

// The answer to a message call; valid until the thread's next message call.
template <typename Results>
class Reply {
 public:
  explicit Reply(const RawReply& raw) noexcept : raw_(raw), message_(raw.words) {}
  Reply(Reply&& other) noexcept : Reply(other.raw_) {}
  [[nodiscard]] typename Results::Reader reader() noexcept { return message_.template root<Results>(); }
  // The capability that a field of the results names; null if it names none.
  [[nodiscard]] abi::CapId cap(std::optional<std::uint32_t> index) const noexcept {
    return index.has_value() && *index < raw_.caps.size() ? abi::CapId{raw_.caps[*index].cap} : abi::CapId{};
  }
  template <typename Interface>
  [[nodiscard]] OwnedCapability<Interface> capability(std::optional<std::uint32_t> index) const noexcept {
    return OwnedCapability<Interface>(cap(index));
  }

 private:
  RawReply raw_;
  wire::MessageReader message_;
};

// What generated clients call through.
class Transport {
 public:
  explicit Transport(abi::CapId cap) noexcept : cap_(cap) {}

  template <typename Method>
  [[nodiscard]] Result<typename Method::Results::Value> call_registers(const typename Method::Params::Value& params) const noexcept {
    std::uint64_t in[abi::kRegisterWords] = {};
    params.to_words(in);
    const WordsReply reply = call_words(cap_, Method::kInterfaceId, Method::kOrdinal, in[0], in[1], in[2], in[3], in[4],
                                        in[5], in[6], in[7]);
    if (reply.status != 0) [[unlikely]] return fail(call_error(reply.status, reply.exception));
    const std::uint64_t out[abi::kRegisterWords] = {reply.a, reply.b, reply.c, reply.d, reply.e, reply.f, reply.g, reply.h};
    return Method::Results::Value::from_words(out, abi::kRegisterWords);
  }

  // build(params), or build(params, transfers) for a message that carries capabilities.
  template <typename Method, typename Build>
  [[nodiscard]] Result<Reply<typename Method::Results>> call_message(Build&& build) const noexcept {
    CallRing& ring = call_ring();
    wire::MessageBuilder message(ring.params_area());
    Transfers transfers = ring.transfers();
    auto params = message.template init_root<typename Method::Params>();
    if constexpr (std::is_invocable_v<Build, decltype(params), Transfers&>) {
      build(params, transfers);
    } else {
      build(params);
    }
    if (message.error() != wire::Error::none) return fail(CallError{.transport = schema::TransportError::invalid_message});
    const RawReply reply = TRY(ring.call(cap_, Method::kInterfaceId, Method::kOrdinal,
                                         static_cast<std::uint32_t>(message.words().size()), transfers.count()));
    return Reply<typename Method::Results>(reply);
  }

  [[nodiscard]] abi::CapId cap() const noexcept { return cap_; }

 private:
  abi::CapId cap_;
};

// Borrowed: somebody else keeps it alive.
template <typename Interface>
class Capability {
 public:
  using Client = typename Interface::template Client<Transport>;
  Capability() noexcept : Capability(abi::CapId{}) {}
  explicit Capability(abi::CapId cap) noexcept : client_(Transport(cap)), cap_(cap) {}
  [[nodiscard]] Client* operator->() noexcept { return &client_; }
  [[nodiscard]] abi::CapId cap() const noexcept { return cap_; }
  [[nodiscard]] explicit operator bool() const noexcept { return !cap_.is_null(); }

 private:
  Client client_;
  abi::CapId cap_;
};

// Owned: released with the object.
template <typename Interface>
class OwnedCapability {
 public:
  OwnedCapability() noexcept = default;
  explicit OwnedCapability(abi::CapId cap) noexcept : capability_(cap) {}
  OwnedCapability(OwnedCapability&& other) noexcept : capability_(std::exchange(other.capability_, {})) {}
  OwnedCapability& operator=(OwnedCapability&& other) noexcept {
    std::swap(capability_, other.capability_);
    return *this;
  }
  ~OwnedCapability() {
    if (capability_) (void)call_ring().release(capability_.cap());
  }
  [[nodiscard]] auto operator->() noexcept { return capability_.operator->(); }
  [[nodiscard]] abi::CapId cap() const noexcept { return capability_.cap(); }
  [[nodiscard]] Capability<Interface> borrow() const noexcept { return Capability<Interface>(cap()); }
  // Keeps it for ever.
  Capability<Interface> leak() noexcept { return std::exchange(capability_, {}); }
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(capability_); }

 private:
  Capability<Interface> capability_;
};

}  // namespace capos::runtime
