// SPDX-License-Identifier: Apache-2.0
#include "cast.hpp"

namespace ipc_bench {

void give_up(runtime::Runtime& runtime, std::string_view why) noexcept {
  constexpr std::uint8_t kGaveUp = 4;
  runtime::print(why);
  (void)runtime.need<schema::SystemControl>("control")->shutdown(kGaveUp);
  runtime::panic(why);
}

runtime::Result<OwnedCapability<schema::ProcessHandle>> spawn(runtime::Runtime& runtime, const SpawnWish& wish) noexcept {
  auto spawner = runtime.need<schema::ProcessSpawner>("spawner");
  auto made = TRY(spawner->spawn([&](auto params, runtime::Transfers& transfers) {
    params.set_name("ipc-bench-child");
    params.set_program("ipc-bench-child");
    params.set_memory_pages(wish.pages);
    params.set_source(static_cast<std::uint32_t>(wish.part));
    if (!wish.context.is_null()) params.set_context(transfers.add(wish.context));
    if (!wish.ledger.is_null()) params.set_ledger(transfers.add(wish.ledger));
    const auto list = params.init_grants(static_cast<std::uint32_t>(wish.grants.size()));
    for (std::uint32_t i = 0; i < wish.grants.size(); ++i) {
      list[i].set_name(wish.grants[i].name);
      list[i].init_capability().set_capability(transfers.add(wish.grants[i].cap));
    }
  }));
  return made.template capability<schema::ProcessHandle>(made.reader().process());
}

}  // namespace ipc_bench
