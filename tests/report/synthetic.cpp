// SPDX-License-Identifier: Apache-2.0
#include "synthetic.hpp"

#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <vector>

namespace capos::report::synthetic {
namespace {

constexpr std::uint64_t kFaultAt = 400 * kMs;

TaskInput task_input(const char* name, const char* service, std::uint32_t task, std::uint64_t budget,
                     std::uint64_t bound) {
  TaskInput input;
  input.name = name;
  input.service = service;
  input.source = task_source(0, task);
  input.cpu = 1;
  input.priority = task == 0 ? 201 : 200;
  input.period_numerator = 1;
  input.period_denominator = 1000;
  input.deadline_ns = kMs;
  input.budget_ns = budget;
  input.response_bound_ns = bound;
  input.on_miss = "hold";
  input.on_overrun = "hold";
  return input;
}

PendulumInput pendulum_input() {
  PendulumInput pendulum;
  pendulum.max_effort = 20;
  pendulum.command_expiry_ns = 3 * kMs;
  pendulum.hold_ns = 5 * kMs;
  pendulum.pushes = {{200 * kMs, 30 * kMs, 4.0}, {600 * kMs, 30 * kMs, -6.0}};
  return pendulum;
}

MachineInfo machine_info() {
  MachineInfo machine;
  machine.description = "QEMU q35, deterministic (instruction counting)";
  machine.accel = "tcg";
  machine.accel_reason = "KVM: absent";
  machine.quantum_ns = 2000;
  machine.budget_tolerance_ns = 4000;
  machine.cpus = 2;
  machine.memory_bytes = 256u << 20;
  machine.kernel_version = "capOS 0.1.0";
  machine.mitigations = {"W^X checked at boot"};
  machine.qemu_version = "7.2";
  machine.host = "test";
  machine.command_line =
      "qemu-system-x86_64 -machine q35 -accel tcg -icount shift=0,sleep=off -cpu max,+rdtscp -smp 2";
  return machine;
}

void add_job(Recording& recording, const Job& job) { recording.events.push_back(job.to_event()); }

void add_plant(Recording& recording, std::uint64_t k, std::uint64_t time, Story story) {
  const double t = static_cast<double>(k) / 1000.0;
  const auto push = [&](double at, double size) {
    return t < at ? 0.0 : size * std::exp(-(t - at) * 9) * std::sin((t - at) * 14);
  };
  double angle = 0.05 * std::exp(-t * 8) + push(0.2, 0.06) + push(0.6, -0.09);
  double effort = -60 * angle;
  auto state = DriveState::driving;
  if (story != Story::good && k > 400) {
    const double since = t - 0.4;
    angle += 0.01 * std::exp(since * 8);
    state = k <= 403 ? DriveState::driving : k <= 408 ? DriveState::holding : DriveState::released;
    if (state == DriveState::released) effort = 0;
  }
  const auto bits = [](double x) { return std::bit_cast<std::uint64_t>(x); };
  recording.events.push_back({time,
                              Kind::user,
                              1,
                              user_source(kUserCodePlant, kPlantProgram),
                              {bits(-angle / 2), bits(angle), bits(angle), bits(-2 * angle), bits(effort),
                               static_cast<std::uint64_t>(state)}});
}

void add_hanging_control(Recording& recording, std::uint64_t k) {
  const std::uint64_t release = kStart + k * kMs;
  const std::uint32_t control = task_source(0, 1);
  const std::uint64_t spent = release + 165'000;
  recording.events.push_back({spent, Kind::overrun, 1, control, {k, 120'300, 0, 0, 0, 0}});
  recording.events.push_back({spent, Kind::consequence, 1, control, {2, k, 0, 0, 0, 0}});
  recording.events.push_back(
      {release + kMs,
       Kind::miss,
       1,
       control,
       {release + kMs, k, static_cast<std::uint64_t>(Cause::budget_spent), kNobody, 0, 0}});
  Job job = job_of(1, k);
  job.finish_ns = release + kMs;
  job.consumed_ns = 120'300;
  job.overran = job.abandoned = true;
  job.cause = Cause::budget_spent;
  add_job(recording, job);
}

void add_control(Recording& recording, std::uint64_t k, Story story) {
  const bool faulty = story != Story::good && k * kMs >= kFaultAt;
  if (!faulty) return add_job(recording, job_of(1, k));
  if (story == Story::hang) return add_hanging_control(recording, k);
  if (k * kMs != kFaultAt) return;
  const std::uint64_t now = kStart + k * kMs + 50'000;
  recording.events.push_back(
      {now, Kind::fault, 1, kProgramBit | kControllerProgram, {14, 6, 0x401234, 0, 0, 0}});
  recording.events.push_back({now, Kind::exit, 1, kProgramBit | kControllerProgram, {1, 14, 0, 0, 0, 0}});
}

void fill_header(Recording& recording, std::uint64_t periods) {
  ChannelSnapshot& header = recording.header;
  header.state = RunState::finished;
  header.capacity = recording.events.size() + 100;
  header.written = recording.events.size();
  header.now_ns = kStart + periods * kMs + 500'000;
  header.islands_start_ns = kStart;
  header.features = 0b1'0000'0001'1111;  // nx smep smap umip xsave rdtscp
  header.tsc_hz = 1'000'000'000;
  header.cpus.resize(2);
  header.cpus[1].interrupts_island[0] = periods;
  header.cpus[1].interrupts_island[5] = 2;
  header.cpus[0].interrupts[3] = 77 * periods;
  header.cpus[1].idle_ns = periods * 850'000;
  header.cpus[1].context_switches = 2 * periods;
}

}  // namespace

RunInputs demo_inputs() {
  RunInputs inputs;
  inputs.title = "demo";
  inputs.manifest = "configs/demo.capnp";
  inputs.load = "all";
  inputs.machine = machine_info();
  inputs.services = {{"plant", kPlantProgram}, {"controller", kControllerProgram}};
  IslandInput island;
  island.name = "balance";
  island.cpus = {1};
  island.tasks = {task_input("simulate", "plant", 0, 80'000, 95'000),
                  task_input("control", "controller", 1, 120'000, 230'000)};
  island.chains = {{"angle-to-force", {"simulate", "control"}, 1'500'000, 1'230'000, false}};
  inputs.islands = {island};
  inputs.pendulum = pendulum_input();
  inputs.end.exit_code = 0;
  return inputs;
}

Job job_of(std::uint32_t task, std::uint64_t index) {
  Job job;
  job.source = task_source(0, task);
  job.cpu = 1;
  job.index = static_cast<std::uint32_t>(index);
  job.release_ns = kStart + index * kMs;
  job.deadline_ns = job.release_ns + kMs;
  const std::uint64_t response = task == 0 ? 40'000 + 10 * (index % 100) : 100'000 + 20 * (index % 100);
  job.start_ns = job.release_ns + (task == 0 ? 1'000 : 42'000) + index % 1'000;
  job.finish_ns = job.release_ns + response;
  job.consumed_ns = response - (task == 0 ? 2'000 : 43'000);
  return job;
}

Recording demo_recording(std::uint64_t periods, Story story) {
  Recording recording;
  const auto boot = [&](std::uint64_t milestone, std::uint64_t time, std::uint64_t tsc) {
    recording.events.push_back({time, Kind::boot, 0, 0, {milestone, tsc, 0, 0, 0, 0}});
  };
  boot(0, 0, 100'000);
  boot(1, 10'000, 200'000);
  boot(2, 10'010'000, 10'200'000);
  boot(4, 12'000'000, 12'300'000);
  boot(5, kStart, 40'100'000);
  recording.events.push_back({kStart, Kind::island, 0, 0, {1, 0, 0, 0, 0, 0}});
  for (std::uint64_t k = 0; k < periods; ++k) {
    const Job simulate = job_of(0, k);
    add_plant(recording, k, simulate.finish_ns - 500, story);
    add_job(recording, simulate);
    add_control(recording, k, story);
  }
  recording.events.push_back({kStart + periods * kMs + 100, Kind::island, 0, 0, {2, 0, 0, 0, 0, 0}});
  fill_header(recording, periods);
  return recording;
}

std::filesystem::path write_channel(const Recording& recording, const std::string& name) {
  abi::HostChannelHeader header{};
  header.magic = abi::kHostChannelMagic;
  header.version = 1;
  header.state = static_cast<std::uint32_t>(recording.header.state);
  header.capacity = recording.header.capacity;
  header.written = recording.events.size();
  header.dropped = recording.header.dropped;
  header.now_ns = recording.header.now_ns;
  header.islands_start_ns = recording.header.islands_start_ns;
  header.cpus = static_cast<std::uint32_t>(recording.header.cpus.size());
  header.features = recording.header.features;
  header.tsc_hz = recording.header.tsc_hz;
  for (std::size_t i = 0; i < recording.header.cpus.size() && i < kMaxCpus; ++i) {
    const CpuCounters& from = recording.header.cpus[i];
    abi::HostCpuCounters& to = header.per_cpu[i];
    std::copy(from.interrupts.begin(), from.interrupts.end(), to.interrupts);
    std::copy(from.interrupts_island.begin(), from.interrupts_island.end(), to.interrupts_island);
    to.idle_ns = from.idle_ns;
    to.context_switches = from.context_switches;
    to.lost_events = from.lost_events;
  }
  std::vector<char> bytes(abi::kHostEventsOffset + header.capacity * abi::kTraceEventBytes);
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::size_t at = abi::kHostEventsOffset;
  for (const Event& event : recording.events) {
    const auto words = event.to_words();
    std::memcpy(bytes.data() + at, words.data(), sizeof(words));
    at += sizeof(words);
  }
  const auto path =
      std::filesystem::temp_directory_path() / ("capos-report-" + std::to_string(::getpid()) + "-" + name);
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return path;
}

}  // namespace capos::report::synthetic
