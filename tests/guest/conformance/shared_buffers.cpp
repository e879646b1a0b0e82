// SPDX-License-Identifier: Apache-2.0
// SharedBuffers, SharedBuffer, the two facets and BufferEnd: one producer and one consumer, whatever becomes of them.
#include "capos/runtime/buffer_end.hpp"
#include "capos/shared_buffer/consumer.hpp"
#include "capos/shared_buffer/producer.hpp"
#include "harness.hpp"

namespace conformance {
namespace {

using runtime::BufferSide;
using schema::BufferState;

struct Buffer {
  OwnedCapability<schema::SharedBuffer> hold;
  OwnedCapability<schema::BufferProducer> producer;
  OwnedCapability<schema::BufferConsumer> consumer;
};

runtime::Result<Buffer> make_buffer(Guest& guest, std::uint64_t size) noexcept {
  auto service = guest.runtime.need<schema::SharedBuffers>("sharedBuffers");
  auto made = TRY(service->create([&](auto params) { params.set_size(size); }));
  Buffer buffer;
  buffer.hold = made.template capability<schema::SharedBuffer>(made.reader().buffer());
  buffer.producer = made.template capability<schema::BufferProducer>(made.reader().producer());
  buffer.consumer = made.template capability<schema::BufferConsumer>(made.reader().consumer());
  return buffer;
}

void unmap(Guest& guest, BufferSide& side) noexcept {
  (void)guest.memory->unmap(reinterpret_cast<std::uint64_t>(side.memory().data()), side.memory().size());
}

bool states(Buffer& buffer, BufferState producer, BufferState consumer) noexcept {
  const auto found = buffer.hold->state();
  return found.has_value() && found->producer == producer && found->consumer == consumer;
}

void creation_errors(Guest& guest) noexcept {
  CHECK(invalid(make_buffer(guest, 0), KernelError::bad_range));
  CHECK(invalid(make_buffer(guest, 255), KernelError::bad_range));
  CHECK(invalid(make_buffer(guest, (64u << 20) + 1), KernelError::bad_range));
  CHECK(make_buffer(guest, 256).has_value());
}

// Tock #2135: what is borrowed cannot be borrowed again, not even by who has it.
void claimed_once(Guest& guest) noexcept {
  auto buffer = make_buffer(guest, kPage);
  CHECK(buffer.has_value() && states(*buffer, BufferState::absent, BufferState::absent));
  auto producer = BufferSide::claim(buffer->producer.borrow());
  CHECK(producer.has_value() && states(*buffer, BufferState::attached, BufferState::absent));
  CHECK(refused(buffer->producer->claim([](auto) {}), ExceptionType::overloaded, KernelError::busy));
  const Grant grants[] = {{"producer", buffer->producer.cap()}};
  Child child(guest, {.role = Role::buffer_producer, .argument = 1, .grants = grants});
  CHECK(child.exits(100 + static_cast<std::int64_t>(KernelError::busy)));
  auto consumer = BufferSide::claim(buffer->consumer.borrow());
  CHECK(consumer.has_value() && states(*buffer, BufferState::attached, BufferState::attached));
  CHECK(refused(buffer->consumer->claim([](auto) {}), ExceptionType::overloaded, KernelError::busy));
  unmap(guest, *producer);
  unmap(guest, *consumer);
}

void end_of_another(Guest& guest) noexcept {
  auto buffer = make_buffer(guest, kPage);
  CHECK(buffer.has_value());
  auto side = BufferSide::claim(buffer->producer.borrow());
  CHECK(side.has_value());
  const Grant grants[] = {{"end", side->end().cap()}};
  Child child(guest, {.role = Role::foreign_end, .grants = grants});
  CHECK(child.exits(100 + static_cast<std::int64_t>(KernelError::bad_state)));
  CHECK(invalid(side->end()->map(0x123), KernelError::bad_address));
  CHECK(invalid(side->end()->map(abi::kRingBase), KernelError::overlap));
  unmap(guest, *side);
}

// Ten thousand elements through a ring of 64, producer and consumer elsewhere.
void carries_elements(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    auto buffer = make_buffer(guest, 2 * kPage);
    Shared out(guest);
    CHECK(buffer.has_value() && out);
    const Grant gives[] = {{"producer", buffer->producer.cap()}};
    const Grant takes[] = {{"consumer", buffer->consumer.cap()}, {"out", out.cap()}};
    Child consumer(guest, {.role = Role::buffer_consumer, .grants = takes, .cpu = cpu});
    CHECK(consumer.becomes_ready());
    Child producer(guest, {.role = Role::buffer_producer, .argument = 10'000, .grants = gives});
    CHECK(producer.exits(0));
    CHECK(consumer.exits(10 + static_cast<std::int64_t>(BufferState::dead)));
    CHECK(out.word(0) == 10'000 && out.word(1) == 10'000ull * 10'001 / 2);
  }
}

// The holder of an end dies: the peer is told, and a successor goes on where it stopped.
void producer_dies(Guest& guest) noexcept {
  auto buffer = make_buffer(guest, 2 * kPage);
  CHECK(buffer.has_value());
  auto side = BufferSide::claim(buffer->consumer.borrow());
  CHECK(side.has_value());
  const Grant gives[] = {{"producer", buffer->producer.cap()}};
  {
    Child producer(guest, {.role = Role::buffer_producer, .argument = 5, .grants = gives});
    CHECK(producer.exits(0));
  }
  for (;;) {
    const auto peer = side->peer();
    CHECK(peer.has_value());
    if (*peer == BufferState::dead) break;
    CHECK(side->wait().has_value());
  }
  CHECK(states(*buffer, BufferState::dead, BufferState::attached));
  auto ring = RingConsumer<std::uint64_t>::attach(side->memory());
  CHECK(ring.has_value() && ring->producer_gone() && ring->available() == 5);
  auto successor = BufferSide::claim(buffer->producer.borrow());
  CHECK(successor.has_value() && states(*buffer, BufferState::attached, BufferState::attached));
  auto again = RingProducer<std::uint64_t>::attach(successor->memory());
  CHECK(again.has_value() && again->push(6).has_value() && ring->available() == 6 && !ring->producer_gone());
  unmap(guest, *successor);
  unmap(guest, *side);
}

void closes(Guest& guest) noexcept {
  auto buffer = make_buffer(guest, kPage);
  CHECK(buffer.has_value());
  auto producer = BufferSide::claim(buffer->producer.borrow());
  auto consumer = BufferSide::claim(buffer->consumer.borrow());
  CHECK(producer.has_value() && consumer.has_value());
  (void)consumer->event()->poll();
  CHECK(producer->end()->close().has_value());
  const auto bits = consumer->event()->poll();
  CHECK(bits.has_value() && bits->bits == abi::kBufferPeerBit);
  const auto peer = consumer->peer();
  CHECK(peer.has_value() && *peer == BufferState::closed);
  CHECK(refused(producer->end()->close(), ExceptionType::failed, KernelError::bad_state));
  CHECK(refused(producer->end()->wake_peer(), ExceptionType::failed, KernelError::bad_state));
  CHECK(refused(producer->end()->map(0), ExceptionType::failed, KernelError::bad_state));
  CHECK(refused(buffer->producer->claim([](auto) {}), ExceptionType::overloaded, KernelError::busy));
  unmap(guest, *producer);
  unmap(guest, *consumer);
}

void wakes(Guest& guest) noexcept {
  auto buffer = make_buffer(guest, kPage);
  CHECK(buffer.has_value());
  auto producer = BufferSide::claim(buffer->producer.borrow());
  auto consumer = BufferSide::claim(buffer->consumer.borrow());
  CHECK(producer.has_value() && consumer.has_value());
  (void)consumer->event()->poll();
  (void)producer->event()->poll();
  CHECK(producer->wake_peer().has_value());
  auto bits = consumer->event()->poll();
  CHECK(bits.has_value() && bits->bits == abi::kBufferDataBit);
  bits = producer->event()->poll();
  CHECK(bits.has_value() && bits->bits == 0);
  unmap(guest, *producer);
  unmap(guest, *consumer);
}

// Tock #1905: a buffer revoked while both sides use it. Nothing faults, both learn it, nothing can be done with it.
void revoked_while_in_use(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    auto buffer = make_buffer(guest, 2 * kPage);
    Shared out(guest);
    CHECK(buffer.has_value() && out);
    const Grant takes[] = {{"consumer", buffer->consumer.cap()}, {"out", out.cap()}};
    Child consumer(guest, {.role = Role::buffer_consumer, .grants = takes, .cpu = cpu});
    auto side = BufferSide::claim(buffer->producer.borrow());
    CHECK(side.has_value() && create_ring<std::uint64_t>(side->memory(), 64).has_value());
    auto ring = RingProducer<std::uint64_t>::attach(side->memory());
    CHECK(ring.has_value() && side->wake_peer().has_value());
    CHECK(ring->push(1).has_value() && side->wake_peer().has_value() && out.reaches(0, 1));
    CHECK(buffer->hold->revoke().has_value());
    CHECK(consumer.exits(10 + static_cast<std::int64_t>(BufferState::revoked)));
    CHECK(ring->push(2).has_value() && ring->consumer_gone());  // the memory is there as long as it is mapped
    CHECK(refused(side->end()->wake_peer(), ExceptionType::failed, KernelError::revoked));
    CHECK(refused(side->end()->map(0), ExceptionType::failed, KernelError::revoked));
    CHECK(refused(side->end()->close(), ExceptionType::failed, KernelError::revoked));
    const auto peer = side->peer();
    CHECK(peer.has_value() && *peer == BufferState::revoked);
    CHECK(refused(buffer->consumer->claim([](auto) {}), ExceptionType::failed, KernelError::revoked));
    CHECK(refused(buffer->hold->revoke(), ExceptionType::failed, KernelError::bad_state));
    CHECK(states(*buffer, BufferState::revoked, BufferState::revoked));
    unmap(guest, *side);
  }
}

constexpr Case kCases[] = {
    {"sharedBuffers.create errors", creation_errors},
    {"shared buffer claimed once (Tock #2135)", claimed_once},
    {"shared buffer end of another process", end_of_another},
    {"shared buffer carries elements", carries_elements},
    {"shared buffer producer dies", producer_dies},
    {"shared buffer closes", closes},
    {"shared buffer wakes the peer", wakes},
    {"shared buffer revoked while in use (Tock #1905)", revoked_while_in_use},
};

}  // namespace

std::span<const Case> shared_buffer_cases() noexcept { return kCases; }

}  // namespace conformance
