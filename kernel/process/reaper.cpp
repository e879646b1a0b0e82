// SPDX-License-Identifier: Apache-2.0
#include "process/reaper.hpp"

#include <atomic>

#include "process/process.hpp"

namespace capos::kernel {
namespace {

constinit std::atomic<Process*> g_incoming{nullptr};
constinit Process* g_current = nullptr;

}  // namespace

void hand_to_reaper(Process& process) noexcept {
  Process* head = g_incoming.load(std::memory_order_relaxed);
  do {
    process.next_to_reap = head;
  } while (!g_incoming.compare_exchange_weak(head, &process, std::memory_order_release, std::memory_order_relaxed));
}

bool reaper_has_work() noexcept {
  return g_current != nullptr || g_incoming.load(std::memory_order_relaxed) != nullptr;
}

bool reap_step() noexcept {
  if (g_current == nullptr) {
    g_current = g_incoming.exchange(nullptr, std::memory_order_acquire);
    if (g_current == nullptr) return false;
  }
  if (g_current->reap_step()) {
    Process* const done = g_current;
    g_current = done->next_to_reap;
    done->release();
  }
  return true;
}

}  // namespace capos::kernel
