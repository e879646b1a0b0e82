// SPDX-License-Identifier: Apache-2.0
// Vector state across preemption: all sixteen registers and both control words keep what this thread put
// there.
#include "child.hpp"

namespace conformance {
namespace {

constexpr unsigned kRegisters = 16, kBytes = 32;

struct alignas(32) Vectors {
  std::uint8_t bytes[kRegisters * kBytes];
};

bool has_avx() noexcept {
  std::uint32_t a = 1, b = 0, c = 0, d = 0;
  asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return (c >> 28 & 1) != 0 && (c >> 27 & 1) != 0;
}

// Loads all registers, lets `rounds` pass, stores them.
void hold_avx(const Vectors& in, Vectors& out, std::uint64_t rounds) noexcept {
  asm volatile(
      ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\tvmovups \\n*32(%1), %%ymm\\n\n\t.endr\n"
      "1:\tpause\n\tdec %0\n\tjnz 1b\n\t"
      ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\tvmovups %%ymm\\n, \\n*32(%2)\n\t.endr\n\tvzeroupper"
      : "+r"(rounds)
      : "r"(&in), "r"(&out)
      : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
        "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

void hold_sse(const Vectors& in, Vectors& out, std::uint64_t rounds) noexcept {
  asm volatile(
      ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\tmovups \\n*32(%1), %%xmm\\n\n\t.endr\n"
      "1:\tpause\n\tdec %0\n\tjnz 1b\n\t"
      ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\tmovups %%xmm\\n, \\n*32(%2)\n\t.endr"
      : "+r"(rounds)
      : "r"(&in), "r"(&out)
      : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
        "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

bool same(const Vectors& a, const Vectors& b, unsigned width) noexcept {
  for (unsigned i = 0; i < sizeof a.bytes; ++i) {
    if (i % kBytes < width && a.bytes[i] != b.bytes[i]) return false;
  }
  return true;
}

// Rounding modes differ by the argument.
struct Controls {
  std::uint32_t mxcsr;
  std::uint16_t x87;
};
Controls wanted_controls(std::uint32_t argument) noexcept {
  return {0x1f80u | (argument & 3) << 13, static_cast<std::uint16_t>(0x037fu | (argument & 3) << 10)};
}
void set_controls(const Controls& wanted) noexcept {
  asm volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(wanted.mxcsr), "m"(wanted.x87));
}
bool controls_are(const Controls& wanted) noexcept {
  Controls found{};
  asm volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(found.mxcsr), "=m"(found.x87));
  return (found.mxcsr & ~0x3fu) == (wanted.mxcsr & ~0x3fu) && found.x87 == wanted.x87;
}

}  // namespace

int check_vectors(const Child& child) noexcept {
  const bool avx = has_avx();
  Vectors in, out{};
  for (unsigned i = 0; i < sizeof in.bytes; ++i) {
    in.bytes[i] = static_cast<std::uint8_t>(child.argument() * 37 + i * 11 + i / kBytes);
  }
  const Controls wanted = wanted_controls(child.argument());
  set_controls(wanted);
  const std::uint64_t end = child.now() + 20'000'000;
  while (child.now() < end) {
    avx ? hold_avx(in, out, 20'000) : hold_sse(in, out, 20'000);
    if (!same(in, out, avx ? 32 : 16)) return 1;
    if (!controls_are(wanted)) return 2;
  }
  return 0;
}

}  // namespace conformance
