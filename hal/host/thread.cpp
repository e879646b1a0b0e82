// SPDX-License-Identifier: Apache-2.0
// thread.hpp of the contract: which program state is live on a simulated CPU.
//
// Vector state is one word, moved between the CPU and the thread's area as eagerly as on real hardware, so that a
// thread that is not switched shows.
#include "capos/hal/thread.hpp"

#include <array>
#include <cstring>

#include "simulation.hpp"

namespace capos::hal {

using host::Return;
using host::SimulatedCpu;
using host::simulation;

namespace {

void save_vectors(const SimulatedCpu& cpu) noexcept {
  if (cpu.live->vector_area() != nullptr) std::memcpy(cpu.live->vector_area(), &cpu.vectors, sizeof cpu.vectors);
}

void load_space(SimulatedCpu& cpu, std::uint64_t root) noexcept {
  if (cpu.root == root) return;
  cpu.root = root;
  cpu.remembered.clear();
}

}  // namespace

UserState::~UserState() {
  auto* const machine = host::simulation_if_any();
  if (machine == nullptr) return;
  for (const SimulatedCpu& cpu : machine->cpu) {
    if (cpu.live == this) machine->note("a thread's state goes while it is live");
  }
}

void UserState::start(UserAddress entry, UserAddress stack, std::uint64_t arg0, std::uint64_t arg1,
                      std::uint64_t arg2) noexcept {
  instruction_pointer_ = entry.value() < abi::kUserEnd ? entry.value() : 0;
  stack_pointer_ = stack.value();
  operation_ = 0;
  cap_ = arg0;
  interface_id_ = arg1;
  for (auto& word : words_) word = 0;
  words_[0] = arg2;
  thread_pointer_ = {};
}

void set_thread_pointer(UserState& state, UserAddress value) noexcept {
  if (value.value() >= abi::kUserEnd) simulation().note("a thread pointer outside user space");
  state.thread_pointer_ = value;
}

void UserState::attach_vector_area(void* page) noexcept {
  vector_area_ = page;
  if (page != nullptr) std::memset(page, 0, kPageSize);
}

bool UserState::register_at(unsigned index, std::string_view& name, std::uint64_t& value) const noexcept {
  constexpr std::array<std::string_view, 5> kNames = {"operation", "cap", "interface", "ip", "sp"};
  const std::array values = {operation_, cap_, interface_id_, instruction_pointer_, stack_pointer_};
  if (index >= kNames.size()) return false;
  name = kNames[index];
  value = values[index];
  return true;
}

void switch_user(UserState& state, AddressSpace& space) noexcept {
  auto& machine = simulation();
  SimulatedCpu& cpu = machine.here();
  for (const SimulatedCpu& other : machine.cpu) {
    if (&other != &cpu && other.live == &state) machine.note("a thread goes live on two CPUs");
  }
  if (space.root().value() == 0) machine.note("a thread goes live without an address space");
  load_space(cpu, space.root().value());
  if (cpu.live == &state) return;
  if (state.vector_area() == nullptr) machine.note("a thread goes live without a vector area");
  if (cpu.live != nullptr) save_vectors(cpu);
  cpu.live = &state;
  if (state.vector_area() != nullptr) std::memcpy(&cpu.vectors, state.vector_area(), sizeof cpu.vectors);
}

void switch_user_between(UserState& from, UserState& to, AddressSpace& space) noexcept {
  if (simulation().here().live != &from) simulation().note("a switch from a thread that is not live");
  if (&from == &to) simulation().note("a switch from a thread to itself");
  switch_user(to, space);
}

void forget_user(UserState& state) noexcept {
  SimulatedCpu& cpu = simulation().here();
  if (cpu.live != &state) return;
  cpu.live = nullptr;
  load_space(cpu, 0);
}

void leave_user() noexcept {
  SimulatedCpu& cpu = simulation().here();
  if (cpu.live != nullptr) save_vectors(cpu);
  cpu.live = nullptr;
  load_space(cpu, 0);
}

void resume_user() noexcept {
  auto& machine = simulation();
  if (machine.here().live == nullptr) machine.note("user mode is entered without a live thread");
  machine.here().place = host::Place::user;
  machine.leave(Return::left);
}

}  // namespace capos::hal
