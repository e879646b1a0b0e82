// SPDX-License-Identifier: Apache-2.0
#include "hostile_peer.hpp"

#include <cstring>

namespace capos::fuzz {
namespace {

HostilePeer* present = nullptr;

}  // namespace

HostilePeer::HostilePeer(std::span<const std::uint8_t> changes) : changes_(changes) { present = this; }
HostilePeer::~HostilePeer() { present = nullptr; }

std::uint8_t HostilePeer::take() noexcept {
  if (changes_.empty()) return 0;
  const std::uint8_t byte = changes_.front();
  changes_ = changes_.subspan(1);
  return byte;
}

// Eight bytes: all of them, a bit, or by one.
void HostilePeer::change(std::byte* word) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, word, sizeof value);
  const std::uint8_t how = take();
  switch (how & 3) {
    case 0: value = (how & 4) != 0 ? 0 : ~std::uint64_t{0} >> (how >> 3); break;
    case 1: value ^= std::uint64_t{1} << (how >> 2); break;
    case 2: value += (how & 4) != 0 ? 1 : ~std::uint64_t{0}; break;
    default:
      for (int i = 0; i < 4; ++i) value = value << 16 | take();
  }
  std::memcpy(word, &value, sizeof value);
}

void HostilePeer::before_load(const void* from, std::size_t size) noexcept {
  const auto* const at = static_cast<const std::byte*>(from);
  for (const std::span<std::byte> range : ranges_) {
    if (at < range.data() || at >= range.data() + range.size() || size > static_cast<std::size_t>(range.data() + range.size() - at)) {
      continue;
    }
    constexpr std::uint8_t kSeldom = 0xc0;
    const std::uint8_t first = take();
    if (first < kSeldom) return;
    const std::size_t words = size / 8;
    const std::size_t offset = static_cast<std::size_t>(at - range.data()) / 8 * 8 + (words > 1 ? first % words * 8 : 0);
    change(range.data() + offset);
    return;
  }
}

namespace {

void load(const void* from, std::size_t size) noexcept {
  if (present != nullptr) present->before_load(from, size);
}

}  // namespace
}  // namespace capos::fuzz

extern "C" {

void __sanitizer_cov_load1(std::uint8_t* from) { capos::fuzz::load(from, 1); }
void __sanitizer_cov_load2(std::uint16_t* from) { capos::fuzz::load(from, 2); }
void __sanitizer_cov_load4(std::uint32_t* from) { capos::fuzz::load(from, 4); }
void __sanitizer_cov_load8(std::uint64_t* from) { capos::fuzz::load(from, 8); }
void __sanitizer_cov_load16(__int128* from) { capos::fuzz::load(from, 16); }

// Linked with --wrap: block copies, which are not loads to the compiler.
void* __real___asan_memcpy(void* to, const void* from, std::size_t size);
void* __wrap___asan_memcpy(void* to, const void* from, std::size_t size) {
  capos::fuzz::load(from, size);
  return __real___asan_memcpy(to, from, size);
}

}  // extern "C"
