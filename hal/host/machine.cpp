// SPDX-License-Identifier: Apache-2.0
#include "capos/host/machine.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "simulation.hpp"

namespace capos::host {
namespace {

std::unique_ptr<Simulation> g_simulation;

std::uint64_t whole_pages(std::uint64_t bytes) { return (bytes + hal::kPageSize - 1) / hal::kPageSize * hal::kPageSize; }

void need(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

// The CPU may take an interrupt.
SimulatedCpu& running(CpuId id) {
  Simulation& machine = simulation();
  need(!machine.off, "the machine is off");
  need(id.value() < machine.cpus, "no such CPU");
  SimulatedCpu& cpu = machine.cpu[id.value()];
  need(cpu.place == Place::user || cpu.place == Place::idle, "the CPU has not been started");
  need(!cpu.in_kernel, "the CPU is in the kernel");
  return cpu;
}

SimulatedCpu& in_user_mode(CpuId id) {
  SimulatedCpu& cpu = running(id);
  need(cpu.place == Place::user && cpu.live != nullptr, "the CPU is not in user mode");
  return cpu;
}

template <typename Upcall>
Place run(CpuId id, Upcall&& upcall) {
  Simulation& machine = simulation();
  machine.enter(id, upcall);
  return machine.off ? Place::off : machine.cpu[id.value()].place;
}

// The translation an access uses: a remembered one first, as a processor would.
const hal::Mapping* translate(SimulatedCpu& cpu, std::uint64_t address) {
  const std::uint64_t page = address & ~std::uint64_t{hal::kPageSize - 1};
  if (const auto known = cpu.remembered.find(page); known != cpu.remembered.end()) return &known->second;
  hal::Mapping found;
  if (cpu.root == 0 || !walk(cpu.root, page, found)) return nullptr;
  return &(cpu.remembered[page] = found);
}

std::byte* place_of(const hal::Mapping& mapping, std::uint64_t address) {
  const std::uint64_t frame = mapping.frame.value();
  if (frame < kMemoryBase || frame - kMemoryBase >= simulation().memory.size) {
    return simulation().registers[frame].data() + address % hal::kPageSize;
  }
  return static_cast<std::byte*>(hal::to_kernel(mapping.frame)) + address % hal::kPageSize;
}

}  // namespace

Simulation& simulation() noexcept { return *g_simulation; }
Simulation* simulation_if_any() noexcept { return g_simulation.get(); }

Simulation::Simulation(const MachineOptions& options)
    : cpus(options.cpus), entropy_kind(options.entropy), clock_step(options.clock_step) {
  need(cpus >= 1 && cpus <= kMaxCpus, "cpus: 1 to kMaxCpus");
  need(options.ram_bytes % hal::kPageSize == 0 && options.ram_bytes > 0, "ram_bytes: whole pages");
  const std::uint64_t ram = options.ram_bytes, module = options.module.size_bytes(), channel = options.channel_bytes;
  memory.size = ram + whole_pages(module) + whole_pages(channel);
  void* const mapping =
      mmap(nullptr, memory.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  need(mapping != MAP_FAILED, "no memory for the machine");
  memory.bytes = static_cast<std::byte*>(mapping);
  memory.ram = {hal::PhysicalAddress(kMemoryBase), ram};
  if (module != 0) memory.module = {hal::PhysicalAddress(kMemoryBase + ram), module};
  if (channel != 0) memory.channel = {hal::PhysicalAddress(kMemoryBase + ram + whole_pages(module)), channel};
  if (module != 0) std::memcpy(memory.bytes + ram, options.module.data(), module);
}

Simulation::~Simulation() { munmap(memory.bytes, memory.size); }

void Simulation::pass_to(Time to) {
  if (at_passing && to > now) at_passing(to);
  now = to;
}

void Simulation::note(std::string what) {
  if (violation.empty()) violation = "cpu " + std::to_string(current.value()) + ": " + std::move(what);
}

void Simulation::leave(Return how) noexcept { std::longjmp(entry->back, static_cast<int>(how)); }

Machine::Machine(const MachineOptions& options) {
  need(g_simulation == nullptr, "one Machine at a time");
  make_kernel_state_new();
  g_simulation = std::make_unique<Simulation>(options);
}

Machine::~Machine() {
  // What is live goes with the machine.
  for (SimulatedCpu& cpu : g_simulation->cpu) cpu.live = nullptr;
  g_simulation.reset();
}

Place Machine::boot() {
  Simulation& machine = simulation();
  need(machine.cpu[0].place == Place::waiting, "a machine boots once");
  hal::BootInfo info;
  info.ram = {&machine.memory.ram, 1};
  info.module = machine.memory.module;
  info.host_channel = machine.memory.channel;
  info.cpus = machine.cpus;
  info.tsc_hz = 1'000'000'000;
  return run(CpuId(0), [&] { hal::kernel_main(info); });
}

Place Machine::system_call(CpuId id) {
  hal::UserState& state = *in_user_mode(id).live;
  return run(id, [&] { hal::on_system_call(state); });
}

Place Machine::user_fault(CpuId id, const hal::FaultInfo& fault) {
  hal::UserState& state = *in_user_mode(id).live;
  return run(id, [&] { hal::on_user_fault(state, fault); });
}

Place Machine::fire(CpuId id) {
  SimulatedCpu& cpu = running(id);
  need(host::timer_due(simulation(), id), "the timer is not due");
  cpu.timer = Time::never();
  return run(id, [] { hal::on_timer(); });
}

Place Machine::deliver_mail(CpuId id) {
  SimulatedCpu& cpu = running(id);
  need(cpu.mail, "no mailbox interrupt is pending");
  cpu.mail = false;
  return run(id, [] { hal::on_mailbox(); });
}

Place Machine::device_interrupt(CpuId id, std::uint8_t number) {
  (void)running(id);
  return run(id, [&] { hal::on_device_interrupt(number); });
}

bool Machine::raise_line(std::uint8_t number) {
  need(number < kLines, "no such line");
  Line& line = simulation().lines[number];
  if (line.masked) return false;
  if (line.level) line.masked = true;
  (void)device_interrupt(line.cpu, number);
  return true;
}

bool Machine::pend_line(std::uint8_t number) {
  need(number < kLines, "no such line");
  Line& line = simulation().lines[number];
  if (line.masked) return false;
  if (line.level) line.masked = true;
  simulation().cpu[line.cpu.value()].devices.push_back(number);
  return true;
}

bool Machine::device_pending(CpuId cpu) const noexcept { return !simulation().cpu[cpu.value()].devices.empty(); }

Place Machine::raise_line_late(std::uint8_t number, CpuId at) {
  need(number < kLines, "no such line");
  Line& line = simulation().lines[number];
  if (line.level) line.masked = true;
  return device_interrupt(at, number);
}

void Machine::put_out_of_reach(CpuId cpu) noexcept { simulation().out_of_reach |= 1u << cpu.value(); }

CpuId Machine::target_of_line(std::uint8_t line) const noexcept { return simulation().lines[line].cpu; }

Place Machine::spurious_interrupt(CpuId id) {
  (void)running(id);
  return run(id, [] { hal::on_spurious(); });
}

Place Machine::kernel_fault(CpuId id, const hal::FaultInfo& fault) {
  (void)running(id);
  return run(id, [&] { hal::on_kernel_fault(fault, "registers: simulated\n", 0, 0); });
}

void Machine::at_each_relax(std::function<void()> what) { g_simulation->at_each_relax = std::move(what); }

void Machine::at_each_interrupt_let_in(std::function<void(CpuId, bool)> what) { g_simulation->at_interrupt_let_in = std::move(what); }

void Machine::at_each_interrupt_window(std::function<void(CpuId)> what) { g_simulation->at_interrupt_window = std::move(what); }

void Machine::at_each_redirection(std::function<void()> what) { g_simulation->at_redirection = std::move(what); }

void Machine::at_each_passing(std::function<void(Time)> what) { g_simulation->at_passing = std::move(what); }

void Machine::advance(Time to) {
  need(to >= simulation().now, "time does not go back");
  simulation().pass_to(to);
}

void Machine::run_to(Time to) {
  Simulation& machine = simulation();
  for (;;) {
    for (std::uint16_t id = 0; id < machine.cpus && !machine.off; ++id) {
      if (machine.cpu[id].in_kernel) continue;
      if (machine.cpu[id].mail) (void)deliver_mail(CpuId(id));
      if (!machine.off && host::timer_due(machine, CpuId(id))) (void)fire(CpuId(id));
      while (!machine.off && !machine.cpu[id].devices.empty()) {
        const std::uint8_t number = machine.cpu[id].devices.front();
        machine.cpu[id].devices.pop_front();
        (void)device_interrupt(CpuId(id), number);
      }
    }
    if (machine.off) return;
    const bool mail = std::any_of(machine.cpu.begin(), machine.cpu.end(), [](const auto& cpu) { return cpu.mail && !cpu.in_kernel; });
    if (mail || next_timer() <= machine.now) continue;
    if (next_timer() > to) break;
    machine.pass_to(next_timer());
  }
  machine.pass_to(std::max(machine.now, to));
}

Time Machine::now() const noexcept { return simulation().now; }

Time Machine::next_timer() const noexcept {
  Time earliest = Time::never();
  for (unsigned i = 0; i < cpus(); ++i) earliest = std::min(earliest, simulation().cpu[i].timer);
  return earliest;
}

unsigned Machine::cpus() const noexcept { return simulation().cpus; }
Place Machine::place(CpuId cpu) const noexcept {
  return simulation().off ? Place::off : simulation().cpu[cpu.value()].place;
}
bool Machine::timer_due(CpuId cpu) const noexcept { return host::timer_due(simulation(), cpu); }
Time Machine::timer(CpuId cpu) const noexcept { return simulation().cpu[cpu.value()].timer; }
bool Machine::mail_pending(CpuId cpu) const noexcept { return simulation().cpu[cpu.value()].mail; }
hal::UserState* Machine::live(CpuId cpu) const noexcept { return simulation().cpu[cpu.value()].live; }
bool Machine::is_off() const noexcept { return simulation().off; }
std::uint8_t Machine::exit_code() const noexcept { return simulation().exit_code; }
const std::string& Machine::console() const noexcept { return simulation().console; }
const std::string& Machine::violation() const noexcept { return simulation().violation; }
std::deque<std::uint64_t>& Machine::entropy() noexcept { return simulation().entropy; }
std::uint64_t& Machine::vectors(CpuId cpu) noexcept { return simulation().cpu[cpu.value()].vectors; }

bool Machine::load(CpuId id, hal::UserAddress address, std::uint64_t& value) {
  const hal::Mapping* const mapping = translate(in_user_mode(id), address.value());
  if (mapping == nullptr) return false;
  std::memcpy(&value, place_of(*mapping, address.value()), sizeof value);
  return true;
}

bool Machine::store(CpuId id, hal::UserAddress address, std::uint64_t value) {
  const hal::Mapping* const mapping = translate(in_user_mode(id), address.value());
  if (mapping == nullptr || !mapping->protection.write) return false;
  std::memcpy(place_of(*mapping, address.value()), &value, sizeof value);
  return true;
}

std::string Machine::stale_translation() const {
  for (unsigned id = 0; id < cpus(); ++id) {
    const SimulatedCpu& cpu = simulation().cpu[id];
    for (const auto& [page, known] : cpu.remembered) {
      hal::Mapping now;
      if (walk(cpu.root, page, now) && now.frame == known.frame && now.protection.write == known.protection.write &&
          now.protection.execute == known.protection.execute) {
        continue;
      }
      return "cpu " + std::to_string(id) + " remembers a translation of page " + std::to_string(page) + " that is gone";
    }
  }
  return {};
}

}  // namespace capos::host
