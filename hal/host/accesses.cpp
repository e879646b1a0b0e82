// SPDX-License-Identifier: Apache-2.0
// What GCC calls for each access to memory in code that is compiled with -fsanitize=thread (its tsan.cc and
// sanitizer.def name the functions): here they say so and, where the compiler leaves an atomic to them, do it.
// Not compiled so itself. Linked instead of that sanitizer's library.
#include <cstdint>

#include "accesses.hpp"

namespace {

using capos::host::Access;

void announce(const volatile void* at, std::size_t size, bool reads, bool writes) noexcept {
  capos::host::before_access({const_cast<const std::byte*>(static_cast<const volatile std::byte*>(at)), size, reads, writes});
}

template <typename T, typename Operation>
T atomic(volatile T* at, bool reads, bool writes, Operation&& operation) noexcept {
  announce(at, sizeof(T), reads, writes);
  return operation(at);
}

}  // namespace

// All are sequentially consistent, whatever order was asked for: one host thread.
#define CAPOS_ATOMICS(bits, T)                                                                                                 \
  T __tsan_atomic##bits##_load(const volatile T* at, int) {                                                                    \
    return atomic(const_cast<volatile T*>(at), true, false, [](volatile T* a) { return __atomic_load_n(a, __ATOMIC_SEQ_CST); }); \
  }                                                                                                                            \
  void __tsan_atomic##bits##_store(volatile T* at, T value, int) {                                                             \
    (void)atomic(at, false, true, [=](volatile T* a) { __atomic_store_n(a, value, __ATOMIC_SEQ_CST); return value; });         \
  }                                                                                                                            \
  T __tsan_atomic##bits##_exchange(volatile T* at, T value, int) {                                                             \
    return atomic(at, true, true, [=](volatile T* a) { return __atomic_exchange_n(a, value, __ATOMIC_SEQ_CST); });             \
  }                                                                                                                            \
  CAPOS_FETCH(bits, T, add) CAPOS_FETCH(bits, T, sub) CAPOS_FETCH(bits, T, and) CAPOS_FETCH(bits, T, or)                       \
  CAPOS_FETCH(bits, T, xor)                                                                                                    \
  CAPOS_COMPARE(bits, T, strong) CAPOS_COMPARE(bits, T, weak)
#define CAPOS_FETCH(bits, T, what)                                                                                             \
  T __tsan_atomic##bits##_fetch_##what(volatile T* at, T value, int) {                                                         \
    return atomic(at, true, true, [=](volatile T* a) { return __atomic_fetch_##what(a, value, __ATOMIC_SEQ_CST); });           \
  }
#define CAPOS_COMPARE(bits, T, how)                                                                                            \
  bool __tsan_atomic##bits##_compare_exchange_##how(volatile T* at, T* expected, T value, int, int) {                          \
    announce(at, sizeof(T), true, true);                                                                                       \
    return __atomic_compare_exchange_n(at, expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                        \
  }
#define CAPOS_PLAIN(size)                                                                                                      \
  void __tsan_read##size(const void* at) { announce(at, size, true, false); }                                                  \
  void __tsan_write##size(const void* at) { announce(at, size, false, true); }                                                 \
  void __tsan_volatile_read##size(const void* at) { announce(at, size, true, false); }                                         \
  void __tsan_volatile_write##size(const void* at) { announce(at, size, false, true); }                                        \
  void __tsan_unaligned_read##size(const void* at) { announce(at, size, true, false); }                                        \
  void __tsan_unaligned_write##size(const void* at) { announce(at, size, false, true); }

#pragma GCC diagnostic ignored "-Wmissing-declarations"
extern "C" {

CAPOS_ATOMICS(8, std::uint8_t)
CAPOS_ATOMICS(16, std::uint16_t)
CAPOS_ATOMICS(32, std::uint32_t)
CAPOS_ATOMICS(64, std::uint64_t)
CAPOS_PLAIN(1)
CAPOS_PLAIN(2)
CAPOS_PLAIN(4)
CAPOS_PLAIN(8)
CAPOS_PLAIN(16)
void __tsan_read_range(const void* at, std::size_t size) { announce(at, size, true, false); }
void __tsan_write_range(const void* at, std::size_t size) { announce(at, size, false, true); }
void __tsan_vptr_update(void* at, void*) { announce(at, sizeof(void*), false, true); }
void __tsan_vptr_read(void* at) { announce(at, sizeof(void*), true, false); }
void __tsan_atomic_thread_fence(int) {}
void __tsan_atomic_signal_fence(int) {}
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}

}  // extern "C"
