// SPDX-License-Identifier: Apache-2.0
// PciFunction, its message, DmaBuffer: QEMU's educational device moves real bytes.
#include "device_harness.hpp"

namespace conformance {
namespace {

struct Edu {
  Function function;
  Registers registers;
};

Edu open_edu(Guest& guest) noexcept {
  Edu edu;
  auto function = open_function(guest, find_edu(guest));
  if (!function.has_value()) return edu;
  edu.function = *std::move(function);
  auto memory = edu.function->memory([](auto params) { params.set_bar(0); });
  if (memory.has_value()) edu.registers = memory->capability<schema::Mmio>(memory->reader().memory());
  return edu;
}

runtime::Result<Line> open_message(Function& function, std::uint16_t cpu) noexcept {
  auto made = TRY(function->message([&](auto params) { params.set_cpu(cpu); }));
  return made.template capability<schema::Interrupt>(made.reader().interrupt());
}

using Buffer = OwnedCapability<schema::DmaBuffer>;
runtime::Result<Buffer> make_buffer(Function& function, std::uint64_t pages) noexcept {
  auto made = TRY(function->create_dma_buffer([&](auto params) { params.set_pages(pages); }));
  return made.template capability<schema::DmaBuffer>(made.reader().buffer());
}

void absent_function(Guest& guest) noexcept {
  CHECK(invalid(open_function(guest, 32), KernelError::not_found));
  CHECK(invalid(open_function(guest, 29), KernelError::not_found));
  const auto other_bus = manager_of(guest)->pci_function([](auto params) { params.set_bus(1); });
  CHECK(invalid(other_bus, KernelError::not_found));
}

void function_once(Guest& guest) noexcept {
  const std::uint8_t place = find_edu(guest);
  auto first = open_function(guest, place);
  CHECK(first.has_value());
  CHECK(refused(open_function(guest, place), ExceptionType::overloaded, KernelError::overlap));
  const auto found = (*first)->describe();
  CHECK(found.has_value() && found->vendor == kEduVendor && found->device == kEduDevice && found->has_message);
  CHECK(found->class_code == 0x00ff00 && found->revision == 0x10 && !found->bus_master);
}

void configuration(Guest& guest) noexcept {
  Edu edu = open_edu(guest);
  CHECK(static_cast<bool>(edu.function));
  const auto id = edu.function->read_config(0);
  CHECK(id.has_value() && id->value == (kEduDevice << 16 | kEduVendor));
  CHECK(edu.function->read_config(4092).has_value());
  CHECK(invalid(edu.function->read_config(2), KernelError::bad_range));
  CHECK(invalid(edu.function->read_config(4096), KernelError::bad_range));
}

void registers(Guest& guest) noexcept {
  Edu edu = open_edu(guest);
  const Window window(guest, edu.registers, kEduSize);
  CHECK(static_cast<bool>(window));
  CHECK(window.read(kEduId) == 0x0100'00ed);
  window.write(kEduLiveness, 0x1234'5678);
  CHECK(window.read(kEduLiveness) == ~0x1234'5678u);
}

void bars(Guest& guest) noexcept {
  Edu edu = open_edu(guest);
  CHECK(static_cast<bool>(edu.registers));
  const auto memory = [&](std::uint8_t bar) {
    return edu.function->memory([&](auto params) { params.set_bar(bar); });
  };
  const auto ports = [&](std::uint8_t bar) { return edu.function->ports([&](auto params) { params.set_bar(bar); }); };
  CHECK(invalid(memory(6), KernelError::bad_range) && invalid(ports(6), KernelError::bad_range));
  CHECK(invalid(memory(1), KernelError::not_found) && invalid(ports(0), KernelError::not_found));
  CHECK(refused(memory(0), ExceptionType::overloaded, KernelError::overlap));
}

void message_errors(Guest& guest) noexcept {
  Edu edu = open_edu(guest);
  CHECK(static_cast<bool>(edu.function));
  CHECK(invalid(open_message(edu.function, static_cast<std::uint16_t>(guest.cpus)), KernelError::bad_cpu));
  auto first = open_message(edu.function, 0);
  CHECK(first.has_value());
  CHECK(refused(open_message(edu.function, 0), ExceptionType::overloaded, KernelError::busy));
  *first = Line();
  CHECK(open_message(edu.function, 0).has_value());
}

// The host bridge has no message to give.
void no_message(Guest& guest) noexcept {
  auto bridge = open_function(guest, 0);
  CHECK(bridge.has_value());
  CHECK(invalid(open_message(*bridge, 0), KernelError::not_found));
}

void message_arrives(Guest& guest) noexcept {
  Edu edu = open_edu(guest);
  const Window window(guest, edu.registers, kEduSize);
  auto message = open_message(edu.function, 0);
  const Notice event = make_notification(guest);
  CHECK(window && message.has_value() && edu.function->set_bus_master(true).has_value());
  CHECK(bind(message->cap(), event.cap(), 16).has_value());
  for (std::uint64_t round = 1; round <= 3; ++round) {
    window.write(kEduRaise, 1);
    const auto bits = event.borrow()->poll();
    CHECK(bits.has_value() && bits->bits == 16);
    window.write(kEduClear, 1);
    CHECK((*message)->acknowledge().has_value());
  }
  const auto seen = (*message)->statistics();
  CHECK(seen.has_value() && seen->count == 3 && seen->repeated == 0 && !seen->masked);
}

// Interrupts without end between two acknowledgements cost two, and none is forgotten.
void message_storm(Guest& guest) noexcept {
  Edu edu = open_edu(guest);
  const Window window(guest, edu.registers, kEduSize);
  auto message = open_message(edu.function, 0);
  const Notice event = make_notification(guest);
  CHECK(window && message.has_value() && edu.function->set_bus_master(true).has_value());
  CHECK(bind(message->cap(), event.cap(), 1).has_value());
  const auto before = guest.runtime.need<schema::SystemInfo>("systemInfo")->cpu(0);
  for (unsigned i = 0; i < 1'000; ++i) window.write(kEduRaise, 1);
  const auto after = guest.runtime.need<schema::SystemInfo>("systemInfo")->cpu(0);
  CHECK(before.has_value() && after.has_value() && after->devices + after->spurious - before->devices - before->spurious == 2);
  auto seen = (*message)->statistics();
  CHECK(seen.has_value() && seen->count == 2 && seen->repeated == 1 && seen->masked);
  auto bits = event.borrow()->poll();
  CHECK(bits.has_value() && bits->bits == 1);
  window.write(kEduClear, 1);
  CHECK((*message)->acknowledge().has_value());
  bits = event.borrow()->poll();
  CHECK(bits.has_value() && bits->bits == 1);  // the one that was remembered
  CHECK((*message)->acknowledge().has_value());
  bits = event.borrow()->poll();
  CHECK(bits.has_value() && bits->bits == 0);
  window.write(kEduRaise, 1);  // and it is alive again
  bits = event.borrow()->poll();
  CHECK(bits.has_value() && bits->bits == 1);
  window.write(kEduClear, 1);
}

// A function whose capability is gone can interrupt nobody.
void dead_function_is_silent(Guest& guest) noexcept {
  Edu edu = open_edu(guest);
  const Window window(guest, edu.registers, kEduSize);
  auto message = open_message(edu.function, 0);
  const Notice event = make_notification(guest);
  CHECK(window && message.has_value() && edu.function->set_bus_master(true).has_value());
  CHECK(bind(message->cap(), event.cap(), 1).has_value());
  edu.function = Function();
  window.write(kEduRaise, 1);
  const auto bits = event.borrow()->poll();
  CHECK(bits.has_value() && bits->bits == 0);
  window.write(kEduClear, 1);
}

void buffer_errors(Guest& guest) noexcept {
  Edu edu = open_edu(guest);
  CHECK(static_cast<bool>(edu.function));
  CHECK(invalid(make_buffer(edu.function, 0), KernelError::bad_range));
  CHECK(invalid(make_buffer(edu.function, 1025), KernelError::bad_range));
  Buffer buffers[16];
  for (Buffer& buffer : buffers) {
    auto made = make_buffer(edu.function, 1);
    CHECK(made.has_value());
    buffer = *std::move(made);
  }
  CHECK(refused(make_buffer(edu.function, 1), ExceptionType::overloaded, KernelError::quota_exceeded));
  buffers[3] = Buffer();
  CHECK(make_buffer(edu.function, 1).has_value());
  CHECK(invalid(buffers[0]->map(0x123), KernelError::bad_address));
  CHECK(invalid(buffers[0]->map(abi::kRingBase), KernelError::overlap));
}

// edu's transfer: 100 ms after its command, `count` bytes between its own memory and ours.
void transfer(Guest& guest, const Window& window, std::uint64_t from, std::uint64_t to, std::uint32_t command) noexcept {
  const auto write64 = [&](std::uint64_t offset, std::uint64_t value) {
    *reinterpret_cast<volatile std::uint64_t*>(window.base() + offset) = value;
  };
  write64(0x80, from);
  write64(0x88, to);
  write64(0x90, 64);
  write64(0x98, 1 | command);
  guest.sleep(120 * kMillisecond);
}

void device_moves_bytes(Guest& guest) noexcept {
  constexpr std::uint64_t kInside = 0x40000;
  Edu edu = open_edu(guest);
  const Window window(guest, edu.registers, kEduSize);
  auto buffer = make_buffer(edu.function, 3);
  CHECK(window && buffer.has_value());
  const auto place = (*buffer)->describe();
  CHECK(place.has_value() && place->size == 4 * kPage && place->physical % (4 * kPage) == 0);
  const auto mapped = (*buffer)->map(0);
  CHECK(mapped.has_value());
  auto* const words = reinterpret_cast<volatile std::uint64_t*>(mapped->addr);
  for (unsigned i = 0; i < 8; ++i) words[i] = 0x1111'0000'0000'0000 + i;
  CHECK(edu.function->set_bus_master(true).has_value());
  transfer(guest, window, place->physical, kInside, 0);
  transfer(guest, window, kInside, place->physical + 3 * kPage, 2);
  for (unsigned i = 0; i < 8; ++i) CHECK(words[3 * kPage / 8 + i] == 0x1111'0000'0000'0000u + i);
  // Without bus mastering it reaches nothing.
  words[3 * kPage / 8] = 7;
  CHECK(edu.function->set_bus_master(false).has_value());
  transfer(guest, window, kInside, place->physical + 3 * kPage, 2);
  CHECK(words[3 * kPage / 8] == 7);
  CHECK(guest.memory->unmap(mapped->addr, place->size).has_value());
}

std::uint64_t free_pages(Guest& guest) noexcept {
  const auto found = guest.frames->available();
  return found.has_value() ? found->free_pages : 0;
}

// The buffer's last capability goes while the function may write: the memory stays until it may not.
void buffer_outlives_its_capability(Guest& guest) noexcept {
  Edu edu = open_edu(guest);
  CHECK(static_cast<bool>(edu.function));
  CHECK(make_buffer(edu.function, 1).has_value());  // what the pools need
  const std::uint64_t before = free_pages(guest);
  CHECK(edu.function->set_bus_master(true).has_value());
  {
    auto buffer = make_buffer(edu.function, 64);
    CHECK(buffer.has_value());
  }
  CHECK(free_pages(guest) == before - 64);
  CHECK(edu.function->set_bus_master(false).has_value());
  CHECK(free_pages(guest) >= before);
  CHECK(edu.function->set_bus_master(true).has_value());
  CHECK(make_buffer(edu.function, 64).has_value());
  CHECK(free_pages(guest) <= before - 63);
  edu.function = Function();
  CHECK(free_pages(guest) >= before);
}

constexpr Case kCases[] = {
    {"pci absent function", absent_function},
    {"pci function handed out once", function_once},
    {"pci.readConfig", configuration},
    {"pci registers", registers},
    {"pci BARs", bars},
    {"pci.message errors", message_errors},
    {"pci function without message", no_message},
    {"pci message arrives", message_arrives},
    {"pci message storm", message_storm},
    {"pci dead function is silent", dead_function_is_silent},
    {"pci.createDmaBuffer errors", buffer_errors},
    {"pci device moves bytes", device_moves_bytes},
    {"pci buffer outlives its capability", buffer_outlives_its_capability},
};

}  // namespace

std::span<const Case> pci_cases() noexcept { return kCases; }

}  // namespace conformance
