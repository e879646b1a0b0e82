// SPDX-License-Identifier: Apache-2.0
#include "boot_pack.hpp"

#include <stdexcept>

#include "capos/schema/bootpack.hpp"
#include "capos/wire/frame.hpp"

namespace capos::ktest {

std::vector<std::uint64_t> boot_pack(const PackOptions& options) {
  std::vector<NamedProgram> programs = {{"init", minimal_program()}, {"program", minimal_program()}};
  programs.insert(programs.end(), options.programs.begin(), options.programs.end());
  std::size_t words = 512;
  for (const NamedProgram& program : programs) words += program.image.size() / 8 + 16;

  std::vector<wire::Word> space(words), framed(words + 1);
  wire::MessageBuilder message(space);
  const auto pack = message.init_root<schema::BootPack>();
  pack.set_magic(schema::kBootPackMagic);
  const auto machine = pack.init_machine();
  machine.set_quantum_ns(options.quantum_ns);
  const auto overheads = machine.init_overheads();
  overheads.set_release_ns(options.overheads.release);
  overheads.set_switch_ns(options.overheads.context_switch);
  overheads.set_blocking_ns(options.overheads.blocking);
  overheads.set_jitter_ns(options.overheads.jitter);
  const auto manifest = pack.init_manifest();
  const auto parameters = manifest.init_kernel_params();
  parameters.set_cpus(options.cpus);
  parameters.set_trace_events(options.trace_events);
  parameters.init_best_effort_slice().set_us(options.slice_us);
  manifest.init_init_config().set_init("init");
  const auto list = pack.init_programs(static_cast<std::uint32_t>(programs.size()));
  for (std::uint32_t i = 0; i < programs.size(); ++i) {
    list[i].set_name(programs[i].name);
    list[i].set_image(programs[i].image);
  }
  const auto written = wire::write_frame(message.words(), framed);
  if (message.error() != wire::Error::none || !written.has_value()) throw std::logic_error("the boot pack does not fit");
  return {written->begin(), written->end()};
}

}  // namespace capos::ktest
