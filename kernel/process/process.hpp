// SPDX-License-Identifier: Apache-2.0
// A process: an address map, a capability table, an account of memory, and (for now) one thread.
//
// Life: created -> started -> ended (its thread is dead, its exit recorded) -> reaped in steps by a housekeeping CPU ->
// freed with the last Ref. Whoever builds it, its own CPU, and the reaper use it one after another, never together.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "capos/base/list.hpp"
#include "memory/virtual_memory.hpp"
#include "objects/capability_table.hpp"
#include "process/thread.hpp"

namespace capos::kernel {

struct ProcessExit {
  schema::ExitReason reason = schema::ExitReason::exited;
  std::int64_t code = 0;
  std::uint64_t address = 0;
};

class Process {
 public:
  static constexpr std::size_t kMaxName = 31;

  // One reference, the creator's. Errors: out_of_memory. The quota covers everything the process takes.
  [[nodiscard]] static ResultOf<Ref<Process>, schema::KernelError> create(std::string_view name, std::uint32_t number,
                                                                          std::uint64_t quota_pages, CpuId cpu) noexcept;

  [[nodiscard]] std::string_view name() const noexcept { return {name_, name_length_}; }
  // The number its trace events carry.
  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
  [[nodiscard]] Thread& thread() noexcept { return *thread_; }
  [[nodiscard]] PageSource& pages() noexcept { return pages_; }
  [[nodiscard]] AddressMap& memory() noexcept { return memory_; }
  [[nodiscard]] CapabilityTable& capabilities() noexcept { return capabilities_; }
  // The thread's ring page, arena behind it, as the kernel sees them.
  [[nodiscard]] void* ring() const noexcept { return ring_->kernel_address(); }

  // Maps stack, ring, arena and vector state. Errors: out_of_memory.
  [[nodiscard]] ResultOf<void, schema::KernelError> prepare(std::uint64_t stack_pages) noexcept;
  // Hands the CapSet over and sets the entry state.
  [[nodiscard]] ResultOf<void, schema::KernelError> install_capset(Ref<MemoryObject> page) noexcept;
  void set_entry(std::uint64_t entry) noexcept;

  // By the thread's own CPU, once: records the exit and hands the remains to the reaper.
  void end(const ProcessExit& exit) noexcept;
  [[nodiscard]] bool alive() const noexcept { return alive_.load(std::memory_order_acquire); }
  [[nodiscard]] const ProcessExit& exit_record() const noexcept { return exit_; }
  WaitSlot waiter;  // for the end

  // Gives back a bounded part of what it holds; true when all is gone.
  [[nodiscard]] bool reap_step() noexcept;

  void acquire() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept;

  Process* next_to_reap = nullptr;

 private:
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;

  Process(std::string_view name, std::uint32_t number, std::uint64_t quota_pages) noexcept;
  ~Process() = default;

  std::atomic<std::uint32_t> references_{1};
  std::atomic<bool> alive_{true};
  std::uint32_t number_;
  std::size_t name_length_ = 0;
  char name_[kMaxName + 1] = {};
  PageSource pages_;
  AddressMap memory_;
  CapabilityTable capabilities_;
  Thread* thread_ = nullptr;
  void* vector_area_ = nullptr;
  Ref<MemoryObject> ring_;
  ProcessExit exit_;
};

}  // namespace capos::kernel
