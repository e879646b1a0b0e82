// SPDX-License-Identifier: Apache-2.0
// Rules about the machine: version, kernel parameters, programs, shared memory.
#include "capos/admission/units.hpp"
#include "check.hpp"

namespace capos::admission {
namespace {

constexpr std::uint64_t kMib = 1024 * 1024;
constexpr std::uint64_t kMinMemory = 64 * kMib;
constexpr std::uint64_t kMaxMemory = 8192 * kMib;
constexpr std::uint64_t kMaxBuffer = 256 * kMib;

void check_cpus(Check& check, schema::KernelParams::Reader params) noexcept {
  if (params.cpus() >= 1 && params.cpus() <= kMaxCpus) return;
  check.report("cpus", "cpus-range", text("a machine with ", params.cpus(), " CPUs is not supported"),
               text("1 to ", kMaxCpus));
}

void check_memory(Check& check, schema::KernelParams::Reader params) noexcept {
  const auto bytes = size_bytes(params.memory());
  if (bytes && *bytes >= kMinMemory && *bytes <= kMaxMemory) return;
  check.report("memory", "memory-range", text("the machine's memory is out of range"),
               text("64 MiB to 8 GiB, for example memory = (mib = 256)"));
}

void check_trace(Check& check, schema::KernelParams::Reader params) noexcept {
  const std::uint32_t events = params.trace_events();
  if (events >= 256 && events <= 65536 && (events & (events - 1)) == 0) return;
  check.report("traceEvents", "trace-events", text("a trace ring of ", events, " events is not supported"),
               text("a power of two from 256 to 65536"));
}

void check_slice(Check& check, schema::KernelParams::Reader params) noexcept {
  const auto slice = time_ns(params.best_effort_slice());
  if (slice && *slice >= 100'000 && *slice <= 100'000'000) return;
  check.report("bestEffortSlice", "slice-range", text("the best-effort slice is out of range"),
               text("100 us to 100 ms, for example bestEffortSlice = (ms = 2)"));
}

void check_machine_type(Check& check, schema::KernelParams::Reader params) noexcept {
  if (params.machine() == schema::MachineType::q35 || params.machine() == schema::MachineType::microvm)
    return;
  check.report("machine", "machine-type", text("an unknown type of machine"), text("q35 or microvm"));
}

}  // namespace

void check_kernel_params(Check& check) noexcept {
  const Path::Scope scope(check.path, "kernelParams");
  const auto params = check.manifest.kernel_params();
  check_cpus(check, params);
  check_memory(check, params);
  check_trace(check, params);
  check_machine_type(check, params);
  check_slice(check, params);
}

void check_binaries(Check& check) noexcept {
  const auto binaries = check.manifest.binaries();
  const std::uint32_t count = check.bounded("binaries", binaries.size(), kMaxBinaries);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Path::Scope scope(check.path, "binaries", i);
    check.name("binary", binaries[i].name());
    unique_name(check, "binary", binaries, i);
    if (binaries[i].path().empty() || binaries[i].path().size() > kMaxPathLength) {
      check.report("path", "binary-path", text("binary '", binaries[i].name(), "' has no usable path"),
                   text("a program of the build such as \"services/load\", or the path of an ELF file"));
    }
  }
}

void check_buffers(Check& check) noexcept {
  const auto buffers = check.manifest.init_config().buffers();
  const std::uint32_t count = check.bounded("buffers", buffers.size(), kMaxBuffers);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Path::Scope scope(check.path, "buffers", i);
    check.name("buffer", buffers[i].name());
    unique_name(check, "buffer", buffers, i);
    const auto bytes = size_bytes(buffers[i].size());
    if (!bytes || *bytes == 0 || *bytes > kMaxBuffer) {
      check.report("size", "buffer-size",
                   text("the size of buffer '", buffers[i].name(), "' is out of range"),
                   text("1 KiB to 256 MiB, for example size = (kib = 16)"));
    }
    if (buffers[i].file().size() > kMaxPathLength) {
      check.report("file", "buffer-file", text("the path of the file of buffer '", buffers[i].name(), "' is too long"),
                   text("at most ", kMaxPathLength, " bytes"));
    }
  }
}

}  // namespace capos::admission
