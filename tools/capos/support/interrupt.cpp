// SPDX-License-Identifier: Apache-2.0
#include "interrupt.hpp"

#include <csignal>

namespace capos::cli {
namespace {

volatile std::sig_atomic_t interrupt_count = 0;

void on_signal(int number) {
  if (interrupt_count != 0) {
    std::signal(number, SIG_DFL);
    std::raise(number);
  }
  interrupt_count = 1;
}

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return interrupt_count != 0; }

}  // namespace capos::cli
