// SPDX-License-Identifier: Apache-2.0
// Rules about services: what they run, where, and the authority they are granted.
#include "capos/admission/units.hpp"
#include "check.hpp"

namespace capos::admission {
namespace {

constexpr std::uint64_t kMinServiceMemory = 64 * 1024;
// What the kernel, the boot pack and init keep for themselves.
constexpr std::uint64_t kReservedMemory = 16 * 1024 * 1024;

void check_binary(Check& check, schema::Service::Reader service) noexcept {
  const auto binaries = check.manifest.binaries();
  if (index_of(binaries, kMaxBinaries, service.binary()) != kNotFound) return;
  check.report(
      "binary", "unknown-binary",
      text("service '", service.name(), "' runs '", service.binary(), "', which is not among the binaries"),
      suggest("binary", binaries, kMaxBinaries, service.binary()));
}

void check_limits(Check& check, schema::Service::Reader service) noexcept {
  const auto bytes = size_bytes(service.memory());
  if (!bytes || *bytes < kMinServiceMemory) {
    check.report("memory", "service-memory",
                 text("service '", service.name(), "' has too little memory to start"),
                 text("at least 64 KiB, for example memory = (kib = 256)"));
  }
  if (service.weight() < 1 || service.weight() > 1000) {
    check.report("weight", "weight-range", text("a weight of ", service.weight(), " is out of range"),
                 text("1 to 1000; 100 unless given"));
  }
  if (service.latency() > schema::LatencyClass::batch) {
    check.report("latency", "unknown-latency", text("service '", service.name(), "' has an unknown latency class"),
                 text("interactive, normal or batch"));
  }
}

// What is started again finds its endpoints and its share as they were; who has jobs or callers in the middle of calls would not.
void check_restarts(Check& check, schema::Service::Reader service) noexcept {
  if (service.restarts() == 0) return;
  if (!service.passive() && !task_of_service(check.manifest, service.name()).found()) return;
  check.report("restarts", "restarts-not-best-effort",
               text("service '", service.name(), "' is to be started again, but tasks run in it or call it"),
               text("only best-effort services are started again: remove restarts"));
}

constexpr std::uint16_t kAnyCpu = 0xffff;

// Calls do not cross CPUs, and nobody knows on which one it will be.
void check_any_cpu(Check& check, schema::Service::Reader service) noexcept {
  bool calls = service.exports().size() != 0;
  for (const auto grant : service.grants()) calls |= grant.which() == schema::Grant::Which::from;
  if (!calls) return;
  check.report("cpu", "any-cpu-with-calls",
               text("service '", service.name(), "' lives on any CPU, and serves or calls another service"),
               text("choose its CPU: who calls and who serves must be on the same"));
}

// Only for services that are neither passive nor a task's: those run where their callers or tasks are.
void check_best_effort_cpu(Check& check, schema::Service::Reader service) noexcept {
  const std::uint16_t cpu = service.cpu();
  if (cpu == kAnyCpu) return check_any_cpu(check, service);
  const std::uint16_t cpus = check.manifest.kernel_params().cpus();
  if (cpu >= cpus) {
    check.report("cpu", "cpu-range",
                 text("service '", service.name(), "' wants CPU ", cpu, ", but the machine has ", cpus),
                 cpus == 1 ? text("use CPU 0, or raise kernelParams.cpus")
                           : text("CPUs 0 to ", cpus - 1, ", or raise kernelParams.cpus"));
    return;
  }
  const std::uint32_t island = island_of_cpu(check.manifest, cpu);
  if (island == kNotFound || cpu == 0)
    return;  // a lease of CPU 0 is the island's to justify: "boot-cpu-leased"
  const auto leasing = check.manifest.init_config().islands()[island];
  if (leasing.slack() == schema::SlackPolicy::best_effort) return;
  check.report("cpu", "leased-cpu",
               text("best-effort service '", service.name(), "' wants CPU ", cpu, ", which island '",
                    leasing.name(), "' leases"),
               text("choose another CPU, or say slack = bestEffort in the island"));
}

void check_exports(Check& check, schema::Service::Reader service) noexcept {
  const auto exports = service.exports();
  const std::uint32_t count = check.bounded("exports", exports.size(), kMaxExportsPerService);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Path::Scope scope(check.path, "exports", i);
    check.name("export", exports[i].name());
    unique_name(check, "export", exports, i);
    if (exports[i].interface() == 0) {
      check.report("interface", "export-interface",
                   text("export '", exports[i].name(), "' has no interface id"),
                   text("for example interface = Robot.actuatorInterface"));
    }
  }
}

void check_from(Check& check, schema::Service::Reader service, schema::Grant::Reader grant) noexcept {
  if (grant.from().empty()) {
    check.report("", "grant-source", text("grant '", grant.name(), "' does not say what is granted"),
                 text("add from = \"service.export\", kernel = ..., buffer = \"...\", produces = \"...\" or consumes = \"...\""));
    return;
  }
  const ExportRef ref = resolve_or_report(check, "from", grant.from());
  if (!ref.found() || check.manifest.init_config().services()[ref.service].name() != service.name()) return;
  check.report("from", "call-cycle", text("service '", service.name(), "' is granted its own export"),
               text("a call to itself would never return; remove the grant"));
}

void check_kernel_grant(Check& check, schema::Grant::Reader grant) noexcept {
  if (grant.kernel() <= schema::KernelService::placement) return;
  check.report("kernel", "unknown-kernel-service",
               text("grant '", grant.name(), "' asks for a kernel service that this version does not know"),
               text("compile the manifest against this version's schema"));
}

void check_buffer_grant(Check& check, schema::Grant::Reader grant) noexcept {
  const auto buffers = check.manifest.init_config().buffers();
  if (index_of(buffers, kMaxBuffers, grant.buffer()) != kNotFound) return;
  check.report("buffer", "unknown-buffer", text("no buffer is called '", grant.buffer(), "'"),
               suggest("buffer", buffers, kMaxBuffers, grant.buffer()));
}

void check_ring_grant(Check& check, std::string_view field, std::string_view ring) noexcept {
  const auto rings = check.manifest.init_config().rings();
  if (index_of(rings, kMaxRings, ring) != kNotFound) return;
  check.report(field, "unknown-ring", text("no ring is called '", ring, "'"), suggest("ring", rings, kMaxRings, ring));
}

// Names under which init adds capabilities of its own.
void check_reserved(Check& check, std::string_view name) noexcept {
  for (const std::string_view reserved : {"config", "flush", "flushed"}) {
    if (name != reserved) continue;
    check.report("name", "reserved-name", text("the grant name '", name, "' is taken by the system"),
                 text("choose another name: config, flush and flushed are given by init"));
  }
}

void check_grants(Check& check, schema::Service::Reader service) noexcept {
  const auto grants = service.grants();
  const std::uint32_t count = check.bounded("grants", grants.size(), kMaxGrantsPerService);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Path::Scope scope(check.path, "grants", i);
    check.name("grant", grants[i].name());
    unique_name(check, "grant", grants, i);
    check_reserved(check, grants[i].name());
    switch (grants[i].which()) {
      case schema::Grant::Which::from:
        check_from(check, service, grants[i]);
        break;
      case schema::Grant::Which::kernel:
        check_kernel_grant(check, grants[i]);
        break;
      case schema::Grant::Which::buffer:
        check_buffer_grant(check, grants[i]);
        break;
      case schema::Grant::Which::produces:
        check_ring_grant(check, "produces", grants[i].produces());
        break;
      case schema::Grant::Which::consumes:
        check_ring_grant(check, "consumes", grants[i].consumes());
        break;
      default:
        check.report("", "grant-source",
                     text("grant '", grants[i].name(), "' is of a kind this version does not know"),
                     text("from, kernel, buffer, produces or consumes"));
    }
  }
}

