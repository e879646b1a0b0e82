// SPDX-License-Identifier: Apache-2.0
#include "core/timeouts.hpp"

#include <utility>

#include "core/cpu.hpp"

namespace capos::kernel {

void start_timeout(Cpu& cpu, Timeout& timeout, Time when, Timeout::Handler handler, void* subject) noexcept {
  timeout.handler_ = handler;
  timeout.subject_ = subject;
  cpu.timeouts.insert(timeout, when);
}

void cancel_timeout(Cpu& cpu, Timeout& timeout) noexcept {
  if (timeout.queued()) cpu.timeouts.remove(timeout);
}

void suspend_timeout(Cpu& cpu, Timeout& timeout) noexcept {
  if (!timeout.queued()) return;
  timeout.suspended_ = timeout.when();
  cpu.timeouts.remove(timeout);
}

void resume_timeout(Cpu& cpu, Timeout& timeout) noexcept {
  const Time when = std::exchange(timeout.suspended_, Time::never());
  if (!when.is_never()) cpu.timeouts.insert(timeout, when);
}

void expire_timeouts(Cpu& cpu, Time now) noexcept {
  for (unsigned left = kTimeoutsAtOnce; left != 0 && cpu.timeouts.earliest_time() <= now; --left) {
    Timeout& timeout = *cpu.timeouts.earliest();
    cpu.timeouts.remove(timeout);
    timeout.handler_(timeout.subject_, cpu, now);
  }
}

}  // namespace capos::kernel
