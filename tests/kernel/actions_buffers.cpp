// SPDX-License-Identifier: Apache-2.0
// Shared buffers: their maker's hold, the rights to their sides, and the sides.
#include <array>
#include <cstring>

#include "actions.hpp"
#include "capos/abi/shared_buffer.hpp"
#include "capos/schema/devices.hpp"
#include "devices/shared_buffer.hpp"

namespace capos::ktest {
namespace {

using schema::BufferState;
using schema::KernelError;

constexpr std::uint64_t kProducer = 0, kConsumer = 1;

Id id_of(Chapter& c, Who w, std::uint64_t cap) { return c.model.process(w.process).caps.at(cap).id; }

ModelBuffer& buffer_of(Chapter& c, Who w, std::uint64_t cap) { return *c.model.object(object_of(c, w, cap).of).buffer; }

bool make_buffer(Chapter& c, Who w) {
  const std::uint64_t cap = c.service(w.process, "sharedBuffers");
  if (cap == 0 || !has_room(c, w)) return false;
  const std::uint64_t size = c.random.one_in(10) ? c.random.one_in(2) ? 255 : (64u << 20) + 1 : 256 + c.random.below(9'000);
  const bool fits = size >= 256 && size <= 64u << 20;
  c.tell(std::to_string(size) + " bytes");
  const auto made = ask<schema::SharedBuffers::Create>(c, w, cap, fits ? kNoError : invalid(KernelError::bad_range),
                                                       [&](auto params) { params.set_size(size); });
  if (!made.has_value()) return true;
  ModelBuffer buffer;
  buffer.memory = c.model.add({.kind = Kind::memory, .interface_id = schema::MemoryObject::kInterfaceId,
                               .bytes = std::vector<std::uint8_t>((size + kWalkPage - 1) / kWalkPage * kWalkPage)});
  for (Id& one : buffer.notification) one = c.model.add({.kind = Kind::notification, .interface_id = schema::Notification::kInterfaceId});
  const Id id = c.model.add({.kind = Kind::buffer, .interface_id = schema::SharedBuffer::kInterfaceId, .buffer = buffer});
  c.model.brings(w.process, made->cap([](auto results) { return results.buffer(); }).raw, cap, id);
  c.model.brings(w.process, made->cap([](auto results) { return results.producer(); }).raw, cap,
                 c.model.add({.kind = Kind::facet, .interface_id = schema::BufferProducer::kInterfaceId, .of = id, .first = kProducer}));
  c.model.brings(w.process, made->cap([](auto results) { return results.consumer(); }).raw, cap,
                 c.model.add({.kind = Kind::facet, .interface_id = schema::BufferConsumer::kInterfaceId, .of = id, .first = kConsumer}));
  return true;
}

bool revoke_buffer(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::buffer);
  if (cap == 0 || !c.random.one_in(3)) return false;
  c.tell(named(cap));
  const Id id = id_of(c, w, cap);
  call_object<schema::SharedBuffer::Revoke>(c, w, cap, {}, [&] {
    ModelBuffer& buffer = *c.model.object(id).buffer;
    if (buffer.revoked) return finds_error(failed(KernelError::bad_state));
    buffer.revoked = true;
    for (const std::uint64_t side : {kProducer, kConsumer}) {
      c.model.tell_memory(id, side, BufferState::revoked);
      c.model.set_bits(c.model.process(w.process).cpu, buffer.notification[side], abi::kBufferPeerBit);
    }
    return finds_words();
  });
  return true;
}

// The words that tell of the two sides, in the ring's memory.
std::uint64_t states_in(const std::uint8_t* memory) {
  std::uint64_t words = 0;
  std::memcpy(&words, memory + abi::kBufferStatesOffset, sizeof words);
  return words;
}

bool ask_buffer(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::buffer);
  if (cap == 0) return false;
  const ModelBuffer& buffer = *object_of(c, w, cap).buffer;
  if (const auto* const seen = c.world.process(w.process).capabilities().find_object<kernel::SharedBuffer>(abi::CapId{cap}); seen != nullptr) {
    const auto* const page = static_cast<const std::uint8_t*>(hal::to_kernel(seen->memory().frame_at(0)));
    c.require(states_in(page) == states_in(c.model.bytes_of(buffer.memory)), "a shared buffer's memory tells otherwise of its sides: " + std::to_string(states_in(page)) + " instead of " +
                  std::to_string(states_in(c.model.bytes_of(buffer.memory))));
  }
  call_object<schema::SharedBuffer::State>(c, w, cap, {}, [&] {
    const schema::SharedBuffer::State::Results::Value expected{.producer = buffer.state_of(kProducer), .consumer = buffer.state_of(kConsumer)};
    Finds finds;
    expected.to_words(finds.words.data());
    return finds;
  });
  return true;
}

template <typename Claim>
void claim_by(Chapter& c, Who w, std::uint64_t cap, std::uint64_t side) {
  const Id id = object_of(c, w, cap).of;
  const ModelBuffer& buffer = *c.model.object(id).buffer;
  const Error expected = buffer.revoked          ? failed(KernelError::revoked)
                         : buffer.has_end[side] ? overloaded(KernelError::busy)
                                                 : kNoError;
  const auto made = ask<Claim>(c, w, cap, expected, [](auto) {});
  if (!made.has_value()) return;
  c.model.object(id).buffer->has_end[side] = true;
  c.model.set_state(c.model.process(w.process).cpu, id, side, BufferState::attached);
  const abi::CapId end = made->cap([](auto results) { return results.end(); });
  const Id made_id = c.model.add({.kind = Kind::end, .interface_id = schema::BufferEnd::kInterfaceId, .process = w.process, .of = id, .first = side});
  c.keep(made_id, *c.world.process(w.process).capabilities().find(end)->object());
  c.model.brings(w.process, end.raw, cap, made_id);
}

bool claim(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::facet);
  if (cap == 0 || !has_room(c, w)) return false;
  c.tell(named(cap));
  const std::uint64_t side = object_of(c, w, cap).first;
  if (side == kProducer) {
    claim_by<schema::BufferProducer::Claim>(c, w, cap, side);
  } else {
    claim_by<schema::BufferConsumer::Claim>(c, w, cap, side);
  }
  return true;
}

