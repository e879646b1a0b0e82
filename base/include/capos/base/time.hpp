// SPDX-License-Identifier: Apache-2.0
// Points in time, lengths of time, and exact periods.
//
// Time is nanoseconds since the machine's clock started; Duration is a signed count of nanoseconds. They
// do not convert into each other or into integers without being told to. 2^63 ns is 292 years: additions of
// values that the system produces cannot overflow; values from outside are range-checked where they enter.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace capos {

class Duration {
 public:
  constexpr Duration() noexcept = default;
  [[nodiscard]] static constexpr Duration ns(std::int64_t value) noexcept { return Duration(value); }
  [[nodiscard]] static constexpr Duration us(std::int64_t value) noexcept { return Duration(value * 1'000); }
  [[nodiscard]] static constexpr Duration ms(std::int64_t value) noexcept { return Duration(value * 1'000'000); }
  [[nodiscard]] static constexpr Duration s(std::int64_t value) noexcept { return Duration(value * 1'000'000'000); }
  [[nodiscard]] static constexpr Duration max() noexcept {
    return Duration(std::numeric_limits<std::int64_t>::max());
  }
  [[nodiscard]] constexpr std::int64_t ns() const noexcept { return ns_; }

  constexpr auto operator<=>(const Duration&) const noexcept = default;
  constexpr Duration operator+(Duration other) const noexcept { return Duration(ns_ + other.ns_); }
  constexpr Duration operator-(Duration other) const noexcept { return Duration(ns_ - other.ns_); }
  constexpr Duration operator-() const noexcept { return Duration(-ns_); }
  constexpr Duration operator*(std::int64_t factor) const noexcept { return Duration(ns_ * factor); }
  constexpr Duration operator/(std::int64_t divisor) const noexcept { return Duration(ns_ / divisor); }
  constexpr std::int64_t operator/(Duration other) const noexcept { return ns_ / other.ns_; }
  constexpr Duration& operator+=(Duration other) noexcept { ns_ += other.ns_; return *this; }
  constexpr Duration& operator-=(Duration other) noexcept { ns_ -= other.ns_; return *this; }

 private:
  explicit constexpr Duration(std::int64_t value) noexcept : ns_(value) {}
  std::int64_t ns_ = 0;
};

class Time {
 public:
  constexpr Time() noexcept = default;
  [[nodiscard]] static constexpr Time from_ns(std::uint64_t value) noexcept { return Time(value); }
  // Later than any event: "no timer wanted".
  [[nodiscard]] static constexpr Time never() noexcept {
    return Time(std::numeric_limits<std::uint64_t>::max());
  }
  [[nodiscard]] constexpr std::uint64_t ns() const noexcept { return ns_; }
  [[nodiscard]] constexpr bool is_never() const noexcept { return *this == never(); }

  constexpr auto operator<=>(const Time&) const noexcept = default;
  constexpr Time operator+(Duration d) const noexcept { return Time(ns_ + static_cast<std::uint64_t>(d.ns())); }
  constexpr Time operator-(Duration d) const noexcept { return Time(ns_ - static_cast<std::uint64_t>(d.ns())); }
  constexpr Duration operator-(Time other) const noexcept {
    return Duration::ns(static_cast<std::int64_t>(ns_ - other.ns_));
  }
  constexpr Time& operator+=(Duration d) noexcept { *this = *this + d; return *this; }

 private:
  explicit constexpr Time(std::uint64_t value) noexcept : ns_(value) {}
  std::uint64_t ns_ = 0;
};

// An exact period of numerator/denominator seconds, so that 64 frames at 48 kHz (64/48000 s) never drifts.
// Range: 0 < numerator < 2^32, 0 < denominator < 2^32; period() between 1 us and 1 hour is what admission takes.
struct Period {
  std::uint32_t numerator = 0;    // seconds * denominator
  std::uint32_t denominator = 1;
  constexpr bool operator==(const Period&) const noexcept = default;

  [[nodiscard]] constexpr bool is_zero() const noexcept { return numerator == 0; }
  // Whole nanoseconds, rounded down: what an analysis that needs a lower bound on the period uses.
  [[nodiscard]] constexpr Duration floor() const noexcept {
    return Duration::ns(static_cast<std::int64_t>(std::uint64_t{numerator} * 1'000'000'000u / denominator));
  }
  [[nodiscard]] constexpr Duration ceil() const noexcept {
    return Duration::ns(static_cast<std::int64_t>(
        (std::uint64_t{numerator} * 1'000'000'000u + denominator - 1) / denominator));
  }
  [[nodiscard]] static constexpr Period from_ns(std::uint32_t ns) noexcept { return {ns, 1'000'000'000u}; }
};

// The release instants start + floor(k * period), computed by carrying the remainder: exact for any k.
// Cost: O(1), no division after construction.
class ReleaseClock {
 public:
  constexpr ReleaseClock() noexcept = default;
  constexpr ReleaseClock(Time start, Period period) noexcept
      : next_(start), denominator_(period.denominator) {
    const std::uint64_t total = std::uint64_t{period.numerator} * 1'000'000'000u;
    whole_ = total / period.denominator;
    rest_ = total % period.denominator;
  }
  [[nodiscard]] constexpr Time next() const noexcept { return next_; }
  constexpr void advance() noexcept {
    next_ += Duration::ns(static_cast<std::int64_t>(whole_));
    carry_ += rest_;
    if (carry_ >= denominator_) {
      carry_ -= denominator_;
      next_ += Duration::ns(1);
    }
  }
  // The same as `count` calls of advance(). Range: count < 2^32, count * period < 2^63 ns. O(1), one division.
  constexpr void advance_by(std::uint64_t count) noexcept {
    const std::uint64_t rest = carry_ + count * rest_;
    next_ += Duration::ns(static_cast<std::int64_t>(count * whole_ + rest / denominator_));
    carry_ = rest % denominator_;
  }
  // The period in whole nanoseconds, rounded down.
  [[nodiscard]] constexpr std::uint64_t whole_period_ns() const noexcept { return whole_; }

 private:
  Time next_{};
  std::uint64_t whole_ = 0;        // whole nanoseconds in a period
  std::uint64_t rest_ = 0;         // remainder of a period, in 1/denominator ns
  std::uint64_t carry_ = 0;        // < denominator
  std::uint64_t denominator_ = 1;
};

}  // namespace capos
