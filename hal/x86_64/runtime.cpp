// SPDX-License-Identifier: Apache-2.0
// What the compiler calls without being asked: block memory operations, and traps for what must not happen.
//
// By 8-byte words with REP: one counted instruction per word (instruction-counting mode), near the memory's
// speed on processors with fast strings.
#include <cstddef>
#include <cstdint>
#include <new>

extern "C" {

void* memcpy(void* to, const void* from, std::size_t size) noexcept {
  void* d = to;
  std::size_t words = size / 8, rest = size % 8;
  asm volatile("rep movsq" : "+D"(d), "+S"(from), "+c"(words)::"memory");
  asm volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(rest)::"memory");
  return to;
}

void* memset(void* to, int value, std::size_t size) noexcept {
  void* d = to;
  const std::uint64_t pattern = 0x0101'0101'0101'0101 * static_cast<std::uint8_t>(value);
  std::size_t words = size / 8, rest = size % 8;
  asm volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
  asm volatile("rep stosb" : "+D"(d), "+c"(rest) : "a"(pattern) : "memory");
  return to;
}

void* memmove(void* to, const void* from, std::size_t size) noexcept {
  auto* d = static_cast<unsigned char*>(to);
  const auto* s = static_cast<const unsigned char*>(from);
  if (d <= s || d >= s + size) return memcpy(to, from, size);
  while (size >= 8) {
    size -= 8;
    std::uint64_t word;
    __builtin_memcpy(&word, s + size, 8);
    __builtin_memcpy(d + size, &word, 8);
  }
  while (size > 0) {
    --size;
    d[size] = s[size];
    asm volatile("" ::: "memory");  // or the compiler makes a call to memmove of this loop
  }
  return to;
}

int memcmp(const void* left, const void* right, std::size_t size) noexcept {
  const auto* a = static_cast<const unsigned char*>(left);
  const auto* b = static_cast<const unsigned char*>(right);
  for (std::size_t i = 0; i < size; ++i)
    if (a[i] != b[i]) return a[i] - b[i];
  return 0;
}

void* memchr(const void* bytes, int value, std::size_t size) noexcept {
  const auto* p = static_cast<const unsigned char*>(bytes);
  for (std::size_t i = 0; i < size; ++i)
    if (p[i] == static_cast<unsigned char>(value)) return const_cast<unsigned char*>(p + i);
  return nullptr;
}

std::size_t strlen(const char* text) noexcept {
  std::size_t n = 0;
  while (text[n] != 0) ++n;
  return n;
}

[[noreturn]] void __cxa_pure_virtual() { __builtin_trap(); }
}

// Named by deleting destructors of classes with virtual functions; nothing here is ever deleted.
void operator delete(void*) noexcept { __builtin_trap(); }
void operator delete(void*, std::size_t) noexcept { __builtin_trap(); }
void operator delete(void*, std::size_t, std::align_val_t) noexcept { __builtin_trap(); }
