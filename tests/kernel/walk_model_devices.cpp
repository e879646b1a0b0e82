// SPDX-License-Identifier: Apache-2.0
// Devices: what has been handed out, interrupts, what a device may still write to; and shared buffers.
#include <algorithm>
#include <cstring>

#include "capos/abi/shared_buffer.hpp"
#include "walk_model.hpp"

namespace capos::ktest {

using schema::BufferState;
using schema::KernelError;

Model::Claimed Model::claimed(Kind kind, std::uint64_t first, std::uint64_t count) const {
  Claimed found = Claimed::no;
  for (const auto& [id, one] : objects_) {
    if (one.kind != kind || !one.device.has_value() || !one.device->claimed) continue;
    if (first >= one.first + one.pages || one.first >= first + count) continue;
    if (!one.device->unsure) return Claimed::yes;
    found = Claimed::unsure;
  }
  return found;
}

// --- interrupts

void Model::set_masked(ModelDevice& interrupt, bool masked) { interrupt.masked = masked || interrupt.silent; }

Finds Model::bind(Who caller, Id id, Id notification, std::uint64_t bits) {
  ModelObject& interrupt = object(id);
  ModelDevice& state = *interrupt.device;
  if (state.follows && state.driver == 0) {
    const std::uint64_t strays = std::exchange(state.strays, 0);
    state.count += strays;
    state.unclaimed += strays;
  }
  if (state.follows) interrupt.home = process(caller.process).cpu;
  interrupt.device->in_service = interrupt.device->remembered = false;
  interrupt.device->driver = caller.process;
  interrupt.of = notification;
  interrupt.bits = bits;
  set_masked(*interrupt.device, false);
  return finds_words();
}

Finds Model::acknowledge(Who caller, Id id) {
  ModelObject& interrupt = object(id);
  ModelDevice& state = *interrupt.device;
  if (state.driver == 0) return finds_error(failed(KernelError::bad_state));
  if (!state.in_service) return finds_words();
  const bool again = std::exchange(state.remembered, false);
  state.in_service = again;
  if (state.masked) set_masked(state, false);
  if (again) set_bits(process(caller.process).cpu, interrupt.of, interrupt.bits);
  return finds_words();
}

Finds Model::unbind(Id id) {
  if (object(id).device->driver == 0) return finds_error(failed(KernelError::bad_state));
  forget_binding(id);
  return finds_words();
}

void Model::forget_binding(Id id) {
  ModelDevice& state = *object(id).device;
  state.in_service = state.remembered = false;
  state.driver = 0;
  set_masked(state, true);
  if (state.follows) object(id).home.reset();
}

void Model::strays(Id id) {
  ModelObject& interrupt = object(id);
  ++interrupt.device->strays;
  if (interrupt.device->level) interrupt.device->masked = true;  // by the HAL
  if (interrupt.home.has_value()) put(*interrupt.home & ~kOnTheWay, {.what = Letter::What::strays, .object = id});
}

void Model::arrives(Id id) {
  ModelObject& interrupt = object(id);
  ModelDevice& state = *interrupt.device;
  ++state.count;
  if (state.in_service) {
    ++state.repeated;
    state.remembered = state.masked = true;
  } else if (state.driver == 0 || !process(state.driver).alive()) {
    ++state.unclaimed;
    state.masked = true;
  } else {
    state.in_service = true;
    state.masked = state.level;
    set_bits(*interrupt.home, interrupt.of, interrupt.bits);
  }
}

bool Model::is_line_taken(std::uint64_t line) const {
  return std::ranges::any_of(interrupts_, [&](const Id id) { return objects_.at(id).first == line; });
}

// --- memory that devices reach

bool Model::is_mapped(Id id) const {
  return std::ranges::any_of(processes_, [&](const auto& process) {
    return std::ranges::any_of(process.second.pages, [&](const auto& page) { return page.second.object == id; });
  });
}

void Model::set_bus_master(Id function, bool enabled) {
  object(function).device->bus_master = enabled;
  if (!enabled) drop_unused(function);
}

// What nobody but the function has.
void Model::drop_unused(Id function) {
  std::erase_if(object(function).device->buffers, [&](Id each) { return object(each).abandoned && !is_mapped(each); });
}

bool Model::is_out_of_reach(std::uint64_t physical, std::uint64_t pages) const {
  return std::ranges::none_of(objects_, [&](const auto& each) {
    const ModelObject& function = each.second;
    if (function.kind != Kind::pci || !function.device->claimed) return false;
    return std::ranges::any_of(function.device->buffers, [&](Id id) {
      const ModelObject& buffer = objects_.at(id);
      const std::uint64_t size = buffer.bytes.size();
      return !buffer.device->unsure && physical < buffer.device->physical + size && buffer.device->physical < physical + pages * 4096;
    });
  });
}

void Model::see_unmapped(Id id, bool ended) {
  ModelObject& one = object(id);
  if (!one.device.has_value() || !one.abandoned || is_mapped(id)) return;
  if (ended) {
    one.device->unsure = true;  // until the reaper has come to it
  } else if (!one.device->unsure) {
    one.device->claimed = false;
  }
}

void Model::device_is_gone(std::uint16_t cpu, Id id) {
  ModelObject& gone = object(id);
  ModelDevice& device = *gone.device;
  if (gone.kind == Kind::interrupt) return post(cpu, gone.home.value_or(cpu), {.what = Letter::What::interrupt_gone, .object = id});
  device.claimed = is_mapped(id);
  if (gone.kind != Kind::pci) return;
  device.bus_master = false;
  device.buffers.clear();
  for (const Id each : interrupts_) {
    ModelObject& interrupt = object(each);
    if (interrupt.device->message && interrupt.first == kMessagePlace + gone.first) interrupt.device->silent = true;
  }
}

// --- shared buffers

void Model::tell_memory(Id id, std::size_t side, BufferState state) {
  const auto word = static_cast<std::uint32_t>(state);
  std::memcpy(bytes_of(object(id).buffer->memory) + abi::kBufferStatesOffset + 4 * side, &word, sizeof word);
}

void Model::set_state(std::uint16_t from, Id id, std::size_t side, BufferState state) {
  ModelBuffer& buffer = *object(id).buffer;
  buffer.state[side] = state;
  // A program may have written there since.
  if (buffer.revoked) {
    tell_memory(id, side, BufferState::revoked);
  } else if (state != BufferState::attached) {
    tell_memory(id, side, state);
  }
  set_bits(from, buffer.notification[1 - side], abi::kBufferPeerBit);
}

void Model::leave_side(std::uint16_t from, Id id, std::size_t side) {
  ModelBuffer& buffer = *object(id).buffer;
  if (buffer.state[side] == BufferState::attached) set_state(from, id, side, BufferState::dead);
  buffer.has_end[side] = false;
}

}  // namespace capos::ktest
