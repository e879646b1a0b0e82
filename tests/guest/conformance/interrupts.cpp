// SPDX-License-Identifier: Apache-2.0
// Interrupt: lines and messages of real devices, to a notification and back; storms; the end of a driver.
#include "device_harness.hpp"

namespace conformance {
namespace {

runtime::Result<schema::Interrupt::Statistics::Results::Value> statistics(const Line& line) noexcept {
  return line.borrow()->statistics();
}

void bind_errors(Guest& guest) noexcept {
  auto line = open_line(guest, {.line = kHpetLine});
  CHECK(line.has_value());
  const Notice event = make_notification(guest);
  CHECK(invalid(bind(line->cap(), event.cap(), 0), KernelError::bad_range));
  CHECK(invalid(bind(line->cap(), {}, 1), KernelError::bad_capability));
  CHECK(invalid(bind(line->cap(), guest.console.cap(), 1), KernelError::bad_capability));
  CHECK(refused((*line)->acknowledge(), ExceptionType::failed, KernelError::bad_state));
  CHECK(refused((*line)->unbind(), ExceptionType::failed, KernelError::bad_state));
  CHECK(bind(line->cap(), event.cap(), 1).has_value());
  CHECK(bind(line->cap(), event.cap(), 2).has_value());  // its own binding anew
  CHECK((*line)->acknowledge().has_value());             // nothing to acknowledge
  CHECK((*line)->unbind().has_value());
  CHECK(refused((*line)->unbind(), ExceptionType::failed, KernelError::bad_state));
}

// From another CPU than the line's, nothing may be done.
void wrong_cpu(Guest& guest) noexcept {
  if (guest.cpus < 2) return;
  auto line = open_line(guest, {.line = kHpetLine, .cpu = 1});
  CHECK(line.has_value());
  const Notice event = make_notification(guest);
  CHECK(invalid(bind(line->cap(), event.cap(), 1), KernelError::bad_cpu));
  CHECK(invalid((*line)->acknowledge(), KernelError::bad_cpu));
  CHECK(invalid((*line)->unbind(), KernelError::bad_cpu));
  CHECK(invalid((*line)->statistics(), KernelError::bad_cpu));
}

void edge_line(Guest& guest) noexcept {
  Hpet timer(guest);
  auto line = open_line(guest, {.line = kHpetLine, .trigger = schema::InterruptTrigger::edge_high});
  const Notice event = make_notification(guest);
  CHECK(timer && line.has_value() && bind(line->cap(), event.cap(), 4).has_value());
  for (std::uint64_t round = 1; round <= 3; ++round) {
    timer.fire_after(2'000, false);
    const auto bits = event.borrow()->wait();
    CHECK(bits.has_value() && bits->bits == 4);
    const auto seen = statistics(*line);
    CHECK(seen.has_value() && seen->count == round && seen->repeated == 0 && seen->bound && !seen->masked);
    CHECK((*line)->acknowledge().has_value());
  }
  timer.stop();
}

// A level line is masked until it is acknowledged, and comes again at once if its device was not served.
void level_line(Guest& guest) noexcept {
  Hpet timer(guest);
  auto line = open_line(guest, {.line = kHpetLine, .trigger = schema::InterruptTrigger::level_high});
  const Notice event = make_notification(guest);
  CHECK(timer && line.has_value() && bind(line->cap(), event.cap(), 8).has_value());
  timer.fire_after(2'000, true);
  auto bits = event.borrow()->wait();
  CHECK(bits.has_value() && bits->bits == 8);
  guest.sleep(1 * kMillisecond);
  auto seen = statistics(*line);
  CHECK(seen.has_value() && seen->count == 1 && seen->masked);
  CHECK((*line)->acknowledge().has_value());
  bits = event.borrow()->wait();
  CHECK(bits.has_value() && bits->bits == 8);
  timer.clear();
  CHECK((*line)->acknowledge().has_value());
  guest.sleep(1 * kMillisecond);
  seen = statistics(*line);
  CHECK(seen.has_value() && seen->count == 2 && seen->repeated == 0 && !seen->masked);
  timer.stop();
}

void unbound_line_is_silent(Guest& guest) noexcept {
  Hpet timer(guest);
  auto line = open_line(guest, {.line = kHpetLine, .trigger = schema::InterruptTrigger::level_high});
  const Notice event = make_notification(guest);
  CHECK(timer && line.has_value() && bind(line->cap(), event.cap(), 1).has_value());
  CHECK((*line)->unbind().has_value());
  timer.fire_after(100, true);
  guest.sleep(1 * kMillisecond);
  const auto seen = statistics(*line);
  CHECK(seen.has_value() && seen->count == 0 && !seen->bound && seen->masked);
  const auto bits = event.borrow()->poll();
  CHECK(bits.has_value() && bits->bits == 0);
  timer.clear();
  timer.stop();
}

// The clock's periodic interrupt, ISA 8, by its ports: index and data.
void clock_line(Guest& guest) noexcept {
  auto line = open_line(guest, {.line = 8, .legacy = true});
  auto clock = open_ports(guest, 0x70, 2);
  const Notice event = make_notification(guest);
  CHECK(line.has_value() && clock.has_value() && bind(line->cap(), event.cap(), 1).has_value());
  const auto read = [&](std::uint8_t index) {
    (void)(*clock)->write8(0, index);
    const auto value = (*clock)->read8(1);
    return value.has_value() ? value->value : std::uint8_t{0};
  };
  const auto write = [&](std::uint8_t index, std::uint8_t value) {
    (void)(*clock)->write8(0, index);
    (void)(*clock)->write8(1, value);
  };
  const std::uint8_t control = read(0x0b);
  // Looked for and not waited for: on a halted CPU, QEMU's instruction-counting clock runs on to the second tick.
  const auto hear = [&] {
    for (auto bits = event.borrow()->poll(); bits.has_value() && bits->bits == 0; bits = event.borrow()->poll()) {
    }
  };
  write(0x0a, 0x26);  // 1024 times a second
  write(0x0b, control | 0x40);
  (void)read(0x0c);
  hear();
  const std::uint64_t start = guest.now();
  for (int i = 0; i < 8; ++i) {
    (void)read(0x0c);  // tells the clock that it was heard
    (void)(*line)->acknowledge();
    hear();
  }
  const std::uint64_t passed = guest.now() - start;
  write(0x0b, control);
  (void)read(0x0c);
  CHECK(passed > 7'500'000 && passed < 8'100'000);
}

// A driver in another address space; word 0 counts its interrupts.
void driver_elsewhere(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    Hpet timer(guest);
    auto line = open_line(guest, {.line = kHpetLine, .cpu = cpu, .trigger = schema::InterruptTrigger::edge_high});
    const Notice event = make_notification(guest);
    Shared out(guest);
    CHECK(timer && line.has_value() && out);
    const Grant grants[] = {{"irq", line->cap()}, {"event", event.cap()}, {"out", out.cap()}};
    Child driver(guest, {.role = Role::driver, .grants = grants, .cpu = cpu});
    CHECK(driver.becomes_ready());
    for (std::uint64_t round = 1; round <= 4; ++round) {
      timer.fire_after(1'000, false);
      CHECK(out.reaches(0, round));
    }
    CHECK(refused(bind(line->cap(), event.cap(), 1), cpu == 0 ? ExceptionType::overloaded : ExceptionType::invalid_argument,
                  cpu == 0 ? KernelError::busy : KernelError::bad_cpu));
    timer.stop();
  }
}

// The driver dies between interrupt and acknowledgement: the line falls silent, and another may take it over.
void driver_dies(Guest& guest) noexcept {
  Hpet timer(guest);
  auto line = open_line(guest, {.line = kHpetLine, .trigger = schema::InterruptTrigger::level_high});
  const Notice event = make_notification(guest), mine = make_notification(guest);
  Shared out(guest);
  CHECK(timer && line.has_value() && out);
  {
    const Grant grants[] = {{"irq", line->cap()}, {"event", event.cap()}, {"out", out.cap()}};
    Child driver(guest, {.role = Role::driver, .argument = 1, .grants = grants});  // never acknowledges
    CHECK(driver.becomes_ready());
    timer.fire_after(100, true);
    CHECK(out.reaches(0, 1));
  }
  guest.sleep(1 * kMillisecond);
  auto seen = statistics(*line);
  CHECK(seen.has_value() && seen->count == 1 && !seen->bound && seen->masked);
  CHECK(bind(line->cap(), mine.cap(), 2).has_value());  // still asserted: it comes at once
  const auto bits = mine.borrow()->wait();
  CHECK(bits.has_value() && bits->bits == 2);
  timer.clear();
  CHECK((*line)->acknowledge().has_value());
  timer.stop();
}

// It dies while all is quiet: the next interrupt finds nobody and masks the line.
void driver_dies_quietly(Guest& guest) noexcept {
  Hpet timer(guest);
  auto line = open_line(guest, {.line = kHpetLine, .trigger = schema::InterruptTrigger::edge_high});
  const Notice event = make_notification(guest);
  Shared out(guest);
  CHECK(timer && line.has_value() && out);
  {
    const Grant grants[] = {{"irq", line->cap()}, {"event", event.cap()}, {"out", out.cap()}};
    Child driver(guest, {.role = Role::driver, .grants = grants});
    CHECK(driver.becomes_ready());
  }
  timer.fire_after(100, false);
  guest.sleep(1 * kMillisecond);
  const auto seen = statistics(*line);
  CHECK(seen.has_value() && seen->count == 1 && seen->unclaimed == 1 && !seen->bound && seen->masked);
  timer.stop();
}

// A device that is never served, and a driver that acknowledges as fast as it can: others go on. The figures are a tenth of
// the usual ones or less: a kernel that checks itself at every exit is slow.
void level_storm(Guest& guest) noexcept {
  Hpet timer(guest);
  auto line = open_line(guest, {.line = kHpetLine, .trigger = schema::InterruptTrigger::level_high});
  const Notice event = make_notification(guest);
  Shared out(guest), other(guest);
  CHECK(timer && line.has_value() && out && other);
  const Grant grants[] = {{"irq", line->cap()}, {"event", event.cap()}, {"out", out.cap()}};
  const Grant computes[] = {{"out", other.cap()}};
  Child driver(guest, {.role = Role::driver, .grants = grants});
  Child worker(guest, {.role = Role::compute, .grants = computes});
  CHECK(driver.becomes_ready());
  const std::uint64_t before = other.word(0);
  timer.fire_after(100, true);
  guest.sleep(20 * kMillisecond);
  const std::uint64_t interrupts = out.word(0), work = other.word(0) - before;
  timer.clear();
  timer.stop();
  guest.note("interrupts", interrupts);
  guest.note("work", work);
  CHECK(interrupts > 100 && work > 10'000);
}

// A line gone while its interrupt is on the way: nobody's, and the machine goes on.
void released_under_way(Guest& guest) noexcept {
  Hpet timer(guest);
  CHECK(static_cast<bool>(timer));
  guest.sleep(5 * kMillisecond);  // the driver of the case before is being taken apart
  for (std::uint32_t ticks = 0; ticks < 60; ticks += 3) {
    auto line = open_line(guest, {.line = kHpetLine, .trigger = schema::InterruptTrigger::edge_high});
    const Notice event = make_notification(guest);
    CHECK(line.has_value() && bind(line->cap(), event.cap(), 1).has_value());
    timer.fire_after(ticks, false);
  }
  timer.stop();
}

constexpr Case kCases[] = {
    {"interrupt.bind errors", bind_errors},
    {"interrupt from the wrong CPU", wrong_cpu},
    {"interrupt edge line", edge_line},
    {"interrupt level line", level_line},
    {"interrupt unbound line is silent", unbound_line_is_silent},
    {"interrupt of the clock", clock_line},
    {"interrupt to a driver on every CPU", driver_elsewhere},
    {"interrupt driver dies before it acknowledges", driver_dies},
    {"interrupt driver dies while all is quiet", driver_dies_quietly},
    {"interrupt level storm", level_storm},
    {"interrupt line released under way", released_under_way},
};

}  // namespace

std::span<const Case> interrupt_cases() noexcept { return kCases; }

}  // namespace conformance
