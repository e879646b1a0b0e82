// SPDX-License-Identifier: Apache-2.0
// A capability table for libcapnp in which index n always stands for client n, so that capability pointers of
// both codecs can be compared by number.
#pragma once

#include <capnp/any.h>
#include <capnp/capability.h>
#include <capnp/message.h>

#include <cstdint>
#include <unordered_map>

namespace capos::test {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"  // of libcapnp's base class
class CapabilityTable final : public capnp::_::CapTableBuilder {
 public:
  // libcapnp reads no capability pointer, null ones included, before a first client was made.
  CapabilityTable() { KJ_ASSERT_NONNULL(extractCap(0)); }

  capnp::Capability::Client client(std::uint32_t index) {
    return capnp::Capability::Client(KJ_ASSERT_NONNULL(extractCap(index)));
  }
  std::uint32_t index_of(capnp::Capability::Client client) const {
    return indices_.at(capnp::ClientHook::from(kj::mv(client)).get());
  }
  // False for the null client and for the broken one that a malformed pointer reads as.
  bool knows(capnp::Capability::Client client) const {
    return indices_.contains(capnp::ClientHook::from(kj::mv(client)).get());
  }

  kj::Maybe<kj::Own<capnp::ClientHook>> extractCap(kj::uint index) override {
    auto& slot = clients_[index];
    if (slot.get() == nullptr) {
      slot = capnp::newBrokenCap("a capability of a test");
      indices_[slot.get()] = index;
    }
    return slot->addRef();
  }
  kj::uint injectCap(kj::Own<capnp::ClientHook>&& cap) override { return indices_.at(cap.get()); }
  void dropCap(kj::uint) override {}

  template <typename T>
  typename T::Reader root(capnp::MessageReader& message) {
    auto any = message.getRoot<capnp::AnyPointer>();
    auto pointer = capnp::_::PointerHelpers<capnp::AnyPointer>::getInternalReader(any).imbue(this);
    return capnp::AnyPointer::Reader(pointer).getAs<T>();
  }
  capnp::AnyPointer::Builder root(capnp::MessageBuilder& message) {
    auto any = message.getRoot<capnp::AnyPointer>();
    auto pointer = capnp::_::PointerHelpers<capnp::AnyPointer>::getInternalBuilder(kj::mv(any)).imbue(this);
    return capnp::AnyPointer::Builder(pointer);
  }

 private:
  std::unordered_map<std::uint32_t, kj::Own<capnp::ClientHook>> clients_;
  std::unordered_map<const capnp::ClientHook*, std::uint32_t> indices_;
};
#pragma GCC diagnostic pop

}  // namespace capos::test
