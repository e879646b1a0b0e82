// SPDX-License-Identifier: Apache-2.0
// Devices: what the manager hands out, interrupts, ports, registers, PCI functions and memory for them.
#include <algorithm>
#include <array>
#include <cstring>

#include "actions.hpp"
#include "capos/schema/devices.hpp"
#include "devices/interrupt.hpp"
#include "memory/memory_object.hpp"

namespace capos::ktest {
namespace {

using schema::KernelError;
using Claimed = Model::Claimed;

constexpr std::uint64_t kLines = 24, kPorts = 0x10000;

// What hal/host has as PCI functions (pci.cpp there).
struct Bar {
  enum class Kind : std::uint8_t { none, unplaced, memory, ports } kind = Kind::none;
  std::uint64_t base = 0, size = 0;
};
struct Function {
  hal::PciAddress address;
  std::uint32_t id, kind;
  bool has_message;
  std::array<Bar, 6> bars;
};
using enum Bar::Kind;
constexpr std::array<Function, 3> kFunctions = {{
    {{0, 2, 0}, 0x0001'ca05, 0x0200'0001, true,
     {{{memory, 0xd000'0000, 0x4000}, {ports, 0xc000, 0x20}, {memory, 0xd001'0000, 0x2000}, {}, {memory, 0xd002'0000, 0x100}, {}}}},
    {{0, 3, 0}, 0x0002'ca05, 0x0100'0002, false, {{{unplaced}, {unplaced}, {}, {}, {}, {}}}},
    {{0, 3, 1}, 0x0003'ca05, 0x0c03'0003, true, {{{memory, 0xd003'0000, 0x1000}, {}, {}, {}, {}, {}}}},
}};

std::uint64_t manager(Chapter& c, Who w) { return has_room(c, w) ? c.service(w.process, "devices") : 0; }
Id id_of(Chapter& c, Who w, std::uint64_t cap) { return c.model.process(w.process).caps.at(cap).id; }

// A new object in the process's table. The walk holds it too, so that it says when the last capability goes.
void adds(Chapter& c, Who w, std::uint64_t via, abi::CapId cap, ModelObject made) {
  const Id id = c.model.add(std::move(made));
  c.keep(id, *c.world.process(w.process).capabilities().find(cap)->object());
  c.model.brings(w.process, cap.raw, via, id);
}

ModelObject claim(Kind kind, std::uint64_t interface_id, std::uint64_t first, std::uint64_t count) {
  return {.kind = kind, .interface_id = interface_id, .first = first, .pages = count, .device = ModelDevice{}};
}

// --- the manager

bool take_interrupt(Chapter& c, Who w) {
  const std::uint64_t cap = manager(c, w);
  if (cap == 0) return false;
  const auto line = static_cast<std::uint8_t>(c.random.one_in(20) ? c.random.below(256) : c.random.below(8) + 12 * c.random.below(2));
  const bool legacy = c.random.one_in(2);
  const bool follows = c.random.one_in(2);
  const auto asked = static_cast<std::uint16_t>(c.random.below(c.world.machine().cpus() + (c.random.one_in(15) ? 1 : 0)));
  const std::uint16_t cpu = follows ? 0xffff : asked;
  const auto trigger = static_cast<schema::InterruptTrigger>(c.random.below(c.random.one_in(15) ? 7 : 5));
  const Claimed taken = c.model.claimed(Kind::interrupt, line, 1);
  if (taken == Claimed::unsure) return false;
  c.tell("line " + std::to_string(line) + " for cpu " + std::to_string(cpu));
  const Error expected = line >= kLines || (legacy && line >= 16)                ? invalid(KernelError::not_found)
                         : trigger > schema::InterruptTrigger::level_low         ? invalid(KernelError::bad_range)
                         : !follows && cpu >= c.world.machine().cpus()           ? invalid(KernelError::bad_cpu)
                         : taken == Claimed::yes                                 ? overloaded(KernelError::overlap)
                                                                                 : kNoError;
  const auto made = ask<schema::DeviceManager::Interrupt>(c, w, cap, expected, [&](auto params) {
    params.set_line(line);
    params.set_legacy(legacy);
    params.set_cpu(cpu);
    params.set_trigger(trigger);
  });
  ModelObject interrupt = claim(Kind::interrupt, schema::Interrupt::kInterfaceId, line, 1);
  if (!follows) interrupt.home = cpu;
  interrupt.device->follows = follows;
  interrupt.device->level = trigger >= schema::InterruptTrigger::level_high ||
                            (trigger == schema::InterruptTrigger::firmware && !legacy && line >= 16);
  if (made.has_value()) {
    adds(c, w, cap, made->cap([](auto results) { return results.interrupt(); }), interrupt);
  } else if (expected.ok()) {
    // Memory was short, before it was made or after; then it goes by mail.
    interrupt.device->unsure = true;
    c.model.last_is_gone(c.model.process(w.process).cpu, c.model.add(interrupt));
  }
  return true;
}

bool take_ports(Chapter& c, Who w) {
  const std::uint64_t cap = manager(c, w);
  if (cap == 0) return false;
  const auto first = static_cast<std::uint16_t>(c.random.one_in(8) ? c.random.next() : 0x3e0 + 4 * c.random.below(24));
  const auto count = static_cast<std::uint32_t>(c.random.one_in(20) ? c.random.next() : c.random.below(12));
  const bool there = count != 0 && count <= kPorts - first && (first >= 0x400 || first + count <= 0x3f8);
  c.tell(std::to_string(count) + " from " + std::to_string(first));
  const Error expected = !there                                                         ? invalid(KernelError::bad_range)
                         : c.model.claimed(Kind::ports, first, count) != Claimed::no ? overloaded(KernelError::overlap)
                                                                                        : kNoError;
  const auto made = ask<schema::DeviceManager::Ports>(c, w, cap, expected, [&](auto params) {
    params.set_first(first);
    params.set_count(count);
  });
  if (!made.has_value()) return true;
  adds(c, w, cap, made->cap([](auto results) { return results.ports(); }), claim(Kind::ports, schema::IoPorts::kInterfaceId, first, count));
  return true;
}

bool take_registers(Chapter& c, Who w) {
  const std::uint64_t cap = manager(c, w);
  if (cap == 0) return false;
  std::uint64_t base = Model::kWindow + c.random.below(Model::kWindowPages - 4) * kWalkPage;
  std::uint64_t size = c.random.below(5) * kWalkPage;
  bool there = true;
  switch (c.random.below(c.random.one_in(6) ? 5 : 1)) {
    case 1: base += 8; break;
    case 2: size += 16; break;
    case 3: base = std::uint64_t{1} << 20, there = false; break;  // RAM
    case 4: base = (std::uint64_t{1} << 32) - kWalkPage, size = 2 * kWalkPage, there = false; break;
    default: break;
  }
  const bool whole = base % kWalkPage == 0 && size % kWalkPage == 0 && size != 0;
  const Claimed taken = c.model.claimed(Kind::registers, base / kWalkPage, size / kWalkPage);
  if (taken == Claimed::unsure) return false;
  c.tell(std::to_string(size) + " bytes at " + std::to_string(base));
  const Error expected = !whole                    ? invalid(KernelError::bad_address)
                         : !there                  ? invalid(KernelError::bad_range)
                         : taken == Claimed::yes ? overloaded(KernelError::overlap)
                                                   : kNoError;
  const auto made = ask<schema::DeviceManager::Memory>(c, w, cap, expected, [&](auto params) {
    params.set_base(base);
    params.set_size(size);
  });
  if (!made.has_value()) return true;
  adds(c, w, cap, made->cap([](auto results) { return results.memory(); }),
       claim(Kind::registers, schema::Mmio::kInterfaceId, base / kWalkPage, size / kWalkPage));
  return true;
}

bool take_function(Chapter& c, Who w) {
  const std::uint64_t cap = manager(c, w);
  if (cap == 0) return false;
  const std::uint64_t which = c.random.below(kFunctions.size() + 1);  // the last is not there
  const hal::PciAddress address = which < kFunctions.size() ? kFunctions[which].address : hal::PciAddress{1, 2, 0};
  c.tell(std::to_string(which));
  const Error expected = which == kFunctions.size()                                 ? invalid(KernelError::not_found)
                         : c.model.claimed(Kind::pci, which, 1) != Claimed::no ? overloaded(KernelError::overlap)
                                                                                    : kNoError;
  const auto made = ask<schema::DeviceManager::PciFunction>(c, w, cap, expected, [&](auto params) {
    params.set_bus(address.bus);
    params.set_device(address.device);
    params.set_function(address.function);
  });
  if (!made.has_value()) return true;
  adds(c, w, cap, made->cap([](auto results) { return results.function(); }),
       claim(Kind::pci, schema::PciFunction::kInterfaceId, which, 1));
  return true;
}

bool ask_manager(Chapter& c, Who w) {
  const std::uint64_t cap = c.service(w.process, "devices");
  if (cap == 0) return false;
  const schema::DeviceManager::Describe::Results::Value expected{.lines = kLines, .messages = hal::kInterruptNumbers - kLines};
  call_object<schema::DeviceManager::Describe>(c, w, cap, {}, [&] {
    Finds finds;
    expected.to_words(finds.words.data());
    return finds;
  });
  return true;
}

// --- interrupts

Error elsewhere(Chapter& c, Who w, const ModelObject& interrupt) {
  return interrupt.home.value_or(c.model.process(w.process).cpu) == c.model.process(w.process).cpu ? kNoError : invalid(KernelError::bad_cpu);
}

// A drawn interrupt, of the caller's CPU mostly.
std::uint64_t pick_interrupt(Chapter& c, Who w) {
  std::uint64_t cap = c.pick(w.process, Kind::interrupt);
  for (int again = 0; again < 3 && cap != 0 && !elsewhere(c, w, object_of(c, w, cap)).ok(); ++again) {
    cap = c.pick(w.process, Kind::interrupt);
  }
  return cap;
}

bool bind(Chapter& c, Who w) {
  const std::uint64_t cap = pick_interrupt(c, w), notification = c.pick(w.process, Kind::notification);
  if (cap == 0 || notification == 0) return false;
  const std::uint64_t bits = c.random.one_in(10) ? 0 : std::uint64_t{1} << c.random.below(64);
  c.tell(named(cap) + " to " + named(notification));
  const ModelObject& interrupt = object_of(c, w, cap);
  const Number driver = interrupt.device->driver;
  const bool theirs = driver != 0 && driver != w.process && c.model.process(driver).alive();
  const bool whole = c.model.refusal(w.process, notification, schema::Notification::kInterfaceId).ok();
  const bool away = !elsewhere(c, w, interrupt).ok(), follows = interrupt.device->follows;
  const auto& all = c.model.interrupts();
  const auto is_its_own = [&](Id id) { return c.model.object(id).device->follows && c.model.object(id).device->driver == w.process; };
  const bool many = follows && driver == 0 && std::ranges::count_if(all, is_its_own) == kernel::Interrupt::kMostBound;
  const Error expected = away        ? follows ? overloaded(KernelError::busy) : invalid(KernelError::bad_cpu)
                         : !whole    ? invalid(KernelError::bad_capability)
                         : bits == 0 ? invalid(KernelError::bad_range)
                         : theirs    ? overloaded(KernelError::busy)
                         : many      ? overloaded(KernelError::quota_exceeded)
                                     : kNoError;
  const auto made = ask<schema::Interrupt::Bind>(c, w, cap, expected, [&](auto params, auto& transfers) {
    params.set_notification(add(transfers, abi::CapId{notification}));
    params.set_bits(bits);
  });
  if (made.has_value()) (void)c.model.bind(w, id_of(c, w, cap), id_of(c, w, notification), bits);
  return true;
}

bool acknowledge(Chapter& c, Who w) {
  const std::uint64_t cap = pick_interrupt(c, w);
  if (cap == 0) return false;
  c.tell(named(cap));
  call_object<schema::Interrupt::Acknowledge>(c, w, cap, {}, [&] {
    const Error away = elsewhere(c, w, object_of(c, w, cap));
    return away.ok() ? c.model.acknowledge(w, id_of(c, w, cap)) : finds_error(away);
  });
  return true;
}

bool unbind(Chapter& c, Who w) {
  const std::uint64_t cap = pick_interrupt(c, w);
  if (cap == 0) return false;
  c.tell(named(cap));
  call_object<schema::Interrupt::Unbind>(c, w, cap, {}, [&] {
    const Error away = elsewhere(c, w, object_of(c, w, cap));
    return away.ok() ? c.model.unbind(id_of(c, w, cap)) : finds_error(away);
  });
  return true;
}

bool ask_interrupt(Chapter& c, Who w) {
  const std::uint64_t cap = pick_interrupt(c, w);
  if (cap == 0) return false;
  c.tell(named(cap));
  call_object<schema::Interrupt::Statistics>(c, w, cap, {}, [&] {
    const ModelObject& interrupt = object_of(c, w, cap);
    if (const Error away = elsewhere(c, w, interrupt); !away.ok()) return finds_error(away);
    const ModelDevice& state = *interrupt.device;
    const bool bound = state.driver != 0 && c.model.process(state.driver).alive();
    const schema::Interrupt::Statistics::Results::Value expected{.count = state.count,
                                                                 .repeated = state.repeated,
                                                                 .unclaimed = state.unclaimed,
                                                                 .bound = bound,
                                                                 .masked = state.masked};
    Finds finds;
    expected.to_words(finds.words.data());
    return finds;
  });
  return true;
}

// --- ports

template <typename Read, typename Write>
void access_ports(Chapter& c, Who w, std::uint64_t cap, unsigned width) {
  const ModelObject& ports = object_of(c, w, cap);
  const auto offset = static_cast<std::uint16_t>(c.random.below(ports.pages + 2));
  const std::uint64_t value = c.random.next() & ((std::uint64_t{1} << 8 * width) - 1);
  const bool within = offset + width <= ports.pages && (ports.first + offset) % width == 0;
  c.tell(named(cap) + ", " + std::to_string(width) + " bytes at " + std::to_string(offset));
  if (c.random.one_in(2)) {
    using Value = decltype(Write::Params::Value::value);
    call_object<Write>(c, w, cap, {.offset = offset, .value = static_cast<Value>(value)}, [&] {
      if (!within) return finds_error(invalid(KernelError::bad_range));
      for (unsigned i = 0; i < width; ++i) c.model.ports[ports.first + offset + i] = static_cast<std::uint8_t>(value >> 8 * i);
      return finds_words();
    });
    return;
  }
  call_object<Read>(c, w, cap, {.offset = offset}, [&] {
    if (!within) return finds_error(invalid(KernelError::bad_range));
    std::uint64_t found = 0;
    for (unsigned i = width; i-- > 0;) found = found << 8 | c.model.ports[ports.first + offset + i];
    return finds_words(found);
  });
}

bool use_ports(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::ports);
  if (cap == 0) return false;
  switch (c.random.below(4)) {
    case 0: access_ports<schema::IoPorts::Read8, schema::IoPorts::Write8>(c, w, cap, 1); break;
    case 1: access_ports<schema::IoPorts::Read16, schema::IoPorts::Write16>(c, w, cap, 2); break;
    case 2: access_ports<schema::IoPorts::Read32, schema::IoPorts::Write32>(c, w, cap, 4); break;
    default: {
      const ModelObject& ports = object_of(c, w, cap);
      const schema::IoPorts::Describe::Results::Value expected{.first = static_cast<std::uint16_t>(ports.first),
                                                               .count = static_cast<std::uint32_t>(ports.pages)};
      call_object<schema::IoPorts::Describe>(c, w, cap, {}, [&] {
        Finds finds;
        expected.to_words(finds.words.data());
        return finds;
      });
    }
  }
  return true;
}

// --- registers and memory for devices

// Few places, so that they meet each other and what else is mapped.
std::uint64_t place_for(Chapter& c) {
  if (c.random.one_in(30)) return c.random.next();
  return c.random.one_in(2) ? 0 : abi::kDynamicBase + c.random.below(48) * kWalkPage;
}

// After `object` was mapped: uncached if it is registers, and no code.
void look_at_mapping(Chapter& c, Who w, std::uint64_t address, bool registers) {
  const auto mapping = c.world.process(w.process).memory().space().lookup(hal::UserAddress(address));
  c.require(mapping.has_value() && mapping->protection.device == registers && !mapping->protection.execute,
            "a device's memory is mapped in another way than it must be");
}

bool map_registers(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::registers);
  if (cap == 0) return false;
  const std::uint64_t size = object_of(c, w, cap).pages, first = c.random.below(size + 1), pages = c.random.below(size + 2);
  const std::uint64_t hint = place_for(c);
  const bool writable = c.random.one_in(2), whole = !c.random.one_in(20);
  c.tell(named(cap) + ", " + std::to_string(pages) + " pages at " + std::to_string(hint));
  const Error refused = c.model.refusal(w.process, cap, schema::Mmio::kInterfaceId);
  const std::uint64_t address = hint != 0 ? hint : c.model.room_for(w.process, pages);
  const auto made = c.world.call<schema::Mmio::Map>(
      c.thread(w), abi::CapId{cap},
      {.hint = hint, .offset = first * kWalkPage + (whole ? 0 : 8), .size = pages * kWalkPage, .writable = writable});
  // All its errors are the caller's by their kind, memory that is short as well.
  if (refused.ok() && made.error == invalid(KernelError::out_of_memory)) return true;
  if (refused.ok() && made.error == invalid(KernelError::quota_exceeded)) return true;
  const Error expected = !refused.ok()             ? refused
                         : !whole || pages == 0    ? invalid(KernelError::bad_range)
                                                   : c.model.map_error(w.process, address, pages, writable ? 3 : 1, id_of(c, w, cap), first, false);
  c.expect(expected, made.error);
  if (!expected.ok()) return true;
  c.require(made.value.addr == address, "registers are mapped at another place");
  c.model.maps(w.process, address, pages, id_of(c, w, cap), first, writable ? 3 : 1, false);
  look_at_mapping(c, w, address, true);
  return true;
}

bool ask_registers(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::registers);
  if (cap == 0) return false;
  const ModelObject& registers = object_of(c, w, cap);
  call_object<schema::Mmio::Describe>(c, w, cap, {}, [&] { return finds_words(registers.first * kWalkPage, registers.pages * kWalkPage); });
  return true;
}

// Where it is, as long as nobody has looked: it never moves.
void look_at_buffer(Chapter& c, Who w, std::uint64_t cap) {
  ModelObject& buffer = object_of(c, w, cap);
  const std::uint64_t size = buffer.bytes.size();
  const auto told = c.world.call<schema::DmaBuffer::Describe>(c.thread(w), abi::CapId{cap});
  const Error refused = c.model.refusal(w.process, cap, schema::DmaBuffer::kInterfaceId);
  c.expect(refused, told.error);
  if (!refused.ok()) return;
  std::uint64_t& known = buffer.device->physical;
  if (known == 0) {
    c.require(c.model.is_out_of_reach(told.value.physical, size / kWalkPage), "a DMA buffer is where a device may write already");
    known = told.value.physical;
  }
  c.require(told.value.size == size && told.value.physical == known && known % size == 0, "a DMA buffer is of another size, or not where it must be");
}

bool make_buffer(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::pci);
  if (cap == 0 || !has_room(c, w)) return false;
  const std::uint64_t pages = c.random.one_in(10) ? c.random.one_in(2) ? 0 : 1'025 : 1 + c.random.below(5);
  c.tell(std::to_string(pages) + " pages of " + named(cap));
  const Id function = id_of(c, w, cap);
  const auto made = ask<schema::PciFunction::CreateDmaBuffer>(c, w, cap, pages == 0 || pages > 1'024 ? invalid(KernelError::bad_range) : kNoError,
                                                              [&](auto params) { params.set_pages(pages); });
  if (!c.model.object(function).device->bus_master && pages != 0 && pages <= 1'024 && c.model.refusal(w.process, cap, schema::PciFunction::kInterfaceId).ok()) {
    c.model.drop_unused(function);
  }
  if (!made.has_value()) return true;
  const abi::CapId buffer = made->cap([](auto results) { return results.buffer(); });
  std::uint64_t whole = 1;
  while (whole < pages) whole *= 2;
  ModelObject object = claim(Kind::dma, schema::DmaBuffer::kInterfaceId, 0, 0);
  object.bytes.resize(whole * kWalkPage);
  adds(c, w, cap, buffer, std::move(object));
  c.model.object(function).device->buffers.push_back(id_of(c, w, buffer.raw));
  c.require(c.model.object(function).device->buffers.size() <= 16, "a function has more than 16 DMA buffers");
  if (still_runs(c, w)) look_at_buffer(c, w, buffer.raw);
  return true;
}

bool map_buffer(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::dma);
  if (cap == 0) return false;
  const Id id = id_of(c, w, cap);
  const std::uint64_t pages = c.model.pages_of(id), hint = place_for(c);
  const std::uint64_t address = hint != 0 ? hint : c.model.room_for(w.process, pages);
  c.tell(named(cap) + " at " + std::to_string(hint));
  const Error refused = c.model.refusal(w.process, cap, schema::DmaBuffer::kInterfaceId);
  const auto made = c.world.call<schema::DmaBuffer::Map>(c.thread(w), abi::CapId{cap}, {.hint = hint});
  if (refused.ok() && made.error == invalid(KernelError::out_of_memory)) return true;
  if (refused.ok() && made.error == invalid(KernelError::quota_exceeded)) return true;
  const Error expected = !refused.ok() ? refused : c.model.map_error(w.process, address, pages, 3, id, 0, false);
  c.expect(expected, made.error);
  if (!expected.ok()) return true;
  c.require(made.value.addr == address, "a DMA buffer is mapped at another place");
  c.model.maps(w.process, address, pages, id, 0, 3, false);
  look_at_mapping(c, w, address, false);
  return true;
}

bool ask_buffer(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::dma);
  if (cap == 0) return false;
  look_at_buffer(c, w, cap);
  return true;
}

// --- PCI functions

bool ask_function(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::pci);
  if (cap == 0) return false;
  const ModelObject& object = object_of(c, w, cap);
  const Function& function = kFunctions[object.first];
  if (c.random.one_in(2)) {
    call_object<schema::PciFunction::Describe>(c, w, cap, {}, [&] {
      const schema::PciFunction::Describe::Results::Value expected{.vendor = static_cast<std::uint16_t>(function.id),
                                                                   .device = static_cast<std::uint16_t>(function.id >> 16),
                                                                   .class_code = function.kind >> 8,
                                                                   .revision = static_cast<std::uint8_t>(function.kind),
                                                                   .has_message = function.has_message,
                                                                   .bus_master = object.device->bus_master};
      Finds finds;
      expected.to_words(finds.words.data());
      return finds;
    });
    return true;
  }
  // Its identity, and base registers, which looking at them leaves as they were.
  constexpr std::array<std::uint16_t, 8> kOffsets = {0, 8, 0x10, 0x18, 0x20, 2, 0x100, 0xfffc};
  const std::uint16_t offset = kOffsets[c.random.below(kOffsets.size())];
  call_object<schema::PciFunction::ReadConfig>(c, w, cap, {.offset = offset}, [&] {
    if (offset % 4 != 0 || offset >= 256) return finds_error(invalid(KernelError::bad_range));
    if (offset < 0x10) return finds_words(offset == 0 ? function.id : function.kind);
    return finds_words(function.bars[(offset - 0x10) / 4u].base + (offset == 0x18 && object.first == 0 ? 4 : 0));
  });
  return true;
}

bool take_bar(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::pci);
  if (cap == 0 || !has_room(c, w)) return false;
  const auto number = static_cast<std::uint8_t>(c.random.one_in(20) ? c.random.below(256) : c.random.below(6));
  const Bar bar = number < 6 ? kFunctions[object_of(c, w, cap).first].bars[number] : Bar{};
  const bool of_memory = c.random.one_in(2);
  const Kind kind = of_memory ? Kind::registers : Kind::ports;
  const std::uint64_t unit = of_memory ? kWalkPage : 1, first = bar.base / unit, count = bar.size / unit;
  const Claimed taken = c.model.claimed(kind, first, count);
  if (taken == Claimed::unsure) return false;
  c.tell("base register " + std::to_string(number) + " of " + named(cap));
  const Error expected = number >= 6                                ? invalid(KernelError::bad_range)
                         : bar.kind != (of_memory ? memory : ports) ? invalid(KernelError::not_found)
                         : bar.size % unit != 0                     ? invalid(KernelError::bad_address)
                         : taken == Claimed::yes                    ? overloaded(KernelError::overlap)
                                                                    : kNoError;
  const auto build = [&](auto params) { params.set_bar(number); };
  if (of_memory) {
    const auto made = ask<schema::PciFunction::Memory>(c, w, cap, expected, build);
    if (made.has_value()) {
      adds(c, w, cap, made->cap([](auto results) { return results.memory(); }), claim(kind, schema::Mmio::kInterfaceId, first, count));
    }
  } else if (const auto made = ask<schema::PciFunction::Ports>(c, w, cap, expected, build); made.has_value()) {
    adds(c, w, cap, made->cap([](auto results) { return results.ports(); }), claim(kind, schema::IoPorts::kInterfaceId, first, count));
  }
  return true;
}

bool take_message(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::pci);
  if (cap == 0 || !has_room(c, w)) return false;
  const std::uint64_t which = object_of(c, w, cap).first;
  const bool own = c.random.one_in(2);  // its driver's
  const auto asked = static_cast<std::uint16_t>(own ? 0xffff : c.random.below(c.world.machine().cpus() + (c.random.one_in(8) ? 1 : 0)));
  const std::uint16_t cpu = own ? c.model.process(w.process).cpu : asked;
  const Claimed taken = c.model.claimed(Kind::interrupt, Model::kMessagePlace + which, 1);
  if (taken == Claimed::unsure) return false;
  c.tell("of " + named(cap));
  const Error expected = !kFunctions[which].has_message        ? invalid(KernelError::not_found)
                         : cpu >= c.world.machine().cpus() ? invalid(KernelError::bad_cpu)
                         : taken == Claimed::yes               ? overloaded(KernelError::busy)
                                                               : kNoError;
  const auto made = ask<schema::PciFunction::Message>(c, w, cap, expected, [&](auto params) { params.set_cpu(asked); });
  ModelObject interrupt = claim(Kind::interrupt, schema::Interrupt::kInterfaceId, Model::kMessagePlace + which, 1);
  if (!own) interrupt.home = cpu;
  interrupt.device->follows = own;
  interrupt.device->message = true;
  if (made.has_value()) {
    adds(c, w, cap, made->cap([](auto results) { return results.interrupt(); }), interrupt);
  } else if (expected.ok()) {
    interrupt.device->unsure = true;
    c.model.last_is_gone(c.model.process(w.process).cpu, c.model.add(interrupt));
  }
  return true;
}

bool set_bus_master(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::pci);
  if (cap == 0) return false;
  const bool enabled = !c.random.one_in(3);
  c.tell(named(cap) + (enabled ? " on" : " off"));
  call_object<schema::PciFunction::SetBusMaster>(c, w, cap, {.enabled = enabled}, [&] {
    c.model.set_bus_master(id_of(c, w, cap), enabled);
    return finds_words();
  });
  return true;
}

