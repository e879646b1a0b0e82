// SPDX-License-Identifier: Apache-2.0
#include "capos/admission/units.hpp"

#include <limits>
#include <numeric>

namespace capos::admission {
namespace {

constexpr std::uint64_t kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

ResultOf<std::uint64_t, UnitError> scaled(std::uint64_t count, std::uint64_t unit) noexcept {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(count, unit, &product) || product > kMax) return fail(UnitError::overflow);
  return product;
}

// numerator / denominator seconds in lowest terms.
ResultOf<Period, UnitError> fraction(std::uint64_t numerator, std::uint64_t denominator) noexcept {
  if (numerator == 0 || denominator == 0) return fail(UnitError::zero);
  const std::uint64_t divisor = std::gcd(numerator, denominator);
  numerator /= divisor;
  denominator /= divisor;
  constexpr std::uint64_t kMaxTerm = std::numeric_limits<std::uint32_t>::max();
  if (numerator > kMaxTerm || denominator > kMaxTerm) return fail(UnitError::overflow);
  return Period{static_cast<std::uint32_t>(numerator), static_cast<std::uint32_t>(denominator)};
}

}  // namespace

ResultOf<std::uint64_t, UnitError> time_ns(schema::Time::Reader time) noexcept {
  using Which = schema::Time::Which;
  switch (time.which()) {
    case Which::unset:
      break;
    case Which::ns:
      return scaled(time.ns(), 1);
    case Which::us:
      return scaled(time.us(), 1'000);
    case Which::ms:
      return scaled(time.ms(), 1'000'000);
    case Which::s:
      return scaled(time.s(), 1'000'000'000);
  }
  return fail(UnitError::unset);
}

ResultOf<std::uint64_t, UnitError> time_ns_or(schema::Time::Reader time, std::uint64_t otherwise) noexcept {
  const auto result = time_ns(time);
  if (!result && result.error() == UnitError::unset) return otherwise;
  return result;
}

ResultOf<Period, UnitError> period_of(schema::Period::Reader period) noexcept {
  using Which = schema::Period::Which;
  switch (period.which()) {
    case Which::unset:
      break;
    case Which::ns:
      return fraction(period.ns(), 1'000'000'000);
    case Which::us:
      return fraction(period.us(), 1'000'000);
    case Which::ms:
      return fraction(period.ms(), 1'000);
    case Which::hz:
      return fraction(1, period.hz());
    case Which::frames:
      return fraction(period.frames().count(), period.frames().rate());
  }
  return fail(UnitError::unset);
}

ResultOf<std::uint64_t, UnitError> size_bytes(schema::Size::Reader size) noexcept {
  using Which = schema::Size::Which;
  constexpr std::uint64_t kKib = 1024;
  switch (size.which()) {
    case Which::unset:
      break;
    case Which::kib:
      return scaled(size.kib(), kKib);
    case Which::mib:
      return scaled(size.mib(), kKib * kKib);
    case Which::gib:
      return scaled(size.gib(), kKib * kKib * kKib);
  }
  return fail(UnitError::unset);
}

}  // namespace capos::admission
