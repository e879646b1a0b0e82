// SPDX-License-Identifier: Apache-2.0
// init: reads the manifest, builds the system it describes, and ends the run when its time is over.
#include "boot_pack.hpp"
#include "capos/abi/exit_code.hpp"
#include "capos/runtime/text.hpp"
#include "system.hpp"

namespace capos::init {
namespace {

constinit std::array<std::byte, sizeof(System)> g_storage{};

}  // namespace

void give_up(const System& system, std::uint8_t code, std::string_view where, std::string_view why) noexcept {
  runtime::Text<900> text;
  const bool refused = code == static_cast<std::uint8_t>(abi::RunOutcome::island_refused);
  text.add("init: ").add(refused ? "refused: " : "cannot start: ").add(where).add(": ").add(why).add("\n");
  runtime::print(text.view());
  auto control = system.runtime.need<schema::SystemControl>("control");
  (void)control->shutdown(code);
  runtime::exit_process(code);
}

}  // namespace capos::init

int program_main(capos::runtime::Runtime& runtime) {
  using namespace capos;
  using namespace capos::init;
  wire::MessageReader message(map_boot_pack(runtime), kPackLimits);
  System& system = *::new (g_storage.data()) System(runtime, message.root<schema::BootPack>());
  const auto services = system.config().services();
  if (services.size() > kMaxServices) {
    give_up(system, static_cast<std::uint8_t>(abi::RunOutcome::start_failed), "services", "too many");
  }
  make_buffers(system);
  make_rings(system);
  make_notifications(system);
  admit_islands(system);
  // The admission service, if islands asked for it, has been made already.
  for (std::uint32_t index = 0; index < services.size(); ++index) {
    if (system.processes[index].is_null()) make_exports(system, index);
  }
  spawn_services(system);
  await_services(system);
  run(system);
}
