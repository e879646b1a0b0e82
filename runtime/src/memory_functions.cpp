// SPDX-License-Identifier: Apache-2.0
// The functions that the compiler may call of itself (GCC manual, "Standards"), strlen and strnlen.
#include <cstddef>
#include <cstdint>

extern "C" {

[[gnu::optimize("no-tree-loop-distribute-patterns")]] void* memcpy(void* to, const void* from, std::size_t size) {
  void* result = to;
  std::size_t words = size / 8;
  asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
  std::size_t rest = size % 8;
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
  return result;
}

[[gnu::optimize("no-tree-loop-distribute-patterns")]] void* memset(void* to, int value, std::size_t size) {
  void* result = to;
  const std::uint64_t pattern = 0x0101010101010101u * static_cast<unsigned char>(value);
  std::size_t words = size / 8;
  asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
  std::size_t rest = size % 8;
  asm volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(pattern) : "memory");
  return result;
}

[[gnu::optimize("no-tree-loop-distribute-patterns")]] void* memmove(void* to, const void* from, std::size_t size) {
  auto* target = static_cast<unsigned char*>(to);
  const auto* source = static_cast<const unsigned char*>(from);
  if (target <= source || target >= source + size) return memcpy(to, from, size);
  while (size > 0) {
    --size;
    target[size] = source[size];
  }
  return to;
}

[[gnu::optimize("no-tree-loop-distribute-patterns")]] int memcmp(const void* a, const void* b, std::size_t size) {
  const auto* left = static_cast<const unsigned char*>(a);
  const auto* right = static_cast<const unsigned char*>(b);
  for (std::size_t i = 0; i < size; ++i) {
    if (left[i] != right[i]) return left[i] < right[i] ? -1 : 1;
  }
  return 0;
}

[[gnu::optimize("no-tree-loop-distribute-patterns")]] std::size_t strnlen(const char* text, std::size_t limit) {
  std::size_t length = 0;
  while (length < limit && text[length] != 0) ++length;
  return length;
}

[[gnu::optimize("no-tree-loop-distribute-patterns")]] std::size_t strlen(const char* text) {
  std::size_t length = 0;
  while (text[length] != 0) ++length;
  return length;
}

[[noreturn]] void abort() { __builtin_trap(); }
void __cxa_pure_virtual() { __builtin_trap(); }
}

void operator delete(void*) noexcept { __builtin_trap(); }
void operator delete(void*, std::size_t) noexcept { __builtin_trap(); }