void check_memory_sum(Check& check, std::uint32_t services) noexcept {
  const auto config = check.manifest.init_config();
  const auto machine = size_bytes(check.manifest.kernel_params().memory());
  std::uint64_t sum = kReservedMemory;
  for (std::uint32_t i = 0; i < services; ++i) {
    const std::uint64_t one = size_bytes(config.services()[i].memory()).value_or(0);
    if (__builtin_add_overflow(sum, one, &sum)) sum = ~std::uint64_t{0};
  }
  for (std::uint32_t i = 0; i < config.buffers().size() && i < kMaxBuffers; ++i) {
    const std::uint64_t one = size_bytes(config.buffers()[i].size()).value_or(0);
    if (__builtin_add_overflow(sum, one, &sum)) sum = ~std::uint64_t{0};
  }
  for (std::uint32_t i = 0; i < config.rings().size() && i < kMaxRings; ++i) {
    const std::uint64_t one = size_bytes(config.rings()[i].size()).value_or(0);
    if (__builtin_add_overflow(sum, one, &sum)) sum = ~std::uint64_t{0};
  }
  if (!machine || *machine <= kReservedMemory || sum <= *machine) return;  // the former is a finding already
  check.report("services", "memory-sum",
               text("services, buffers, rings and the kernel's reserve together want ", sum >> 20,
                    " MiB, but the machine has ", *machine >> 20),
               text("raise kernelParams.memory, or give the services less"));
}

}  // namespace

void check_services(Check& check) noexcept {
  const auto services = check.manifest.init_config().services();
  const std::uint32_t count = check.bounded("services", services.size(), kMaxServices);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Path::Scope scope(check.path, "services", i);
    const auto service = services[i];
    check.name("service", service.name());
    unique_name(check, "service", services, i);
    check_binary(check, service);
    check_exports(check, service);
    check_grants(check, service);
    check_limits(check, service);
    check_media_node(check, service);
    check_policy(check, i);
    check_recovery(check, i);
    check_restarts(check, service);
    if (!service.passive() && !task_of_service(check.manifest, service.name()).found()) {
      check_best_effort_cpu(check, service);
    }
  }
  check_memory_sum(check, count);
}

}  // namespace capos::admission
