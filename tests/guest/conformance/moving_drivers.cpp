// SPDX-License-Identifier: Apache-2.0
// Drivers that live freely, and a lease of the CPU where they do: their interrupts go on elsewhere, none of them comes to the leased CPU, and none
// is lost, whenever it comes.
#include "device_harness.hpp"
#include "island_harness.hpp"

namespace conformance {
namespace {

constexpr std::uint16_t kFreely = 0xffff;  // of a process's CPU, and of an interrupt's: its driver's

// Device interrupts that a CPU has taken.
std::uint64_t devices_of(Guest& guest, std::uint16_t cpu) noexcept {
  const auto found = guest.runtime.need<schema::SystemInfo>("systemInfo")->cpu(cpu);
  return found.has_value() ? found->devices : ~std::uint64_t{0};
}

// A process on CPU 0 alone, so that the next to be placed freely comes to CPU 1.
class Ballast {
 public:
  explicit Ballast(Guest& guest) noexcept : event_(make_notification(guest)), grants_{{"event", event_.cap()}}, child_(guest, {.role = Role::waiter, .grants = grants_}) {}
  [[nodiscard]] bool is_there() noexcept { return child_.becomes_ready(); }

 private:
  Notice event_;
  Grant grants_[1];
  Child child_;
};

// Counts its interrupts in word 0 of `out`.
class FreeDriver {
 public:
  FreeDriver(Guest& guest, abi::CapId interrupt) noexcept
      : out(guest), event_(make_notification(guest)), grants_{{"irq", interrupt}, {"event", event_.cap()}, {"out", out.cap()}},
        child_(guest, {.role = Role::driver, .grants = grants_, .cpu = kFreely}) {}
  [[nodiscard]] bool is_ready() noexcept { return child_.becomes_ready(); }
  [[nodiscard]] std::uint16_t cpu() noexcept {
    const auto state = child_.process()->state();
    return state.has_value() ? state->cpu : kFreely;
  }
  Shared out;

