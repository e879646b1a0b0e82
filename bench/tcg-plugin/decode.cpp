// SPDX-License-Identifier: Apache-2.0
#include "decode.hpp"

#include "capos/abi/bench_marker.hpp"

namespace counters {
namespace {

using capos::abi::BenchMark;
using capos::abi::kBenchMarkBase;

constexpr std::size_t kPrefixesAtMost = 14;

bool is_prefix(std::uint8_t byte) noexcept {
  switch (byte) {
    case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: case 0x66: case 0x67: case 0xf0: case 0xf2: case 0xf3:
      return true;
    default:
      return (byte & 0xf0) == 0x40;  // REX
  }
}

std::uint8_t reg_of(std::uint8_t modrm) noexcept { return modrm >> 3 & 7; }
bool is_register(std::uint8_t modrm) noexcept { return modrm >> 6 == 3; }

Kind mark_kind(std::span<const std::uint8_t> code) noexcept {  // from ModRM on: 80 disp32
  if (code.size() < 5 || code[0] != 0x80) return Kind::plain;
  const std::uint32_t displacement = code[1] | code[2] << 8 | code[3] << 16 | std::uint32_t{code[4]} << 24;
  switch (displacement) {
    case kBenchMarkBase | static_cast<std::uint32_t>(BenchMark::row): return Kind::mark_row;
    case kBenchMarkBase | static_cast<std::uint32_t>(BenchMark::start): return Kind::mark_start;
    case kBenchMarkBase | static_cast<std::uint32_t>(BenchMark::stop): return Kind::mark_stop;
    case kBenchMarkBase | static_cast<std::uint32_t>(BenchMark::islands_started): return Kind::mark_islands_started;
    case kBenchMarkBase | static_cast<std::uint32_t>(BenchMark::first_job): return Kind::mark_first_job;
    default: return Kind::plain;
  }
}

// 0F 01: descriptor-table loads, INVLPG, SERIALIZE (NP 0F 01 E8).
Kind group7(std::uint8_t modrm) noexcept {
  if (modrm == 0xe8) return Kind::serialising;
  if (is_register(modrm)) return Kind::plain;
  if (reg_of(modrm) == 7) return Kind::invalidation;
  return reg_of(modrm) == 2 || reg_of(modrm) == 3 ? Kind::serialising : Kind::plain;  // LGDT, LIDT
}

Kind two_byte(std::span<const std::uint8_t> code, bool rex_r) noexcept {  // from the byte after 0F
  if (code.empty()) return Kind::plain;
  const std::uint8_t modrm = code.size() > 1 ? code[1] : 0;
  switch (code[0]) {
    case 0x00: return reg_of(modrm) == 2 || reg_of(modrm) == 3 ? Kind::serialising : Kind::plain;  // LLDT, LTR
    case 0x01: return group7(modrm);
    case 0x08: case 0x09: return Kind::serialising;  // INVD, WBINVD
    case 0x1f: return mark_kind(code.subspan(1));
    case 0x22:                                       // MOV to CR; to CR8 does not serialise
      if (rex_r) return Kind::plain;
      return reg_of(modrm) == 3 ? Kind::load_cr3 : Kind::serialising;
    case 0x23: case 0x30: case 0xa2: case 0xaa: return Kind::serialising;  // MOV to DR, WRMSR, CPUID, RSM
    case 0x38: return modrm == 0x82 ? Kind::invalidation : Kind::plain;    // INVPCID (with 66)
    default: return Kind::plain;
  }
}

}  // namespace

Kind classify(std::span<const std::uint8_t> code) noexcept {
  std::size_t at = 0;
  bool rex_r = false;
  for (; at < code.size() && at < kPrefixesAtMost && is_prefix(code[at]); ++at) {
    if ((code[at] & 0xf0) == 0x40) rex_r = (code[at] & 4) != 0;
  }
  if (at == code.size()) return Kind::plain;
  if (code[at] == 0xcf) return Kind::serialising;  // IRET
  if (code[at] == 0xfb || code[at] == 0xf4) return Kind::interrupts_on;
  return code[at] == 0x0f ? two_byte(code.subspan(at + 1), rex_r) : Kind::plain;
}

bool returns_to_user(std::span<const std::uint8_t> code) noexcept {
  constexpr std::uint8_t kRexW = 0x48;
  if (code.size() < 2 || code[0] != kRexW) return false;
  return code[1] == 0xcf || (code.size() >= 3 && code[1] == 0x0f && code[2] == 0x07);
}

}  // namespace counters
