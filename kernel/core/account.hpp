// SPDX-License-Identifier: Apache-2.0
// Accounts of time in the scheduler's hands: making them ready, blocking them, handing them on.
#pragma once

#include "core/cpu.hpp"
#include "islands/scheduling_context.hpp"

namespace capos::kernel {

// `thread` becomes the one that runs on the account. O(1).
inline void give_account(Account account, Thread& thread) noexcept {
  thread.account = account;
  if (account.context != nullptr) account.context->owner = &thread;
  if (account.entity != nullptr) account.entity->owner = &thread;
}

// No effect on a context that was stopped.
inline void make_ready(Cpu& cpu, Account account, Time now) noexcept {
  if (account.context != nullptr && !account.context->stopped.load(std::memory_order_relaxed)) {
    cpu.scheduler.make_ready(*account.context, now);
  }
  if (account.entity != nullptr) cpu.scheduler.make_ready(*account.entity, now);
}

inline void block(Cpu& cpu, Account account, Time now) noexcept {
  if (account.context != nullptr) cpu.scheduler.block(*account.context, now);
  if (account.entity != nullptr) cpu.scheduler.block(*account.entity, now);
}

// The account a thread has of its own: its context if it is bound to one, else its best-effort entity.
[[nodiscard]] inline Account own_account(Thread& thread) noexcept {
  return thread.bound != nullptr ? Account{thread.bound, nullptr} : Account{nullptr, &thread.entity};
}

// What a new thread starts on. A context that is a recovery is not its server's to begin with.
[[nodiscard]] inline Account starting_account(Thread& thread) noexcept {
  return thread.bound != nullptr && thread.bound->recovery ? Account{nullptr, &thread.entity} : own_account(thread);
}

// What a server goes on with when a call's account has been taken from it: on a context that was stopped it would never
// finish, and others count on it.
[[nodiscard]] inline Account finishing_account(Thread& server) noexcept {
  const bool usable = server.bound != nullptr && !server.bound->stopped.load(std::memory_order_relaxed);
  return usable ? Account{server.bound, nullptr} : Account{nullptr, &server.entity};
}

}  // namespace capos::kernel
