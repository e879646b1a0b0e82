// SPDX-License-Identifier: Apache-2.0
#include "core/timeouts.hpp"

#include <utility>

#include "core/cpu.hpp"

namespace capos::kernel {

void start_timeout(TimeoutQueue& queue, Timeout& timeout, Time when, Timeout::Handler handler, void* subject) noexcept {
  timeout.queue_ = &queue;
  timeout.handler_ = handler;
  timeout.subject_ = subject;
  queue.insert(timeout, when);
}

void cancel_timeout(Timeout& timeout) noexcept {
  if (timeout.queued()) timeout.queue_->remove(timeout);
}

void suspend_timeout(Timeout& timeout) noexcept {
  if (!timeout.queued()) return;
  timeout.suspended_ = timeout.when();
  timeout.queue_->remove(timeout);
}

void resume_timeout(TimeoutQueue& queue, Timeout& timeout) noexcept {
  const Time when = std::exchange(timeout.suspended_, Time::never());
  if (!when.is_never()) start_timeout(queue, timeout, when, timeout.handler_, timeout.subject_);
}

void expire_timeouts(TimeoutQueue& queue, Cpu& cpu, Time now) noexcept {
  for (unsigned left = kTimeoutsAtOnce; left != 0 && queue.earliest_time() <= now; --left) {
    Timeout& timeout = *queue.earliest();
    queue.remove(timeout);
    timeout.handler_(timeout.subject_, cpu, now);
  }
}

}  // namespace capos::kernel
