// SPDX-License-Identifier: Apache-2.0
// A kernel object: counted, typed, called through its Cap'n Proto interface.
//
// Invariants: an object lives while a Ref or a capability holds it, and keeps the ledger alive that it is charged to;
// `epoch` only grows, and a capability made under an older epoch is dead (revocation in O(1)). Calls arrive on any CPU; each object says what it allows.
#pragma once

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstdint>
#include <utility>

#include "capos/schema/kernel.hpp"
#include "capos/wire/message.hpp"
#include "objects/outcome.hpp"

namespace capos::kernel {

class CallContext;
class CapabilityTable;
class Ledger;

enum class ObjectType : std::uint8_t {
  singleton,
  boot_cpu_singleton,  // whose methods CPU 0 alone may call
  interrupt,
  io_ports,
  mmio,
  pci_function,
  dma_buffer,
  event_timer,
  shared_buffer,
  shared_buffer_facet,
  shared_buffer_end,
  memory_object,
  virtual_memory,
  process_handle,
  notification,
  endpoint,
  client_endpoint,
  scheduling_context,
  island,
  thread,
  shared_park_space,
  ledger,
  session,
  session_context,
  grant_lease,
  process_build,
  rebinding,
  admission,
  context_handout,
  share_control,
  placement_control,
};

class Object {
 public:
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  [[nodiscard]] ObjectType type() const noexcept { return type_; }
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_.load(std::memory_order_acquire); }
  void revoke() noexcept { epoch_.fetch_add(1, std::memory_order_acq_rel); }

  // Whom it is charged to; nullptr: nobody (what exists once and for ever). Once, when it is made: keeps the payer.
  [[nodiscard]] Ledger* payer() const noexcept { return payer_; }
  void bill_to(Ledger& payer) noexcept;

  // Nobody else holds it; it stays so, since only a holder can make another.
  [[nodiscard]] bool is_sole_reference() const noexcept { return references_.load(std::memory_order_acquire) == 1; }
  void acquire(std::uint32_t references = 1) noexcept { references_.fetch_add(references, std::memory_order_relaxed); }
  // False, and no reference, if the last one is gone: then it is being destroyed.
  [[nodiscard]] bool acquire_if_alive() noexcept {
    std::uint32_t held = references_.load(std::memory_order_relaxed);
    while (held != 0 && !references_.compare_exchange_weak(held, held + 1, std::memory_order_acquire, std::memory_order_relaxed)) {
    }
    return held != 0;
  }
  void release(std::uint32_t references = 1) noexcept {
    if (references_.fetch_sub(references, std::memory_order_acq_rel) == references) destroy();
  }

  // Whoever calls is its sole holder, and is about to let it go: true if that takes no longer than a portion of a call. Else a
  // portion of it has been done, and it is good for nothing but this and to be let go.
  [[nodiscard]] virtual bool wind_down() noexcept { return true; }

  // Whether who holds it is to stay on their CPU from now on, asked as it comes into `holder`: of the types that do not say so by
  // themselves (capability_table.cpp).
  [[nodiscard]] virtual bool binds(const CapabilityTable& /*holder*/) noexcept { return true; }

  // The interface a new capability to this object carries.
  [[nodiscard]] virtual std::uint64_t interface_id() const noexcept = 0;
  // A typed call; in and out may be the same words. May block the calling thread (Outcome::blocked).
  virtual Outcome call_registers(CallContext& call, std::uint64_t interface_id, std::uint16_t method,
                                 const std::uint64_t (&in)[8], std::uint64_t (&out)[8]) noexcept = 0;
  // The same by message. Must not block.
  virtual Outcome call_message(CallContext& call, std::uint64_t interface_id, std::uint16_t method,
                               wire::AnyStructReader params, wire::MessageBuilder& results) noexcept = 0;

 protected:
  explicit constexpr Object(ObjectType type) noexcept : type_(type) {}
  ~Object() = default;
  // The last reference is gone. Singletons have one that is never given back.
  virtual void destroy() noexcept = 0;

 private:
  std::atomic<std::uint32_t> references_{1};
  std::atomic<std::uint32_t> epoch_{1};
  ObjectType type_;
  Ledger* payer_ = nullptr;
};

