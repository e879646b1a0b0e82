// SPDX-License-Identifier: Apache-2.0
#include "process/process.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "capos/abi/ring.hpp"
#include "core/assert.hpp"
#include "core/cpu.hpp"
#include "core/wake.hpp"
#include "devices/interrupt.hpp"
#include "islands/lease.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {

using schema::KernelError;

Process::Process(std::string_view name, std::uint32_t number, Ledger& ledger, Liveness* session, CpuId cpu) noexcept
    : home(cpu),
      number_(number),
      name_length_(std::min(name.size(), kMaxName)),
      ledger_(Ref<Ledger>::share(ledger)),
      session_(session == nullptr ? Ref<Liveness>() : Ref<Liveness>::share(*session)),
      capabilities_(ledger.pages()) {
  std::memcpy(name_, name.data(), name_length_);
}

ResultOf<Ref<Process>, KernelError> Process::create(std::string_view name, std::uint32_t number,
                                                    Ledger& ledger, Liveness* session, CpuId cpu) noexcept {
  Ref<Process> process = Ref<Process>::adopt(TRY(charged_new<Process>(ledger, name, number, ledger, session, cpu)));
  if (process->memory_.create(process->pages())) return process;
  return fail(process->pages().shortage());
}

ResultOf<void, KernelError> Process::begin_stack(std::uint64_t pages) noexcept {
  const hal::Protection data{.write = true, .execute = false};
  Ref<MemoryObject> stack = TRY(MemoryObject::create(*this, pages));
  return memory_.begin_map(abi::kStackTop - pages * hal::kPageSize, std::move(stack), 0, pages, data, false);
}

ResultOf<Ref<Thread>, KernelError> Process::begin_thread() noexcept {
  const auto number = static_cast<std::uint32_t>(std::countr_one(numbers_));
  if (number >= kMaxThreads) return fail(KernelError::quota_exceeded);
  Ref<Thread> thread = TRY(new_object<Thread>(*ledger_, *this, cpu(), number));
  numbers_ |= std::uint64_t{1} << number;
  return thread;
}

void Process::add_thread(Thread& thread) noexcept {
  if (!main_) main_ = Ref<Thread>::share(thread);
  thread.supervisor = supervisor_;
  thread.acquire();
  threads_.push_back(thread);
}

void Process::withdraw(Thread& thread) noexcept {
  List<Thread, ProcessTag>::erase(thread);
  thread.end({schema::ExitReason::killed, 0, 0});
  bury(thread);
}

void Process::bury(Thread& thread) noexcept {
  strip(thread);
  thread.release();
}

void Process::strip(Thread& thread) noexcept {
  if (thread.number != 0) numbers_ &= ~(std::uint64_t{1} << thread.number);  // 0 is the first thread's for good
  thread.unmap_ring();
  thread.give_back();
}

ResultOf<void, KernelError> Process::install_capset(Ref<MemoryObject> page) noexcept {
  return memory_.map(abi::kCapSetAddress, std::move(page), 0, 1, {});
}

void Process::set_entry(std::uint64_t entry) noexcept {
  main_->user.start(hal::UserAddress(entry), hal::UserAddress(abi::kStackTop), abi::kRingBase, number_,
                    abi::kCapSetAddress);
}

void Process::take_place(bool freely) noexcept {
  has_place_ = true;
  placed_freely_ = freely;
  Cpu::find(cpu())->best_effort_processes.fetch_add(1, std::memory_order_seq_cst);
}

void Process::leave_best_effort() noexcept {
  if (std::exchange(has_place_, false)) Cpu::find(cpu())->best_effort_processes.fetch_sub(1, std::memory_order_relaxed);
  delist_best_effort(*this);
}

void Process::begin_end(const ExitRecord& exit) noexcept {
  require(!ending_, "a process ends once");
  ending_ = true;
  exit_ = exit;
}

void Process::end_thread(Thread& thread) noexcept {
  List<Thread, ProcessTag>::erase(thread);
  ended_.push_back(thread);
  thread.end(exit_);
}

void Process::end() noexcept {
  require(ending_ && alive() && threads_.empty(), "a process ends once, after its threads");
  leave_best_effort();
  while (Interrupt* const interrupt = interrupts.front()) interrupt->lose_driver();  // at most Interrupt::kMostBound
  alive_.store(false, std::memory_order_release);
  if (Thread* const waiting = waiter.take(); waiting != nullptr) wake_for_exit(*waiting, exit_);
}

bool Process::reap_step() noexcept {
  constexpr unsigned kStep = 4;
  if (!report.step()) return false;
  if (!capabilities_.clear_step(kStep)) return false;
  supervisor_ = {};
  if (Thread* const thread = ended_.pop_front(); thread != nullptr) {
    thread->give_back();
    thread->release();
    return false;
  }
  return memory_.destroy_step(pages(), kStep);
}

void Process::release() noexcept {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const Ref<Ledger> ledger = ledger_;
  charged_delete(*ledger, this);
}

}  // namespace capos::kernel
