// SPDX-License-Identifier: Apache-2.0
// How one CPU asks another: a wait-free stack of mail, and an interrupt when it becomes non-empty.
//
// Invariants: a Mail is in at most one box at a time (`posted`); its sender must not post it again before it was
// delivered. Bounds: post O(1); delivery O(mail waiting). No lock.
#pragma once

#include <atomic>
#include <cstdint>

#include "capos/base/strong.hpp"
#include "core/home.hpp"

namespace capos::kernel {

struct Mail {
  // Runs on the receiving CPU.
  using Handler = void (*)(void* subject) noexcept;
  Handler handler = nullptr;
  void* subject = nullptr;
  Mail* next = nullptr;
  std::atomic<bool> posted{false};
};

class Mailbox {
 public:
  // True if the box was empty: the receiver needs an interrupt.
  bool push(Mail& mail) noexcept {
    Mail* head = head_.load(std::memory_order_relaxed);
    do {
      mail.next = head;
    } while (!head_.compare_exchange_weak(head, &mail, std::memory_order_release, std::memory_order_relaxed));
    return head == nullptr;
  }
  [[nodiscard]] bool is_empty() const noexcept { return head_.load(std::memory_order_acquire) == nullptr; }
  // All mail, oldest first.
  [[nodiscard]] Mail* take_all() noexcept {
    Mail* newest = head_.exchange(nullptr, std::memory_order_acquire);
    Mail* oldest = nullptr;
    while (newest != nullptr) {
      Mail* const next = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = next;
    }
    return oldest;
  }

 private:
  std::atomic<Mail*> head_{nullptr};
};

// Runs handler(subject) on `cpu`; at once if that is this CPU. False if this mail is still under way.
bool post(CpuId cpu, Mail& mail, Mail::Handler handler, void* subject) noexcept;
// The same, and never at once: by an interrupt, on this CPU too. For the rest of what takes long.
bool post_later(CpuId cpu, Mail& mail, Mail::Handler handler, void* subject) noexcept;
// Runs handler(subject) on the CPU where it lives; at once if that is this one. A handler that finds that its subject lives elsewhere by now,
// or has not arrived yet, sends the mail on by the same; it may be sent on again for each time that the subject moves, which is
// no more often than moving.hpp says. False if this mail is still under way.
bool post_to(const Home& home, Mail& mail, Mail::Handler handler, void* subject) noexcept;

}  // namespace capos::kernel
