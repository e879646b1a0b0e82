// SPDX-License-Identifier: Apache-2.0
#include "process/process.hpp"

#include <algorithm>
#include <cstring>

#include "capos/abi/ring.hpp"
#include "core/assert.hpp"
#include "core/wake.hpp"
#include "memory/object_heap.hpp"
#include "process/reaper.hpp"

namespace capos::kernel {

using schema::KernelError;

Process::Process(std::string_view name, std::uint32_t number, std::uint64_t quota_pages) noexcept
    : number_(number), name_length_(std::min(name.size(), kMaxName)), pages_(quota_pages), capabilities_(pages_) {
  std::memcpy(name_, name.data(), name_length_);
}

ResultOf<Ref<Process>, KernelError> Process::create(std::string_view name, std::uint32_t number,
                                                    std::uint64_t quota_pages, CpuId cpu) noexcept {
  Process* const process = heap_new<Process>(name, number, quota_pages);
  if (process == nullptr) return fail(KernelError::out_of_memory);
  Ref<Process> ref = Ref<Process>::adopt(process);
  process->thread_ = heap_new<Thread>(*process, cpu);
  if (process->thread_ == nullptr || !process->memory_.create(process->pages_)) {
    process->end({schema::ExitReason::killed, 0, 0});
    return fail(KernelError::out_of_memory);
  }
  return ref;
}

ResultOf<void, KernelError> Process::prepare(std::uint64_t stack_pages) noexcept {
  vector_area_ = pages_.take_page();
  if (vector_area_ == nullptr) return fail(KernelError::out_of_memory);
  thread_->user.attach_vector_area(vector_area_);

  const hal::Protection data{.write = true, .execute = false};
  Ref<MemoryObject> stack = TRY(MemoryObject::create(*this, stack_pages));
  TRY_VOID(memory_.map(abi::kStackTop - stack_pages * hal::kPageSize, stack, 0, stack_pages, data));
  ring_ = TRY(MemoryObject::create_contiguous(*this, 1 + abi::kArenaPages));
  TRY_VOID(memory_.map(abi::kRingBase, ring_, 0, 1 + abi::kArenaPages, data));
  auto* const header = static_cast<abi::RingHeader*>(ring_->kernel_address());
  header->magic = abi::kRingMagic;
  header->sq_entries = abi::kSubmissionEntries;
  header->cq_entries = abi::kCompletionEntries;
  header->arena_bytes = abi::kArenaBytes;
  return {};
}

ResultOf<void, KernelError> Process::install_capset(Ref<MemoryObject> page) noexcept {
  return memory_.map(abi::kCapSetAddress, std::move(page), 0, 1, {});
}

void Process::set_entry(std::uint64_t entry) noexcept {
  thread_->user.start(hal::UserAddress(entry), hal::UserAddress(abi::kStackTop), abi::kRingBase, number_,
                      abi::kCapSetAddress);
}

void Process::end(const ProcessExit& exit) noexcept {
  require(alive(), "a process ends once");
  exit_ = exit;
  if (thread_ != nullptr) thread_->state = ThreadState::dead;
  alive_.store(false, std::memory_order_release);
  if (Thread* const waiting = waiter.take(); waiting != nullptr) wake_for_exit(*waiting, exit_);
  acquire();  // the reaper's
  hand_to_reaper(*this);
}

bool Process::reap_step() noexcept {
  constexpr unsigned kStep = 16;
  if (!capabilities_.clear_step(kStep)) return false;
  if (!memory_.destroy_step(pages_, kStep)) return false;
  ring_ = {};
  if (vector_area_ != nullptr) pages_.give_page(vector_area_);
  vector_area_ = nullptr;
  return true;
}

void Process::release() noexcept {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (thread_ != nullptr) heap_delete(thread_);
  heap_delete(this);
}

}  // namespace capos::kernel
