// SPDX-License-Identifier: Apache-2.0
// What a program must not do, one each.
#include "capos/runtime/system_call.hpp"
#include "child.hpp"

namespace conformance {
namespace {

constinit std::uint64_t g_data = 0xc3;  // RET, were it code
constexpr char kConstant[] = "of the read-only segment";

void read_at(std::uint64_t address) noexcept {
  (void)*reinterpret_cast<const volatile std::uint64_t*>(address);
}
void write_at(std::uint64_t address) noexcept { *reinterpret_cast<volatile std::uint64_t*>(address) = 1; }
void execute_at(std::uint64_t address) noexcept { asm volatile("call *%0" : : "r"(address) : "memory"); }

// Pushes until the stack is gone.
void exhaust_stack() noexcept { asm volatile("1:\tpush %%rax\n\tjmp 1b" : : : "memory"); }

// Unmasks division by zero and divides. (By x87: QEMU's TCG raises no exception for SSE.)
void misuse_x87() noexcept {
  const std::uint16_t control = 0x037f & ~0x4u;
  asm volatile("fninit\n\tfldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait" : : "m"(control));
}

void misuse_alignment() noexcept {
  alignas(16) char memory[32] = {};
  asm volatile("movaps (%0), %%xmm0" : : "r"(memory + 1) : "xmm0", "memory");
}

void do_it(Fault fault) noexcept {
  switch (fault) {
    case Fault::read_unmapped:
      return read_at(kUnmapped);
    case Fault::write_unmapped:
      return write_at(kUnmapped);
    case Fault::execute_unmapped:
      return execute_at(kUnmapped);
    case Fault::read_kernel:
      return read_at(kKernelAddress);
    case Fault::write_kernel:
      return write_at(kKernelAddress);
    case Fault::execute_data:
      return execute_at(reinterpret_cast<std::uint64_t>(&g_data));
    case Fault::write_text:
      return write_at(reinterpret_cast<std::uint64_t>(&commit));
    case Fault::write_constant:
      return write_at(reinterpret_cast<std::uint64_t>(kConstant));
    case Fault::write_capset:
      return write_at(abi::kCapSetAddress);
    case Fault::invalid_opcode:
      asm volatile("ud2");
      return;
    case Fault::privileged:
      asm volatile("cli");
      return;
    case Fault::port:
      asm volatile("out %%al, $0x80" : : "a"(0));
      return;
    case Fault::divide:
      asm volatile("xor %%ecx, %%ecx\n\tdiv %%ecx" : : "a"(1), "d"(0) : "ecx");
      return;
    case Fault::non_canonical:
      return read_at(0x8000'0000'0000'0000);
    case Fault::stack_overflow:
      return exhaust_stack();
    case Fault::breakpoint:
      asm volatile("int3");
      return;
    case Fault::overflow_trap:
      asm volatile("int $4");
      return;
    case Fault::x87:
      return misuse_x87();
    case Fault::alignment_fault:
      return misuse_alignment();
    case Fault::cpuid_like_rdmsr:
      asm volatile("rdmsr" : : "c"(0xc000'0080) : "eax", "edx");
      return;
    case Fault::count:
      return;
  }
}

}  // namespace

void commit(Fault fault) noexcept {
  do_it(fault);
  runtime::exit_process(94);  // it did not fault
}

}  // namespace conformance
