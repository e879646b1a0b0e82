// SPDX-License-Identifier: Apache-2.0
#include "capos/runtime/thread.hpp"

#include <bit>
#include <new>
#include <utility>

#include "capos/runtime/mapping.hpp"
#include "capos/runtime/system_call.hpp"

// thread_start.S
extern "C" void capos_thread_entry();

namespace capos::runtime {
namespace {

// What FS base points to. The pointer to itself comes first, as the System V ABI has it for threads.
struct ThreadBlock {
  ThreadBlock* self = nullptr;
  CallRing ring;
  Thread::Function function = nullptr;
  void* argument = nullptr;
};

constinit ThreadBlock g_main;
// From the first start() on every thread has a block; before, there is only the first.
constinit bool g_many = false;

// Stacks lie in places of their own, far apart: what is not mapped in between guards them.
constexpr std::uint64_t kStackArea = abi::kStackTop + 0x1000'0000;
constexpr std::uint64_t kStackStride = 0x100'0000;
constexpr std::size_t kMostStackPages = 4000;
constexpr std::size_t kPage = 4096;
static_assert(kStackArea + 64 * kStackStride < abi::kUserEnd && (kMostStackPages + 2) * kPage < kStackStride);
constinit std::uint64_t g_stacks = 0;  // bit n: place n is taken

// With room for the block above it.
constexpr std::size_t stack_bytes(std::size_t pages) noexcept {
  return (pages + (sizeof(ThreadBlock) + kPage - 1) / kPage) * kPage;
}

// 64: none is free.
unsigned take_slot() noexcept {
  std::uint64_t taken = __atomic_load_n(&g_stacks, __ATOMIC_RELAXED);
  for (;;) {
    const auto slot = static_cast<unsigned>(std::countr_one(taken));
    if (slot == 64) return slot;
    if (__atomic_compare_exchange_n(&g_stacks, &taken, taken | std::uint64_t{1} << slot, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED)) {
      return slot;
    }
  }
}

void give_slot(unsigned slot) noexcept { __atomic_and_fetch(&g_stacks, ~(std::uint64_t{1} << slot), __ATOMIC_ACQ_REL); }

std::uint64_t stack_top(unsigned slot) noexcept { return kStackArea + (slot + 1) * kStackStride; }

// The first thread gets its block.
Result<void> become_many(const Runtime& runtime) noexcept {
  if (g_many) return {};
  g_main.self = &g_main;
  (void)TRY(runtime.need<schema::ThreadControl>("self.thread")->set_fs_base(reinterpret_cast<std::uint64_t>(&g_main)));
  g_many = true;
  return {};
}

CallError no_slot() noexcept {
  return {schema::TransportError::exception, schema::ExceptionType::overloaded,
          static_cast<std::uint16_t>(schema::KernelError::quota_exceeded)};
}

}  // namespace

CallRing& call_ring() noexcept {
  if (!g_many) [[likely]] return g_main.ring;
  ThreadBlock* block;
  asm("mov %%fs:0, %0" : "=r"(block));
  return block->ring;
}

Thread::Thread(Thread&& other) noexcept
    : memory_(other.memory_),
      capability_(std::move(other.capability_)),
      number_(other.number_),
      slot_(other.slot_),
      stack_pages_(std::exchange(other.stack_pages_, 0)) {}

Result<Thread> Thread::start(const Runtime& runtime, Function function, void* argument,
                             const ThreadOptions& options) noexcept {
  TRY_VOID(become_many(runtime));
  Thread thread;
  thread.memory_ = runtime.need<schema::VirtualMemory>("self.memory");
  if (options.stack_pages == 0 || options.stack_pages > kMostStackPages) {
    return fail(CallError{.transport = schema::TransportError::invalid_operation});
  }
  thread.slot_ = take_slot();
  if (thread.slot_ == 64) return fail(no_slot());
  const std::uint64_t top = stack_top(thread.slot_);
  const std::uint64_t bytes = stack_bytes(options.stack_pages);
  const auto mapped = thread.memory_->map(top - bytes, bytes, static_cast<std::uint32_t>(Access::read_write));
  if (!mapped.has_value()) {
    give_slot(thread.slot_);
    return fail(mapped.error());
  }
  auto* const block = ::new (reinterpret_cast<void*>(top - sizeof(ThreadBlock))) ThreadBlock;
  block->self = block;
  block->function = function;
  block->argument = argument;
  const auto at = reinterpret_cast<std::uint64_t>(block);
  auto made = runtime.need<schema::ThreadFactory>("self.threads")->create([&](auto params, Transfers& transfers) {
    params.set_entry(reinterpret_cast<std::uint64_t>(&capos_thread_entry));
    params.set_stack_top(at & ~std::uint64_t{15});
    params.set_argument(at);
    params.set_fs_base(at);
    params.set_passive(options.passive);
    if (!options.supervisor.is_null()) params.set_supervisor(transfers.add(options.supervisor));
    if (!options.context.is_null()) params.set_context(transfers.add(options.context));
  });
  if (!made.has_value()) {
    (void)thread.memory_->unmap(top - bytes, bytes);
    give_slot(thread.slot_);
    return fail(made.error());
  }
  thread.stack_pages_ = options.stack_pages;
  thread.number_ = made->reader().number();
  thread.capability_ = made->template capability<schema::Thread>(made->reader().thread());
  return thread;
}

Result<Thread::Exit> Thread::join() noexcept {
  const auto end = TRY(capability_->wait());
  if (stack_pages_ != 0) {
    const std::uint64_t bytes = stack_bytes(std::exchange(stack_pages_, 0));
    (void)memory_->unmap(stack_top(slot_) - bytes, bytes);
    give_slot(slot_);
  }
  return end;
}

void exit_thread(std::uint64_t code) noexcept {
  Registers registers;
  registers.operation = static_cast<std::uint64_t>(abi::SystemCall::exit_thread);
  registers.words[0] = code;
  enter_kernel(registers);
  __builtin_unreachable();
}

}  // namespace capos::runtime

// Where capos_thread_entry arrives.
extern "C" [[noreturn]] void capos_thread_main(std::uint64_t ring, std::uint64_t /*number*/, void* argument) {
  using namespace capos::runtime;
  auto& block = *static_cast<ThreadBlock*>(argument);
  block.ring.attach(ring);
  block.function(block.argument);
  exit_thread(0);
}
