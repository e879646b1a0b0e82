// SPDX-License-Identifier: Apache-2.0
// The kernel's variables, made new for each machine: they lie together (state.ld), and all are constant-initialised, so
// that their bytes before the kernel first runs are its first state.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "simulation.hpp"

extern "C" std::uint64_t capos_kernel_state_begin[];
extern "C" std::uint64_t capos_kernel_state_end[];

namespace capos::host {
namespace {

std::size_t words() noexcept { return static_cast<std::size_t>(capos_kernel_state_end - capos_kernel_state_begin); }

// Word by word: between the variables lie the address sanitizer's red zones, which memcpy() must not touch.
[[gnu::no_sanitize_address, gnu::noinline]] void copy(const volatile std::uint64_t* from,
                                                         volatile std::uint64_t* to, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
}

}  // namespace

void make_kernel_state_new() noexcept {
  static const std::vector<std::uint64_t> first = [] {
    std::vector<std::uint64_t> saved(words());
    copy(capos_kernel_state_begin, saved.data(), words());
    return saved;
  }();
  copy(first.data(), capos_kernel_state_begin, words());
}

}  // namespace capos::host
