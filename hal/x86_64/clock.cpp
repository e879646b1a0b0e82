// SPDX-License-Identifier: Apache-2.0
// Clock and one-shot timer of each CPU, both on the time-stamp counter's time.
//
// now() = floor((tsc - start) * scale / 2^32) with scale = 10^9 * 2^32 / tsc_hz: exact at 1 GHz, else off by
// at most 2^-32 * 10^9 / tsc_hz of the time passed (below one part in 10^9 from 250 MHz up), the same on all
// CPUs, never backwards. tsc_of() is its exact inverse: the first count at which now() has reached the time.
//
// The timer is the TSC deadline where there is one. Else the local APIC's counter: its length is rounded up,
// and by 2^-15 more unless it runs at the TSC's own frequency (measured frequencies are not exact, and early
// is an error). What does not fit its 32 bits is waited for in pieces, on a vector of its own.
#include <algorithm>

#include "capos/hal/relax.hpp"
#include "instructions.hpp"
#include "internal.hpp"

namespace capos::hal {
namespace {

using namespace x86;
using Wide = unsigned __int128;

constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::uint32_t kTscDeadline = 0x6e0;
constexpr std::uint64_t kLongest = 0xffff'ffff;

enum class TimerMode : std::uint8_t { memory_count, msr_count, deadline };

struct Clock {
  std::uint64_t start = 0;                             // TSC at time 0
  std::uint64_t scale = std::uint64_t{1} << 32;        // ns per tick, 32.32
  std::uint64_t timer_scale = std::uint64_t{1} << 32;  // timer counts per ns, 32.32
  std::uint64_t slack = 0;                             // counts added
  std::uint64_t longest = 0;                           // ns that fit the counter
  TimerMode mode = TimerMode::memory_count;
  std::uint64_t tsc_hz = kNanosecondsPerSecond, timer_hz = kNanosecondsPerSecond;
};
constinit Clock clock;

constexpr std::uint64_t ratio(std::uint64_t numerator, std::uint64_t denominator) noexcept {
  // Both below 2^40: the quotient is built in two steps of 64-bit division.
  const std::uint64_t whole = numerator / denominator, rest = numerator % denominator;
  return whole << 32 | ((rest << 24) / denominator << 8 | ((rest << 24) % denominator << 8) / denominator);
}

std::uint64_t to_ns(std::uint64_t ticks) noexcept {
  return static_cast<std::uint64_t>(Wide{ticks} * clock.scale >> 32);
}

// ceil(ns * 2^32 / scale): 128 by 64 bits in one instruction; ns < 2^63 and scale >= 2^28 keep the quotient
// in range.
std::uint64_t to_ticks(std::uint64_t ns) noexcept {
  std::uint64_t low = ns << 32, high = ns >> 32, quotient, rest;
  low += clock.scale - 1;
  high += low < clock.scale - 1;
  if (high >= clock.scale) return ~std::uint64_t{0};
  asm("div %4" : "=a"(quotient), "=d"(rest) : "a"(low), "d"(high), "r"(clock.scale) : "cc");
  return quotient;
}

std::uint64_t wait_until(Time when) noexcept {
  const std::uint64_t current = to_ns(rdtsc() - clock.start);
  return when.ns() > current ? when.ns() - current : 0;
}

// At least 1: writing 0 would stop the counter.
std::uint32_t count_for(std::uint64_t wait) noexcept {
  const std::uint64_t count = static_cast<std::uint64_t>(Wide{wait} * clock.timer_scale >> 32) + clock.slack;
  return static_cast<std::uint32_t>(count + (count == 0));
}

// A wait that does not fit, the first one after it that does, and CPUs with x2APIC but no deadline.
void arm_count(PerCpu& block, Time when, std::uint64_t wait) noexcept {
  const bool far = wait > clock.longest;
  if (far != block.far_timer) {
    block.far_timer = far;
    set_timer_vector(far ? CAPOS_VECTOR_FAR_TIMER : CAPOS_VECTOR_TIMER);
  }
  block.far_deadline = when;
  set_timer_count(count_for(std::min(wait, clock.longest)));
}

void arm_deadline(Time when) noexcept {
  write_msr(kTscDeadline, std::max<std::uint64_t>(tsc_of(when), 1));  // 0 would disarm
}

// What is not the usual case of arm_timer().
[[gnu::noinline, gnu::cold]] void arm_otherwise(PerCpu& block, Time when, std::uint64_t wait) noexcept {
  if (when.is_never()) return disarm_timer();
  if (clock.mode == TimerMode::deadline) return arm_deadline(when);
  arm_count(block, when, wait);
}

}  // namespace

std::uint64_t read_tsc() noexcept { return rdtsc(); }
Time now() noexcept { return Time::from_ns(to_ns(rdtsc() - clock.start)); }
std::uint64_t tsc_of(Time time) noexcept {
  const std::uint64_t ticks = to_ticks(time.ns()), sum = ticks + clock.start;
  return sum < ticks ? ~std::uint64_t{0} : sum;
}

// The usual case on one path of about 30 instructions.
void arm_timer(Time when) noexcept {
  PerCpu& block = this_block();
  const std::uint64_t wait = wait_until(when);
  if (clock.mode != TimerMode::memory_count || wait > clock.longest || block.far_timer) [[unlikely]]
    return arm_otherwise(block, when, wait);
  set_memory_timer_count(count_for(wait));
}

void disarm_timer() noexcept {
  if (clock.mode == TimerMode::memory_count) return set_memory_timer_count(0);
  if (clock.mode == TimerMode::msr_count) return set_timer_count(0);
  write_msr(kTscDeadline, 0);
}

bool set_tsc_hz(std::uint64_t hz) noexcept {
  const std::uint64_t difference = hz > clock.tsc_hz ? hz - clock.tsc_hz : clock.tsc_hz - hz;
  if (difference > clock.tsc_hz / 1000) return false;
  // The same clock measured both: what the one was off, the other was too.
  const auto timer_hz = static_cast<std::uint64_t>(Wide{clock.timer_hz} * ratio(hz, clock.tsc_hz) >> 32);
  set_frequencies(hz, timer_hz, clock.start);
  return true;
}

namespace x86 {

void set_frequencies(std::uint64_t tsc_hz, std::uint64_t timer_hz, std::uint64_t start) noexcept {
  const std::uint64_t apart = tsc_hz > timer_hz ? tsc_hz - timer_hz : timer_hz - tsc_hz;
  const bool same = apart <= tsc_hz / 10'000;
  clock.start = start;
  clock.tsc_hz = tsc_hz;
  clock.timer_hz = same || timer_hz == 0 ? tsc_hz : timer_hz;
  clock.scale = ratio(kNanosecondsPerSecond, tsc_hz);
  clock.timer_scale = ratio(clock.timer_hz, kNanosecondsPerSecond);
  const bool exact = same && tsc_hz == kNanosecondsPerSecond;
  clock.slack = exact ? 0 : 2;
  if (!same) clock.timer_scale += clock.timer_scale >> 15;
  clock.longest = multiply_divide(kLongest - 4, std::uint64_t{1} << 32, clock.timer_scale + 1);
  clock.mode = has(MachineFeature::tsc_deadline) ? TimerMode::deadline
               : has(MachineFeature::x2apic)     ? TimerMode::msr_count
                                                 : TimerMode::memory_count;
}

void spin_ns(std::uint64_t ns) noexcept {
  const Time end = now() + Duration::ns(static_cast<std::int64_t>(ns));
  while (now() < end) cpu_relax();
}

}  // namespace x86

// A far timer's piece has passed: what is left is armed, or the timer is due.
extern "C" [[noreturn]] void hal_on_far_timer(bool from_user) noexcept {
  end_of_interrupt();
  PerCpu& block = this_block();
  if (now() >= block.far_deadline) on_timer();
  arm_timer(block.far_deadline);
  if (from_user) resume_user();
  on_spurious();  // what was interrupted is gone: the kernel decides anew
}

}  // namespace capos::hal
