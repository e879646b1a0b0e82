// SPDX-License-Identifier: Apache-2.0
// Making and ending what the kernel's memory holds, charged to a ledger.
#pragma once

#include "memory/object_heap.hpp"
#include "resources/ledger.hpp"

namespace capos::kernel {

// Something that is no object, or has its own way of keeping its payer: whoever ends it names the same payer.
// Errors: quota_exceeded, out_of_memory.
template <typename T, typename... Arguments>
[[nodiscard]] ResultOf<T*, schema::KernelError> charged_new(Ledger& payer, Arguments&&... arguments) noexcept {
  if (!payer.charge(Resource::kernel_bytes, heap_size(sizeof(T)))) return fail(schema::KernelError::quota_exceeded);
  T* const made = heap_new<T>(std::forward<Arguments>(arguments)...);
  if (made != nullptr) return made;
  payer.give_back(Resource::kernel_bytes, heap_size(sizeof(T)));
  return fail(schema::KernelError::out_of_memory);
}

template <typename T>
void charged_delete(Ledger& payer, T* object) noexcept {
  heap_delete(object);
  payer.give_back(Resource::kernel_bytes, heap_size(sizeof(T)));
}

// A kernel object; it keeps its payer alive. A type that is counted beside its memory names that as T::kResource.
// Errors: quota_exceeded, out_of_memory.
template <typename T, typename... Arguments>
[[nodiscard]] ResultOf<Ref<T>, schema::KernelError> new_object(Ledger& payer, Arguments&&... arguments) noexcept {
  if constexpr (requires { T::kResource; }) {
    if (!payer.charge(T::kResource, 1)) return fail(schema::KernelError::quota_exceeded);
  }
  const auto made = charged_new<T>(payer, std::forward<Arguments>(arguments)...);
  if (!made.has_value()) {
    if constexpr (requires { T::kResource; }) payer.give_back(T::kResource, 1);
    return fail(made.error());
  }
  (*made)->bill_to(payer);
  return Ref<T>::adopt(*made);
}

// The last thing that T::destroy does.
template <typename T>
void delete_object(T* object) noexcept {
  Ledger& payer = *object->payer();
  charged_delete(payer, object);
  if constexpr (requires { T::kResource; }) payer.give_back(T::kResource, 1);
  payer.release();
}

}  // namespace capos::kernel
