// SPDX-License-Identifier: Apache-2.0
// Further threads of this program, each with a stack of its own and a guard below it.
//
//   auto worker = Thread::start(runtime, [](void* work) { ... }, &work);      // begins to run
//   const auto end = worker->join();                                         // waits, and gives the stack back
//
// All threads of a program run on its one CPU. A program that never starts a thread pays nothing: no FS base, and
// call_ring() looks at one word. Making and joining a thread are message calls; not for realtime work.
#pragma once

#include <cstddef>
#include <cstdint>

#include "capos/runtime/runtime.hpp"
#include "capos/schema/threads.hpp"

namespace capos::runtime {

struct ThreadOptions {
  std::size_t stack_pages = 16;  // 1 to 4000
  abi::CapId context{};          // a SchedulingContext of this CPU; null: best effort
  bool passive = false;          // as ThreadFactory.create
  abi::CapId supervisor{};       // a FaultHandler; null: the process's
};

class Thread {
 public:
  using Function = void (*)(void* argument);
  using Exit = schema::Thread::Wait::Results::Value;

  // Runs function(argument) on a new thread, which ends with code 0 when that returns. What `argument` points to must
  // live as long. Errors: those of ThreadFactory.create and VirtualMemory.map; quotaExceeded too when there
  // is no place for a stack; invalidOperation if stack_pages is out of range.
  [[nodiscard]] static Result<Thread> start(const Runtime& runtime, Function function, void* argument,
                                            const ThreadOptions& options = {}) noexcept;

  Thread(Thread&& other) noexcept;
  Thread& operator=(Thread&&) = delete;
  // A thread that was not joined keeps its stack for ever.
  ~Thread() = default;

  // Waits for its end. Once. Errors: those of Thread.wait.
  [[nodiscard]] Result<Exit> join() noexcept;
  // Its own capability: wait, kill, describe.
  [[nodiscard]] Capability<schema::Thread> capability() const noexcept { return capability_.borrow(); }
  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }

 private:
  Thread() noexcept = default;
  Capability<schema::VirtualMemory> memory_;
  OwnedCapability<schema::Thread> capability_;
  std::uint32_t number_ = 0;
  unsigned slot_ = 0;
  std::size_t stack_pages_ = 0;
};

// Ends the calling thread; with the program's last thread the program ends with this code.
[[noreturn]] void exit_thread(std::uint64_t code) noexcept;

}  // namespace capos::runtime
