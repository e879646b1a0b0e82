// SPDX-License-Identifier: Apache-2.0
#include "memory/object_heap.hpp"

#include <array>
#include <bit>

#include "memory/frame_allocator.hpp"

namespace capos::kernel {
namespace {

constexpr unsigned kSmallest = 6;   // 64 bytes
constexpr unsigned kLargest = 12;   // a frame

struct FreeObject {
  FreeObject* next;
};
struct Lists {
  std::array<FreeObject*, kLargest - kSmallest + 1> heads{};
  HeapUse use{};
};
constinit Locked<Lists, LockRank::object_heap> g_lists;

std::uint64_t size_of_class(unsigned size_class) noexcept { return std::uint64_t{1} << (size_class + kSmallest); }

unsigned class_of(std::size_t size) noexcept {
  const unsigned bits = static_cast<unsigned>(std::bit_width(size - 1));
  return bits <= kSmallest ? 0 : bits - kSmallest;
}

// Cuts a fresh frame into objects of the class.
bool refill(Lists& lists, unsigned size_class) noexcept {
  const FrameBlock block = frames().lock()->allocate(0);
  if (block.is_none()) return false;
  ++lists.use.pages;
  auto* const bytes = static_cast<std::byte*>(hal::to_kernel(block.base));
  const std::size_t size = size_of_class(size_class);
  for (std::size_t offset = 0; offset < hal::kPageSize; offset += size) {
    lists.heads[size_class] = ::new (bytes + offset) FreeObject{lists.heads[size_class]};
  }
  return true;
}

}  // namespace

void* heap_allocate(std::size_t size) noexcept {
  const unsigned size_class = class_of(size);
  auto lists = g_lists.lock();
  if (lists->heads[size_class] == nullptr && !refill(*lists, size_class)) return nullptr;
  FreeObject* const object = lists->heads[size_class];
  lists->heads[size_class] = object->next;
  lists->use.bytes += size_of_class(size_class);
  return object;
}

void heap_release(void* memory, std::size_t size) noexcept {
  auto lists = g_lists.lock();
  FreeObject*& head = lists->heads[class_of(size)];
  head = ::new (memory) FreeObject{head};
  lists->use.bytes -= size_of_class(class_of(size));
}

HeapUse heap_use() noexcept { return g_lists.lock()->use; }

}  // namespace capos::kernel
