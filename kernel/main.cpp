// SPDX-License-Identifier: Apache-2.0
// Boot: memory, CPUs, the boot pack, and init, which does all the rest.
#include <array>
#include <algorithm>

#include "capos/hal/relax.hpp"
#include "capos/hal/upcalls.hpp"
#include "capos/schema/bootpack.hpp"
#include "capos/wire/frame.hpp"
#include "core/account.hpp"
#include "core/assert.hpp"
#include "core/text.hpp"
#include "core/turns.hpp"
#include "devices/services.hpp"
#include "islands/desk.hpp"
#include "islands/group.hpp"
#include "islands/island_authority.hpp"
#include "objects/services.hpp"
#include "objects/session.hpp"
#include "process/scheduling_policy.hpp"
#include "process/spawner.hpp"

namespace capos::kernel {
namespace {

using schema::BootMilestone;
using schema::EventKind;

constexpr std::uint32_t kInitNumber = 0xffff;  // its trace events; services count from 0

// The boot pack, read in place: it is ours alone.
constinit std::span<const wire::Word> g_pack;

// Nothing in a pack is read twice, so a walk over it takes at most its size: a list of a million elements of no size, which
// a pack may claim, ends at once.
wire::Limits pack_limits() noexcept { return {.traversal_words = g_pack.size() + 64, .depth = 64}; }

[[noreturn]] void refuse_boot(std::string_view why, std::string_view remedy) noexcept {
  hal::console_write("boot refused: ");
  hal::console_write(why);
  hal::console_write("\n  remedy: ");
  hal::console_write(remedy);
  hal::console_write("\n");
  hal::power_off(hal::kExitRefusedPack);
}

std::span<const wire::Word> pack_words(hal::MemoryRange module) noexcept {
  if (module.size == 0) refuse_boot("no boot pack", "load one as the module (QEMU: -initrd)");
  if (module.base.value() % 8 != 0) refuse_boot("the boot pack is not 8-byte aligned", "let the loader align modules");
  const std::span<const wire::Word> file(static_cast<const wire::Word*>(hal::to_kernel(module.base)), module.size / 8);
  const auto frame = wire::read_frame(file);
  if (!frame.has_value()) refuse_boot("the boot pack is not one framed segment", "make it with ./capos");
  return *frame;
}

KernelParameters parameters_from(schema::BootPack::Reader pack) noexcept {
  KernelParameters result;
  constexpr std::uint64_t kLongestQuantum = 1'000'000;
  if (pack.manifest().kernel_params().cpus() > 1) {
    result.quantum = Duration::ns(static_cast<std::int64_t>(std::min(pack.machine().quantum_ns(), kLongestQuantum)));
  }
  result.gives_way = result.quantum == Duration{};  // simulated in turns, a CPU does not see its timer at the instant
  const auto wanted = pack.manifest().kernel_params();
  const std::uint64_t events = wanted.trace_events();
  if (events >= 256 && events <= 65'536 && (events & (events - 1)) == 0) result.trace_events = events;
  result.trace_switches = pack.run().trace_switches();
  const auto slice = wanted.best_effort_slice();
  if (slice.which() == schema::Time::Which::ms) {
    result.slice = Duration::ms(static_cast<std::int64_t>(std::clamp<std::uint64_t>(slice.ms(), 1, 100)));
  } else if (slice.which() == schema::Time::Which::us) {
    result.slice = Duration::us(static_cast<std::int64_t>(std::clamp<std::uint64_t>(slice.us(), 100, 100'000)));
  }
  return result;
}

void start_boot_cpu() noexcept {
  Cpu* const cpu = Cpu::create(CpuId(0), parameters().trace_events);
  require(cpu != nullptr, "memory for the boot CPU");
  cpu->start(hal::now());
}

void start_other_cpus(unsigned wanted, unsigned present) noexcept {
  if (wanted > present) {
    Line().text("cpus: the manifest wants ").decimal(wanted).text(", the machine has ").decimal(present).print();
  }
  for (std::uint16_t id = 1; id < std::min(wanted, present); ++id) {
    Cpu* const cpu = Cpu::create(CpuId(id), parameters().trace_events);
    require(cpu != nullptr, "memory for a CPU");
    if (!hal::start_cpu(CpuId(id))) {
      Line().text("cpu ").decimal(id).text(": does not answer").print();
      continue;
    }
    while (cpu->use.load(std::memory_order_acquire) == CpuUse::off) hal::cpu_relax();
  }
}

void emit_milestones(const hal::BootInfo& boot, std::uint64_t cpus_starting) noexcept {
  Cpu& cpu = Cpu::current();
  const auto emit = [&](BootMilestone milestone, std::uint64_t tsc) {
    cpu.trace.emit(hal::now(), EventKind::boot, 0, static_cast<std::uint64_t>(milestone), tsc);
  };
  emit(BootMilestone::kernel_entry, boot.entry_tsc);
  emit(BootMilestone::calibration_start, boot.calibration_start_tsc);
  emit(BootMilestone::calibration_end, boot.calibration_end_tsc);
  emit(BootMilestone::cpus_starting, cpus_starting);
  emit(BootMilestone::cpus_started, hal::read_tsc());
}

Process& make_init(schema::BootPack::Reader pack) noexcept {
  const std::string_view name = pack.manifest().init_config().init();
  std::uint32_t from = 0;
  const std::span<const std::byte> image = program_image(find_program(name, from, kNoProgram));
  if (image.empty()) refuse_boot("the boot pack has no program for initConfig.init", "list it under binaries");
  const auto grant = [](std::string_view as, Object& object) {
    return GrantedCapability{as, &object, object.interface_id()};
  };
  const std::array grants{
      grant("console", console_service()),       grant("timer", timer_service()),
      grant("trace", trace_source_service()),    grant("traceRings", trace_rings_service()),
      grant("hostChannel", host_channel_service()), grant("control", system_control_service()),
      grant("frames", frame_allocator_service()), grant("objects", object_factory_service()),
      grant("bootPackage", boot_package_service()), grant("spawner", process_spawner_service()),
      grant("islands", island_authority_service()), grant("standing", island_reader_service()),
      grant("sessions", session_authority_service()),
      grant("devices", device_manager_service()),  grant("entropy", entropy_service()),
      grant("systemInfo", system_info_service()), grant("sharedBuffers", shared_buffers_service()),
      grant("schedulingPolicy", scheduling_policy_service()),
  };
  const SpawnRequest request{
      .name = name, .image = image, .number = kInitNumber, .cpu = CpuId(0), .ledger = Ref<Ledger>::share(machine_ledger())};
  const auto process = build_process(request, grants);
  if (!process.has_value()) refuse_boot(schema::name_of(process.error()), "check the init program and the memory");
  (*process)->acquire();  // the kernel's own: init is for ever
  return **process;
}

}  // namespace

std::uint32_t find_program(std::string_view name, std::uint32_t& from, std::uint32_t most) noexcept {
  wire::MessageReader message(g_pack, pack_limits());
  const auto programs = message.root<schema::BootPack>().programs();
  for (; most != 0 && from < programs.size(); --most, ++from) {
    if (programs[from].name() == name) return from;
  }
  if (from >= programs.size()) from = kNoProgram;
  return kNoProgram;
}

std::span<const std::byte> program_image(std::uint32_t number) noexcept {
  wire::MessageReader message(g_pack, pack_limits());
  const auto programs = message.root<schema::BootPack>().programs();
  return number < programs.size() ? programs[number].image() : std::span<const std::byte>();
}

}  // namespace capos::kernel

namespace capos::hal {

using namespace kernel;

void kernel_main(const BootInfo& boot) noexcept {
  hal::console_write("capOS " CAPOS_VERSION "\n");
  frames().lock()->add_ram(boot.ram);
  g_pack = pack_words(boot.module);
  wire::MessageReader message(g_pack, pack_limits());
  const auto pack = message.root<schema::BootPack>();
  if (pack.magic() != schema::kBootPackMagic) refuse_boot("the module is not a boot pack", "make it with ./capos");
  if (pack.machine().tsc_hz() != 0 && !hal::set_tsc_hz(pack.machine().tsc_hz())) {
    refuse_boot("the machine's clock is not the declared one", "choose the machine description that fits");
  }
  kernel::parameters() = parameters_from(pack);
  set_boot_memory(boot.host_channel, boot.module);
  set_machine_features(boot.features);
  set_system_info(frames().lock()->free_frames() * kPageSize, boot.tsc_hz, boot.features);
  start_boot_cpu();
  const std::uint64_t cpus_starting = hal::read_tsc();
  start_other_cpus(pack.manifest().kernel_params().cpus(), kernel::in_turns() ? hal::rest_every_second_cpu() : boot.cpus);
  make_desk();
  set_machine_overheads(overheads_of(pack.machine(), static_cast<std::uint16_t>(Cpu::count())));
  emit_milestones(boot, cpus_starting);
  open_machine_ledger();

  Process& init = make_init(pack);
  if (message.error() != wire::Error::none) refuse_boot("the boot pack is malformed", "make it with ./capos");
  start_process(init);
  Cpu& cpu = Cpu::current();
  cpu.trace.emit(hal::now(), schema::EventKind::boot, 0, static_cast<std::uint64_t>(schema::BootMilestone::init_started),
                 hal::read_tsc());
  leave(cpu, hal::now());
}

void on_cpu_started(CpuId id) noexcept {
  Cpu* const cpu = Cpu::registered(id);
  const Time now = hal::now();
  cpu->start(now);
  leave(*cpu, now);
}

}  // namespace capos::hal
