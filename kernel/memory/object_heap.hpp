// SPDX-License-Identifier: Apache-2.0
// Memory of kernel objects: free lists of fixed sizes (64 bytes to 4 KiB, powers of two), filled frame by frame.
//
// Bounds: allocate O(1), O(64) when a frame is cut up; release O(1). Frames cut up are kept for objects.
// Any CPU, under its own lock; never on a path that an admitted job takes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace capos::kernel {

// 64-byte aligned, or nullptr. size: at most 4096.
[[nodiscard]] void* heap_allocate(std::size_t size) noexcept;
void heap_release(void* memory, std::size_t size) noexcept;

// What an object of that size takes: its whole place.
[[nodiscard]] constexpr std::uint64_t heap_size(std::size_t size) noexcept { return std::bit_ceil(size < 64 ? 64 : size); }

// Frames ever cut up, and bytes of them in use, each object with its whole place. O(1).
struct HeapUse {
  std::uint64_t pages = 0, bytes = 0;
};
[[nodiscard]] HeapUse heap_use() noexcept;

template <typename T, typename... Arguments>
[[nodiscard]] T* heap_new(Arguments&&... arguments) noexcept {
  static_assert(sizeof(T) <= 4096 && alignof(T) <= 64);
  void* const memory = heap_allocate(sizeof(T));
  return memory == nullptr ? nullptr : ::new (memory) T(std::forward<Arguments>(arguments)...);
}

template <typename T>
void heap_delete(T* object) noexcept {
  object->~T();
  heap_release(object, sizeof(T));
}

}  // namespace capos::kernel
