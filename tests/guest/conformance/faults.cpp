// SPDX-License-Identifier: Apache-2.0
// Each fault of a program ends that program alone, with the right vector and address; threads keep their
// vectors.
#include "harness.hpp"

namespace conformance {
namespace {

constexpr std::int64_t kDivide = 0, kBreakpoint = 3, kInvalid = 6, kGeneral = 13, kPageFault = 14, kX87 = 16;

void expect_fault(Guest& guest, Fault fault, std::int64_t vector, std::uint64_t address) noexcept {
  Child child(guest, {.role = Role::fault, .argument = static_cast<std::uint32_t>(fault)});
  CHECK(child.faults(vector, address));
}

template <Fault kFault, std::int64_t kVector, std::uint64_t kAddress = 0>
void faults_with(Guest& guest) noexcept {
  expect_fault(guest, kFault, kVector, kAddress);
}

// The address lies somewhere in the program: only its page range is known here.
template <Fault kFault>
void page_fault_in_program(Guest& guest) noexcept {
  Child child(guest, {.role = Role::fault, .argument = static_cast<std::uint32_t>(kFault)});
  CHECK(child.ends(schema::ExitReason::fault, kPageFault));
  const auto end = child.process()->wait();
  CHECK(end.has_value() && end->address >= abi::kProgramBase && end->address < abi::kProgramBase + (1 << 24));
}

void stack_overflow(Guest& guest) noexcept {
  constexpr std::uint64_t kStackBytes = 16 * kPage;
  Child child(guest, {.role = Role::fault, .argument = static_cast<std::uint32_t>(Fault::stack_overflow)});
  CHECK(child.ends(schema::ExitReason::fault, kPageFault));
  const auto end = child.process()->wait();
  CHECK(end.has_value());
  CHECK(end->address < abi::kStackTop - kStackBytes && end->address >= abi::kStackTop - kStackBytes - kPage);
}

void others_go_on(Guest& guest) noexcept {
  Shared out(guest);
  const Grant grants[] = {{"out", out.cap()}};
  Child bystander(guest, {.role = Role::compute, .grants = grants});
  CHECK(out.reaches(0, 1));
  for (std::uint32_t fault = 0; fault < static_cast<std::uint32_t>(Fault::count); ++fault) {
    Child child(guest, {.role = Role::fault, .argument = fault});
    const auto end = child.process()->wait();
    CHECK(end.has_value() && end->reason == schema::ExitReason::fault);
  }
  const std::uint64_t before = out.word(0);
  CHECK(out.reaches(0, before + 1));
  CHECK(bystander.alive());
}

void faults_on_other_cpus(Guest& guest) noexcept {
  for (std::uint16_t cpu = 1; cpu < guest.cpus; ++cpu) {
    Child child(
        guest, {.role = Role::fault, .argument = static_cast<std::uint32_t>(Fault::read_kernel), .cpu = cpu});
    CHECK(child.faults(kPageFault, kKernelAddress));
  }
}

constexpr Case kCases[] = {
    {"fault read of nothing", faults_with<Fault::read_unmapped, kPageFault, kUnmapped>},
    {"fault write of nothing", faults_with<Fault::write_unmapped, kPageFault, kUnmapped>},
    {"fault execution of nothing", faults_with<Fault::execute_unmapped, kPageFault, kUnmapped>},
    {"fault read of the kernel", faults_with<Fault::read_kernel, kPageFault, kKernelAddress>},
    {"fault write of the kernel", faults_with<Fault::write_kernel, kPageFault, kKernelAddress>},
    {"fault execution of data", page_fault_in_program<Fault::execute_data>},
    {"fault write of code", page_fault_in_program<Fault::write_text>},
    {"fault write of constants", page_fault_in_program<Fault::write_constant>},
    {"fault write of the CapSet", faults_with<Fault::write_capset, kPageFault, abi::kCapSetAddress>},
    {"fault invalid instruction", faults_with<Fault::invalid_opcode, kInvalid>},
    {"fault privileged instruction", faults_with<Fault::privileged, kGeneral>},
    {"fault port", faults_with<Fault::port, kGeneral>},
    {"fault model register", faults_with<Fault::cpuid_like_rdmsr, kGeneral>},
    {"fault division", faults_with<Fault::divide, kDivide>},
    {"fault non-canonical address", faults_with<Fault::non_canonical, kGeneral>},
    {"fault stack overflow meets the guard", stack_overflow},
    {"fault breakpoint", faults_with<Fault::breakpoint, kBreakpoint>},
    {"fault interrupt instruction", faults_with<Fault::overflow_trap, kGeneral>},
    {"fault x87 division", faults_with<Fault::x87, kX87>},
    {"fault misaligned vector", faults_with<Fault::alignment_fault, kGeneral>},
    {"fault leaves others alone", others_go_on},
    {"fault on other CPUs", faults_on_other_cpus},
};

// Neighbours on one CPU, preempted in each other's favour.
void vectors_kept(Guest& guest, std::uint16_t cpu) noexcept {
  Child a(guest, {.role = Role::vectors, .argument = 1, .cpu = cpu});
  Child b(guest, {.role = Role::vectors, .argument = 2, .cpu = cpu});
  Child c(guest, {.role = Role::vectors, .argument = 3, .cpu = cpu});
  CHECK(a.exits(0));
  CHECK(b.exits(0));
  CHECK(c.exits(0));
}
void vectors_here(Guest& guest) noexcept { vectors_kept(guest, 0); }
void vectors_elsewhere(Guest& guest) noexcept {
  for (std::uint16_t cpu = 1; cpu < guest.cpus; ++cpu) vectors_kept(guest, cpu);
}

constexpr Case kVectorCases[] = {
    {"vectors survive preemption", vectors_here},
    {"vectors survive preemption on other CPUs", vectors_elsewhere},
};

}  // namespace

std::span<const Case> fault_cases() noexcept { return kCases; }
std::span<const Case> vector_state_cases() noexcept { return kVectorCases; }

}  // namespace conformance
