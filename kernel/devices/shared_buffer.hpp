// SPDX-License-Identifier: Apache-2.0
// Memory of a ring with one producer and one consumer, by construction: each side can be claimed once at a time.
//
// Invariants: a side has at most one BufferEnd; it is bound to the process that claimed it. What became of a side
// (absent, attached, closed, dead, revoked) is kept here, where no program can write it; the ring's own state words
// (abi/shared_buffer.hpp) are told too, for programs that look there. Each change sets the other side's kPeerChanged.
// A side's notification is made with the buffer and never changes, so waking the peer takes no lock on any CPU.
// Bounds: every method O(1), but creation (zeroes its pages) and map (O(pages)). Any CPU.
#pragma once

#include <array>
#include <atomic>

#include "capos/abi/shared_buffer.hpp"
#include "capos/schema/devices.hpp"
#include "ipc/notification.hpp"
#include "memory/memory_object.hpp"

namespace capos::kernel {

class Process;

class SharedBuffer final : public TypedObject<SharedBuffer, schema::SharedBuffer> {
 public:
  static constexpr ObjectType kType = ObjectType::shared_buffer;
  using Interface = schema::SharedBuffer;
  using State = schema::BufferState;
  enum Side : std::uint8_t { kProducer = 0, kConsumer = 1 };

  // Over `memory`, which is its own; charged to `maker`. Errors: quota_exceeded, out_of_memory.
  [[nodiscard]] static ResultOf<Ref<SharedBuffer>, schema::KernelError> create(Process& maker,
                                                                               Ref<MemoryObject> memory) noexcept;

  Outcome revoke(CallContext&, const Interface::Revoke::Params::Value&, Interface::Revoke::Results::Value&) noexcept;
  Outcome state(CallContext&, const Interface::State::Params::Value&, Interface::State::Results::Value&) noexcept;

  [[nodiscard]] bool revoked() const noexcept { return revoked_.load(std::memory_order_acquire); }
  [[nodiscard]] State state_of(Side side) const noexcept {
    return revoked() ? State::revoked : sides_[side].state.load(std::memory_order_acquire);
  }
  [[nodiscard]] MemoryObject& memory() const noexcept { return *memory_; }
  [[nodiscard]] Notification& notification(Side side) const noexcept { return *sides_[side].notification; }

  // For an end that is about to be made: false if the side has one already. attach() says that it is there; until then
  // leave() undoes this, and nobody has seen anything.
  [[nodiscard]] bool reserve(Side side) noexcept;
  void attach(Side side) noexcept { set_state(side, State::attached); }
  // The side's end is gone: dead, unless it closed in order.
  void leave(Side side) noexcept;
  void close(Side side) noexcept { set_state(side, State::closed); }
  // True if a thread of this CPU may have to run now.
  bool wake(Side side) noexcept { return sides_[side].notification->set(abi::kBufferDataBit); }

 private:
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;
  struct SideState {
    std::atomic<State> state{State::absent};
    std::atomic<bool> has_end{false};
    Ref<Notification> notification;
  };

  SharedBuffer() noexcept : TypedObject(kType) {}
  ~SharedBuffer() = default;
  void destroy() noexcept override;
  void set_state(Side side, State state) noexcept;
  void tell_memory(Side side, State state) noexcept;

  Ref<MemoryObject> memory_;
  std::atomic<bool> revoked_{false};
  std::array<SideState, 2> sides_;
};

// The right to take one side.
template <typename Interface, SharedBuffer::Side kSide>
class BufferFacet final : public TypedObject<BufferFacet<Interface, kSide>, Interface> {
 public:
  explicit BufferFacet(SharedBuffer& buffer) noexcept
      : TypedObject<BufferFacet, Interface>(ObjectType::shared_buffer_facet), buffer_(Ref<SharedBuffer>::share(buffer)) {}
  Outcome claim(CallContext& call, typename Interface::Claim::Params::Reader,
                typename Interface::Claim::Results::Builder results) noexcept;

 private:
  void destroy() noexcept override;
  Ref<SharedBuffer> buffer_;
};
using BufferProducer = BufferFacet<schema::BufferProducer, SharedBuffer::kProducer>;
using BufferConsumer = BufferFacet<schema::BufferConsumer, SharedBuffer::kConsumer>;

// A side that has been taken; when the last capability to it goes, by release or by its holder's death, so does the side.
class BufferEnd final : public TypedObject<BufferEnd, schema::BufferEnd> {
 public:
  static constexpr ObjectType kType = ObjectType::shared_buffer_end;
  static constexpr bool kPortionsByRegisters = true;
  using Interface = schema::BufferEnd;
  // The side has been reserved.
  BufferEnd(SharedBuffer& buffer, SharedBuffer::Side side, Process& claimer) noexcept;

  Outcome map(CallContext&, const Interface::Map::Params::Value&, Interface::Map::Results::Value&) noexcept;
  Outcome notification(CallContext&, Interface::Notification::Params::Reader,
                       Interface::Notification::Results::Builder) noexcept;
  Outcome wake_peer(CallContext&, const Interface::WakePeer::Params::Value&, Interface::WakePeer::Results::Value&) noexcept;
  Outcome peer(CallContext&, const Interface::Peer::Params::Value&, Interface::Peer::Results::Value&) noexcept;
  Outcome close(CallContext&, const Interface::Close::Params::Value&, Interface::Close::Results::Value&) noexcept;

 private:
  void destroy() noexcept override;
  [[nodiscard]] SharedBuffer::Side other() const noexcept {
    return side_ == SharedBuffer::kProducer ? SharedBuffer::kConsumer : SharedBuffer::kProducer;
  }
  [[nodiscard]] bool closed() const noexcept { return buffer_->state_of(side_) != SharedBuffer::State::attached; }

  Ref<SharedBuffer> buffer_;
  const SharedBuffer::Side side_;
  Ref<Process> claimer_;
};

}  // namespace capos::kernel
