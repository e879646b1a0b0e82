// SPDX-License-Identifier: Apache-2.0
#include "devices/shared_buffer.hpp"

#include "devices/give.hpp"
#include "devices/services.hpp"
#include "process/process.hpp"

namespace capos::kernel {

using schema::KernelError;

ResultOf<Ref<SharedBuffer>, KernelError> SharedBuffer::create(Process& maker, Ref<MemoryObject> memory) noexcept {
  Ref<SharedBuffer> buffer = TRY(new_object<SharedBuffer>(maker.ledger()));
  buffer->memory_ = std::move(memory);
  for (SideState& side : buffer->sides_) {
    side.notification = TRY(new_object<kernel::Notification>(maker.ledger()));
  }
  return buffer;
}

void SharedBuffer::destroy() noexcept { delete_object(this); }

// A hint: the programs may write there too.
void SharedBuffer::tell_memory(Side side, State state) noexcept {
  auto* const page = static_cast<std::byte*>(hal::to_kernel(memory_->frame_at(0)));
  auto* const word = reinterpret_cast<std::uint32_t*>(page + abi::kBufferStatesOffset) + side;
  __atomic_store_n(word, static_cast<std::uint32_t>(state), __ATOMIC_RELEASE);
}

void SharedBuffer::set_state(Side side, State state) noexcept {
  sides_[side].state.store(state, std::memory_order_release);
  // Attached is the program's to say in the memory, once it has laid out the ring.
  if (state != State::attached) tell_memory(side, state);
  // Revoked before or meanwhile: that stays the last word.
  if (revoked()) tell_memory(side, State::revoked);
  (void)sides_[1 - side].notification->set(abi::kBufferPeerBit);
}

bool SharedBuffer::reserve(Side side) noexcept { return !sides_[side].has_end.exchange(true, std::memory_order_acq_rel); }

void SharedBuffer::leave(Side side) noexcept {
  if (sides_[side].state.load(std::memory_order_relaxed) == State::attached) set_state(side, State::dead);
  sides_[side].has_end.store(false, std::memory_order_release);
}

Outcome SharedBuffer::revoke(CallContext& call, const Interface::Revoke::Params::Value&,
                             Interface::Revoke::Results::Value&) noexcept {
  if (revoked_.exchange(true, std::memory_order_acq_rel)) return Outcome::failed(KernelError::bad_state);
  for (const Side side : {kProducer, kConsumer}) {
    tell_memory(side, State::revoked);
    if (sides_[side].notification->set(abi::kBufferPeerBit)) call.reschedule = true;
  }
  return Outcome::done();
}

Outcome SharedBuffer::state(CallContext&, const Interface::State::Params::Value&,
                            Interface::State::Results::Value& results) noexcept {
  results.producer = state_of(kProducer);
  results.consumer = state_of(kConsumer);
  return Outcome::done();
}

template <typename Interface, SharedBuffer::Side kSide>
void BufferFacet<Interface, kSide>::destroy() noexcept {
  delete_object(this);
}

template <typename Interface, SharedBuffer::Side kSide>
Outcome BufferFacet<Interface, kSide>::claim(CallContext& call, typename Interface::Claim::Params::Reader,
                                             typename Interface::Claim::Results::Builder results) noexcept {
  if (buffer_->revoked()) return Outcome::failed(KernelError::revoked);
  if (!buffer_->reserve(kSide)) return Outcome::overloaded(KernelError::busy);
  auto end = new_object<BufferEnd>(call.process().ledger(), *buffer_, kSide, call.process());
  if (!end.has_value()) {
    buffer_->leave(kSide);
    return Outcome::overloaded(end.error());
  }
  return give_device(call, std::move(end), [&](std::uint32_t index) {
    results.set_end(index);
    buffer_->attach(kSide);
  });
}

BufferEnd::BufferEnd(SharedBuffer& buffer, SharedBuffer::Side side, Process& claimer) noexcept
    : TypedObject(kType), buffer_(Ref<SharedBuffer>::share(buffer)), side_(side),
      claimer_(Ref<Process>::share(claimer)) {}

void BufferEnd::destroy() noexcept {
  buffer_->leave(side_);
  delete_object(this);
}

Outcome BufferEnd::map(CallContext& call, const Interface::Map::Params::Value& params,
                       Interface::Map::Results::Value& results) noexcept {
  if (buffer_->revoked()) return Outcome::failed(KernelError::revoked);
  if (closed() || &call.process() != claimer_.get()) return Outcome::failed(KernelError::bad_state);
  MemoryObject& memory = buffer_->memory();
  const Placement whole{.hint = params.hint, .object = Ref<MemoryObject>::share(memory), .pages = memory.pages()};
  const Outcome placed = place(call, whole, results.addr);
  if (placed.kind() == Outcome::Kind::done) results.size = memory.pages() * hal::kPageSize;
  return placed;
}

Outcome BufferEnd::notification(CallContext& call, Interface::Notification::Params::Reader,
                                Interface::Notification::Results::Builder results) noexcept {
  using Given = ResultOf<Ref<kernel::Notification>, KernelError>;
  return give_device(call, Given(Ref<kernel::Notification>::share(buffer_->notification(side_))),
                     [&](std::uint32_t index) { results.set_notification(index); });
}

Outcome BufferEnd::wake_peer(CallContext& call, const Interface::WakePeer::Params::Value&,
                             Interface::WakePeer::Results::Value&) noexcept {
  if (buffer_->revoked()) return Outcome::failed(KernelError::revoked);
  if (closed()) return Outcome::failed(KernelError::bad_state);
  call.reschedule = buffer_->wake(other());
  return Outcome::done();
}

Outcome BufferEnd::peer(CallContext&, const Interface::Peer::Params::Value&,
                        Interface::Peer::Results::Value& results) noexcept {
  results.state = buffer_->state_of(other());
  return Outcome::done();
}

Outcome BufferEnd::close(CallContext& call, const Interface::Close::Params::Value&,
                         Interface::Close::Results::Value&) noexcept {
  if (buffer_->revoked()) return Outcome::failed(KernelError::revoked);
  if (closed()) return Outcome::failed(KernelError::bad_state);
  buffer_->close(side_);
  call.reschedule = true;
  return Outcome::done();
}

namespace {

class SharedBuffersService final : public SingletonObject<SharedBuffersService, schema::SharedBuffers> {
 public:
  using Interface = schema::SharedBuffers;
  Outcome create(CallContext& call, Interface::Create::Params::Reader params,
                 Interface::Create::Results::Builder results) noexcept {
    constexpr std::uint64_t kMostBytes = std::uint64_t{64} << 20;
    const std::uint64_t size = params.size();
    if (size < abi::kBufferLeastBytes || size > kMostBytes) return Outcome::invalid(KernelError::bad_range);
    const auto made = make_memory(call, (size + hal::kPageSize - 1) / hal::kPageSize);
    if (!made.has_value()) return Outcome::overloaded(made.error());
    if (!*made) return Outcome::unfinished();
    const auto buffer =
        SharedBuffer::create(call.process(), Ref<MemoryObject>::share(static_cast<MemoryObject&>(*call.progress.object)));
    if (!buffer.has_value()) return Outcome::overloaded(buffer.error());
    Ledger& payer = call.process().ledger();
    const Outcome first = give_device(call, new_object<BufferProducer>(payer, **buffer), [&](std::uint32_t index) { results.set_producer(index); });
    const Outcome second = give_device(call, new_object<BufferConsumer>(payer, **buffer), [&](std::uint32_t index) { results.set_consumer(index); });
    if (first.kind() != Outcome::Kind::done) return first;
    if (second.kind() != Outcome::Kind::done) return second;
    return give_device(call, ResultOf<Ref<SharedBuffer>, KernelError>(*buffer),
                       [&](std::uint32_t index) { results.set_buffer(index); });
  }
};

constinit SharedBuffersService g_shared_buffers;

}  // namespace

Object& shared_buffers_service() noexcept { return g_shared_buffers; }

}  // namespace capos::kernel