bool map_end(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::end);
  if (cap == 0 || c.model.process(w.process).pages.size() > 100) return false;
  const ModelObject& end = object_of(c, w, cap);
  const ModelBuffer& buffer = buffer_of(c, w, cap);
  const std::uint64_t pages = c.model.pages_of(buffer.memory);
  const std::uint64_t hint = c.random.one_in(30) ? c.random.next() : c.random.one_in(2) ? 0 : abi::kDynamicBase + c.random.below(48) * kWalkPage;
  const std::uint64_t address = hint != 0 ? hint : c.model.room_for(w.process, pages);
  c.tell(named(cap) + " at " + std::to_string(hint));
  const Error refused = c.model.refusal(w.process, cap, schema::BufferEnd::kInterfaceId);
  const bool may = buffer.state[end.first] == BufferState::attached && end.process == w.process;
  const auto made = c.world.call<schema::BufferEnd::Map>(c.thread(w), abi::CapId{cap}, {.hint = hint});
  if (refused.ok() && (made.error == invalid(KernelError::out_of_memory) || made.error == invalid(KernelError::quota_exceeded))) return true;
  const Error expected = !refused.ok()    ? refused
                         : buffer.revoked ? failed(KernelError::revoked)
                         : !may           ? failed(KernelError::bad_state)
                                          : c.model.map_error(w.process, address, pages, 3, buffer.memory, 0, false);
  c.expect(expected, made.error);
  if (!expected.ok()) return true;
  c.require(made.value.addr == address && made.value.size == pages * kWalkPage, "a shared buffer is mapped at another place");
  c.model.maps(w.process, address, pages, buffer.memory, 0, 3, false);
  return true;
}

bool take_notification(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::end);
  if (cap == 0 || !has_room(c, w)) return false;
  c.tell("of " + named(cap));
  const Id id = buffer_of(c, w, cap).notification[object_of(c, w, cap).first];
  const auto made = ask<schema::BufferEnd::Notification>(c, w, cap, kNoError, [](auto) {});
  if (made.has_value()) c.model.brings(w.process, made->cap([](auto results) { return results.notification(); }).raw, cap, id);
  return true;
}

// What a side that goes on may do; else why not.
Error over(Chapter& c, Who w, std::uint64_t cap) {
  const ModelBuffer& buffer = buffer_of(c, w, cap);
  if (buffer.revoked) return failed(KernelError::revoked);
  return buffer.state[object_of(c, w, cap).first] == BufferState::attached ? kNoError : failed(KernelError::bad_state);
}

bool wake_peer(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::end);
  if (cap == 0) return false;
  c.tell("by " + named(cap));
  call_object<schema::BufferEnd::WakePeer>(c, w, cap, {}, [&] {
    if (const Error why = over(c, w, cap); !why.ok()) return finds_error(why);
    const Id peer = buffer_of(c, w, cap).notification[1 - object_of(c, w, cap).first];
    return c.model.signal(w, peer, abi::kBufferDataBit);
  });
  return true;
}

bool ask_peer(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::end);
  if (cap == 0) return false;
  const std::uint64_t peer = 1 - object_of(c, w, cap).first;
  call_object<schema::BufferEnd::Peer>(c, w, cap, {}, [&] {
    return finds_words(static_cast<std::uint64_t>(buffer_of(c, w, cap).state_of(peer)));
  });
  return true;
}

bool close(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::end);
  if (cap == 0 || !c.random.one_in(3)) return false;
  c.tell(named(cap));
  call_object<schema::BufferEnd::Close>(c, w, cap, {}, [&] {
    if (const Error why = over(c, w, cap); !why.ok()) return finds_error(why);
    const ModelObject& end = object_of(c, w, cap);
    c.model.set_state(c.model.process(w.process).cpu, end.of, end.first, BufferState::closed);
    return finds_words();
  });
  return true;
}

constexpr std::array kActions = {
    Action{"makes a shared buffer", 3, false, make_buffer},
    Action{"revokes the buffer", 2, false, revoke_buffer},
    Action{"asks the buffer", 1, false, ask_buffer},
    Action{"claims the side", 5, false, claim},
    Action{"maps the side", 4, false, map_end},
    Action{"takes the notification", 2, false, take_notification},
    Action{"wakes the peer", 4, false, wake_peer},
    Action{"asks of the peer", 1, false, ask_peer},
    Action{"closes the side", 2, false, close},
};

}  // namespace

std::span<const Action> buffer_actions() { return kActions; }

}  // namespace capos::ktest
