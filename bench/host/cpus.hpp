// SPDX-License-Identifier: Apache-2.0
// Which CPU a thread of a bench runs on, and how it waits for one on another.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <thread>

namespace capos {

// The number of the `index`th CPU that this process may use; -1 where there is none.
inline int cpu_of(unsigned index) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return -1;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed) && index-- == 0) return cpu;
  }
  return -1;
}

// Keeps this thread to that CPU. False where there is none.
inline bool pin_to(int cpu) {
  if (cpu < 0) return false;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  return pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0;
}

// Looks again at once for a while, and then lets others run: on a busy machine the peer may have no CPU.
class Patience {
 public:
  void wait() {
    if (++tries_ % 1024 == 0) std::this_thread::yield();
  }

 private:
  unsigned tries_ = 0;
};

}  // namespace capos
