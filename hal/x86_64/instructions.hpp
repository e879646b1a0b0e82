// SPDX-License-Identifier: Apache-2.0
// Privileged instructions of x86-64 as functions; nothing else.
#pragma once

#include <cstdint>

namespace capos::hal::x86 {

struct CpuidResult {
  std::uint32_t eax, ebx, ecx, edx;
};

[[nodiscard]] inline CpuidResult cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0) noexcept {
  CpuidResult r{};
  asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
  return r;
}

[[nodiscard]] inline std::uint64_t read_msr(std::uint32_t msr) noexcept {
  std::uint32_t low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return std::uint64_t{high} << 32 | low;
}
inline void write_msr(std::uint32_t msr, std::uint64_t value) noexcept {
  asm volatile("wrmsr" ::"c"(msr), "a"(static_cast<std::uint32_t>(value)),
               "d"(static_cast<std::uint32_t>(value >> 32))
               : "memory");
}

inline void out8(std::uint16_t port, std::uint8_t value) noexcept {
  asm volatile("outb %0, %1" ::"a"(value), "Nd"(port) : "memory");
}
inline void out16(std::uint16_t port, std::uint16_t value) noexcept {
  asm volatile("outw %0, %1" ::"a"(value), "Nd"(port) : "memory");
}
inline void out32(std::uint16_t port, std::uint32_t value) noexcept {
  asm volatile("outl %0, %1" ::"a"(value), "Nd"(port) : "memory");
}
[[nodiscard]] inline std::uint8_t in8(std::uint16_t port) noexcept {
  std::uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}
[[nodiscard]] inline std::uint16_t in16(std::uint16_t port) noexcept {
  std::uint16_t value;
  asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}
[[nodiscard]] inline std::uint32_t in32(std::uint16_t port) noexcept {
  std::uint32_t value;
  asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}

[[nodiscard]] inline std::uint64_t rdtsc() noexcept {
  std::uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return std::uint64_t{high} << 32 | low;
}

// a * b / c with a 128-bit product; the quotient must fit in 64 bits (a * b / 2^64 < c), else it is all ones.
[[nodiscard]] inline std::uint64_t multiply_divide(std::uint64_t a, std::uint64_t b,
                                                   std::uint64_t c) noexcept {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  std::uint64_t low = static_cast<std::uint64_t>(product), high = static_cast<std::uint64_t>(product >> 64);
  if (high >= c) return ~std::uint64_t{0};
  asm("div %2" : "+a"(low), "+d"(high) : "r"(c) : "cc");
  return low;
}

[[nodiscard]] inline std::uint64_t read_cr2() noexcept {
  std::uint64_t value;
  asm volatile("mov %%cr2, %0" : "=r"(value));
  return value;
}
[[nodiscard]] inline std::uint64_t read_cr3() noexcept {
  std::uint64_t value;
  asm volatile("mov %%cr3, %0" : "=r"(value));
  return value;
}
inline void write_cr3(std::uint64_t value) noexcept { asm volatile("mov %0, %%cr3" ::"r"(value) : "memory"); }
[[nodiscard]] inline std::uint64_t read_cr4() noexcept {
  std::uint64_t value;
  asm volatile("mov %%cr4, %0" : "=r"(value));
  return value;
}
inline void write_cr4(std::uint64_t value) noexcept { asm volatile("mov %0, %%cr4" ::"r"(value) : "memory"); }
inline void write_cr0(std::uint64_t value) noexcept { asm volatile("mov %0, %%cr0" ::"r"(value) : "memory"); }
inline void invlpg(std::uint64_t address) noexcept { asm volatile("invlpg (%0)" ::"r"(address) : "memory"); }
[[noreturn]] inline void halt_for_ever() noexcept {
  for (;;) asm volatile("cli; hlt");
}

}  // namespace capos::hal::x86
