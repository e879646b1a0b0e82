// SPDX-License-Identifier: Apache-2.0
#include "capos/host/steps.hpp"

#include <ucontext.h>

#include <exception>
#include <stdexcept>
#include <utility>

#include "accesses.hpp"
#include "simulation.hpp"

namespace capos::host {

struct SteppedEntry::Stack {
  static constexpr std::size_t kBytes = 256 * 1024;
  std::function<void()> enters;
  std::unique_ptr<std::byte[]> memory = std::make_unique_for_overwrite<std::byte[]>(kBytes);
  ucontext_t here{}, driver{};
  // The machine's, while this one runs.
  Entry* entry = nullptr;
  CpuId current{};
  std::optional<Access> stands_before;
  std::exception_ptr failure;
  bool left = false;

  void go_on();
  void stop(const Access& access);
};

namespace {

SteppedEntry::Stack* g_running = nullptr;
std::function<bool(const Access&)> g_watched;

void swap_machine(Entry*& entry, CpuId& current) {
  std::swap(simulation().entry, entry);
  std::swap(simulation().current, current);
}

void begin() {
  SteppedEntry::Stack& running = *g_running;
  try {
    running.enters();
  } catch (...) {
    running.failure = std::current_exception();
  }
  running.left = true;
  // Comes back at the driver (uc_link).
}

}  // namespace

void SteppedEntry::Stack::go_on() {
  stands_before.reset();
  g_running = this;
  swap_machine(entry, current);
  if (swapcontext(&driver, &here) != 0) throw std::runtime_error("swapcontext");
  swap_machine(entry, current);
  g_running = nullptr;
  if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
}

void SteppedEntry::Stack::stop(const Access& access) {
  stands_before = access;
  (void)swapcontext(&here, &driver);
}

void watch_accesses(std::function<bool(const Access&)> which) { g_watched = std::move(which); }

void before_access(const Access& access) noexcept {
  if (g_running != nullptr && g_watched && g_watched(access)) g_running->stop(access);
}

SteppedEntry::SteppedEntry(std::function<void()> enters) : stack_(std::make_unique<Stack>()) {
  stack_->enters = std::move(enters);
  if (getcontext(&stack_->here) != 0) throw std::runtime_error("getcontext");
  stack_->here.uc_stack.ss_sp = stack_->memory.get();
  stack_->here.uc_stack.ss_size = Stack::kBytes;
  stack_->here.uc_link = &stack_->driver;
  makecontext(&stack_->here, begin, 0);
  stack_->go_on();
}

SteppedEntry::~SteppedEntry() = default;

bool SteppedEntry::has_left() const noexcept { return stack_->left; }
std::optional<Access> SteppedEntry::next() const noexcept { return stack_->stands_before; }

void SteppedEntry::step() {
  if (stack_->left) throw std::logic_error("the kernel has been left");
  stack_->go_on();
}

}  // namespace capos::host