 private:
  Notice event_;
  Grant grants_[3];
  Child child_;
};

runtime::Result<Line> open_free_line(Guest& guest, schema::InterruptTrigger trigger) noexcept {
  return open_line(guest, {.line = kHpetLine, .cpu = kFreely, .trigger = trigger});
}

// The driver of a turn before may not have been taken apart yet.
template <typename Open>
auto opened_in_time(Guest& guest, Open&& open) noexcept {
  auto made = open();
  for (unsigned tries = 0; !made.has_value() && tries < 100; ++tries) {
    guest.sleep(kMillisecond);
    made = open();
  }
  return made;
}

// It interrupts once while the lease is asked for, sooner or later; and once for each round after that.
bool is_told_once(Guest& guest, schema::InterruptTrigger trigger, std::uint32_t ticks) noexcept {
  const bool level = trigger == schema::InterruptTrigger::level_high;
  const Task tasks[] = {{}};
  Hpet timer(guest);
  auto line = opened_in_time(guest, [&] { return open_free_line(guest, trigger); });
  EXPECT(timer && line.has_value());
  Ballast ballast(guest);
  EXPECT(ballast.is_there());
  FreeDriver driver(guest, line->cap());
  EXPECT(driver.is_ready() && driver.cpu() == 1);
  timer.fire_after(ticks, level);
  const Island island(guest, honest(guest, tasks));
  EXPECT(island.admitted() && island.cpu() == 1 && driver.cpu() == 0);
  // A level line comes again at each acknowledgement until the device is served.
  EXPECT(driver.out.reaches(0, 1));
  timer.clear();
  guest.sleep(kMillisecond);
  std::uint64_t count = driver.out.word(0);
  EXPECT(level || count == 1);
  const std::uint64_t before = devices_of(guest, 1);
  for (unsigned round = 0; round < 2; ++round) {
    timer.fire_after(200, level);
    EXPECT(driver.out.reaches(0, count + 1));
    timer.clear();
    guest.sleep(kMillisecond);
    EXPECT(level || driver.out.word(0) == count + 1);
    count = driver.out.word(0);
  }
  EXPECT(devices_of(guest, 1) == before);
  timer.stop();
  return true;
}

void edges_come_through(Guest& guest) noexcept {
  if (guest.cpus < 2) return;
  for (std::uint32_t ticks = 100; ticks < 40'000; ticks += 2'500) CHECK(is_told_once(guest, schema::InterruptTrigger::edge_high, ticks));
}

void levels_come_through(Guest& guest) noexcept {
  if (guest.cpus < 2) return;
  for (std::uint32_t ticks = 100; ticks < 40'000; ticks += 5'000) CHECK(is_told_once(guest, schema::InterruptTrigger::level_high, ticks));
}

// Its device is never served: an interrupt for each acknowledgement, before the lease, while it comes and after it.
void a_storm_moves(Guest& guest) noexcept {
  if (guest.cpus < 2) return;
  const Task tasks[] = {{}};
  Hpet timer(guest);
  auto line = opened_in_time(guest, [&] { return open_free_line(guest, schema::InterruptTrigger::level_high); });
  CHECK(timer && line.has_value());
  Ballast ballast(guest);
  CHECK(ballast.is_there());
  FreeDriver driver(guest, line->cap());
  CHECK(driver.is_ready() && driver.cpu() == 1);
  timer.fire_after(100, true);
  CHECK(driver.out.reaches(0, 100));
  {
    const Island island(guest, honest(guest, tasks));
    CHECK(island.admitted() && driver.cpu() == 0);
    const std::uint64_t before = devices_of(guest, 1), count = driver.out.word(0);
    CHECK(driver.out.reaches(0, count + 100));
    guest.sleep(5 * kMillisecond);
    CHECK(devices_of(guest, 1) == before);
  }
  timer.clear();
  timer.stop();
}

// A message of the educational device.
void a_message_moves(Guest& guest) noexcept {
  if (guest.cpus < 2) return;
  const Task tasks[] = {{}};
  auto function = opened_in_time(guest, [&] { return open_function(guest, find_edu(guest)); });
  CHECK(function.has_value() && (*function)->set_bus_master(true).has_value());
  auto memory = (*function)->memory([](auto params) { params.set_bar(0); });
  CHECK(memory.has_value());
  const Registers registers = memory->capability<schema::Mmio>(memory->reader().memory());
  const Window window(guest, registers, kEduSize);
  auto made = (*function)->message([](auto params) { params.set_cpu(kFreely); });
  CHECK(window && made.has_value());
  const Line message = made->capability<schema::Interrupt>(made->reader().interrupt());
  Ballast ballast(guest);
  CHECK(ballast.is_there());
  FreeDriver driver(guest, message.cap());
  CHECK(driver.is_ready() && driver.cpu() == 1);
  const auto interrupts = [&] {
    const std::uint64_t count = driver.out.word(0);
    window.write(kEduRaise, 1);
    const bool came = driver.out.reaches(0, count + 1);
    window.write(kEduClear, 1);
    return came;
  };
  const std::uint64_t at_first = devices_of(guest, 1);
  CHECK(interrupts() && interrupts());
  CHECK(devices_of(guest, 1) == at_first + 2);
  const Island island(guest, honest(guest, tasks));
  CHECK(island.admitted() && driver.cpu() == 0);
  const std::uint64_t before = devices_of(guest, 1);
  CHECK(interrupts() && interrupts() && interrupts());
  CHECK(devices_of(guest, 1) == before && driver.out.word(0) == 5);
}

// Whoever opened its interrupt for CPU 1 meant that: the lease is refused, and names it.
void one_of_a_cpu_stays(Guest& guest) noexcept {
  if (guest.cpus < 2) return;
  const Task tasks[] = {{}};
  Hpet timer(guest);
  auto line = opened_in_time(guest, [&] {
    return open_line(guest, {.line = kHpetLine, .cpu = 1, .trigger = schema::InterruptTrigger::edge_high});
  });
  CHECK(timer && line.has_value());
  Ballast ballast(guest);
  CHECK(ballast.is_there());
  FreeDriver driver(guest, line->cap());
  CHECK(driver.is_ready() && driver.cpu() == 1);
  const Island island(guest, honest(guest, tasks));
  CHECK(!island.admitted() && contains(island.occupant(), "child"));
  CHECK(driver.cpu() == 1);
  timer.fire_after(100, false);
  CHECK(driver.out.reaches(0, 1));
  timer.stop();
}

constexpr Case kCases[] = {
    {"driver moves: an edge while a lease moves it is told once", edges_come_through},
    {"driver moves: a level line while a lease moves it", levels_come_through},
    {"driver moves: a storm", a_storm_moves},
    {"driver moves: a message", a_message_moves},
    {"driver stays: an interrupt of a CPU", one_of_a_cpu_stays},
};

}  // namespace

std::span<const Case> moving_driver_cases() noexcept { return kCases; }

}  // namespace conformance