// One counted reference.
template <typename T>
class Ref {
 public:
  constexpr Ref() noexcept = default;
  // Takes over a reference that the caller holds (a new object's first one).
  [[nodiscard]] static Ref adopt(T* object) noexcept {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  [[nodiscard]] static Ref share(T& object) noexcept {
    object.acquire();
    return adopt(&object);
  }
  Ref(const Ref& other) noexcept : object_(other.object_) {
    if (object_ != nullptr) object_->acquire();
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <typename Derived>
    requires std::convertible_to<Derived*, T*>
  Ref(Ref<Derived>&& other) noexcept : object_(other.leak()) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) object_->release();
  }
  [[nodiscard]] T* get() const noexcept { return object_; }
  [[nodiscard]] T* operator->() const noexcept { return object_; }
  [[nodiscard]] T& operator*() const noexcept { return *object_; }
  [[nodiscard]] explicit operator bool() const noexcept { return object_ != nullptr; }
  [[nodiscard]] T* leak() noexcept { return std::exchange(object_, nullptr); }

 private:
  T* object_ = nullptr;
};

// Checked downcast by type tag; nullptr if it is another type. T::kType names the tag.
template <typename T>
[[nodiscard]] T* object_cast(Object* object) noexcept {
  return object != nullptr && object->type() == T::kType ? static_cast<T*>(object) : nullptr;
}

// Joins an object class to the dispatch generated from its interface. One whose methods by registers may be Outcome::unfinished
// says so by a constant kPortionsByRegisters: results are written over the parameters, which the next portion needs.
template <typename Derived, typename Interface>
class TypedObject : public Object {
 public:
  using Outcome = kernel::Outcome;
  [[nodiscard]] static Outcome unimplemented() noexcept { return Outcome::unimplemented(); }
  [[nodiscard]] static Outcome wrong_path() noexcept {
    return Outcome::transport(schema::TransportError::invalid_message);
  }
  [[nodiscard]] std::uint64_t interface_id() const noexcept override { return Interface::kInterfaceId; }
  Outcome call_registers(CallContext& call, std::uint64_t interface_id, std::uint16_t method,
                         const std::uint64_t (&in)[8], std::uint64_t (&out)[8]) noexcept final {
    if constexpr (requires { Derived::kPortionsByRegisters; }) {
      std::uint64_t params[8];
      std::copy(std::begin(in), std::end(in), params);
      const Outcome outcome =
          Interface::dispatch_registers(static_cast<Derived&>(*this), call, interface_id, method, params, out);
      if (outcome.kind() == Outcome::Kind::unfinished) std::copy(std::begin(params), std::end(params), out);
      return outcome;
    }
    return Interface::dispatch_registers(static_cast<Derived&>(*this), call, interface_id, method, in, out);
  }
  Outcome call_message(CallContext& call, std::uint64_t interface_id, std::uint16_t method,
                       wire::AnyStructReader params, wire::MessageBuilder& results) noexcept final {
    return Interface::dispatch_message(static_cast<Derived&>(*this), call, interface_id, method, params, results);
  }

 protected:
  using Object::Object;
  ~TypedObject() = default;
};

// What a call in portions has come to between two of them: nobody has a capability to it, nor calls it.
class CallState : public Object {
 public:
  [[nodiscard]] std::uint64_t interface_id() const noexcept final { return 0; }
  Outcome call_registers(CallContext&, std::uint64_t, std::uint16_t, const std::uint64_t (&)[8], std::uint64_t (&)[8]) noexcept final {
    return Outcome::unimplemented();
  }
  Outcome call_message(CallContext&, std::uint64_t, std::uint16_t, wire::AnyStructReader, wire::MessageBuilder&) noexcept final {
    return Outcome::unimplemented();
  }

 protected:
  using Object::Object;
  ~CallState() = default;
};

// An object that exists once and for ever.
template <typename Derived, typename Interface>
class SingletonObject : public TypedObject<Derived, Interface> {
 protected:
  explicit constexpr SingletonObject(ObjectType type = ObjectType::singleton) noexcept : TypedObject<Derived, Interface>(type) {}
  ~SingletonObject() = default;
  void destroy() noexcept final {}
};

}  // namespace capos::kernel