constexpr std::array kActions = {
    Action{"takes a line", 3, false, take_interrupt},
    Action{"takes ports", 2, false, take_ports},
    Action{"takes registers", 3, false, take_registers},
    Action{"takes PCI function", 2, false, take_function},
    Action{"asks the manager of devices", 1, false, ask_manager},
    Action{"binds the interrupt", 6, false, bind},
    Action{"acknowledges", 6, false, acknowledge},
    Action{"unbinds", 1, false, unbind},
    Action{"asks the interrupt", 2, false, ask_interrupt},
    Action{"uses ports", 3, false, use_ports},
    Action{"maps registers", 3, false, map_registers},
    Action{"asks the registers", 1, false, ask_registers},
    Action{"makes a DMA buffer", 3, false, make_buffer},
    Action{"maps the DMA buffer", 3, false, map_buffer},
    Action{"asks the DMA buffer", 1, false, ask_buffer},
    Action{"asks the PCI function", 2, false, ask_function},
    Action{"takes", 3, false, take_bar},
    Action{"takes the message", 3, false, take_message},
    Action{"sets bus mastering of", 3, false, set_bus_master},
};

}  // namespace

std::span<const Action> device_actions() { return kActions; }

// A device interrupts, if it can: it arrives exactly if it is not masked.
bool device_acts(Chapter& c) {
  const auto& all = c.model.interrupts();
  if (all.empty()) return false;
  Id id = all[c.random.below(all.size())];
  // Rather one that can.
  for (int again = 0; again < 4 && c.model.object(id).device->masked; ++again) id = all[c.random.below(all.size())];
  // Or one that is on its way.
  for (const Id each : all) {
    if (c.model.object(each).home.value_or(0) >= kOnTheWay && !c.model.object(each).device->masked) id = each;
  }
  if (c.model.object(id).device->masked && !c.random.one_in(8)) return false;
  const ModelDevice before = *c.model.object(id).device;
  if (before.unsure) return false;
  const ModelObject& interrupt = c.model.object(id);
  const std::uint16_t home = interrupt.home.value_or(0);  // which is not looked at if it has none: it is masked then
  const std::uint16_t aim = home & ~kOnTheWay;
  c.tell((before.message ? "the message of function " : "line ") + std::to_string(interrupt.first & 0xff) + " to cpu " + std::to_string(aim));
  const bool comes = !before.masked && !before.silent;
  const auto other = static_cast<std::uint16_t>(c.random.below(c.world.machine().cpus()));
  if (comes && before.follows && !before.message && other != home && c.random.one_in(3)) {
    c.tell(", which comes to cpu " + std::to_string(other) + ", where it was sent before");
    c.model.strays(id);
    ++c.devices[other];
    (void)c.world.machine().raise_line_late(static_cast<std::uint8_t>(interrupt.first), CpuId(other));
    ++c.tally_of("a device interrupts the CPU that it was sent to before");
    return true;
  }
  if (comes) {
    ++c.devices[aim];
    home == aim ? c.model.arrives(id) : c.model.strays(id);
    if (home != aim) ++c.tally_of("a device interrupts before its driver comes");
  }
  const bool came = before.message ? c.world.machine().send_message(kFunctions[interrupt.first - Model::kMessagePlace].address)
                                   : c.world.machine().raise_line(static_cast<std::uint8_t>(interrupt.first));
  c.require(came == comes, comes ? "an interrupt is masked that must not be" : "an interrupt comes that is masked");
  ++c.tally_of(comes ? "a device interrupts" : "a device is masked");
  return true;
}

}  // namespace capos::ktest
