// SPDX-License-Identifier: Apache-2.0
// load: best-effort work of one kind, to show what it does to others (nothing, if they were admitted).
#include "capos/runtime/mapping.hpp"
#include "capos/schema/manifest.hpp"
#include "kinds.hpp"

int program_main(capos::runtime::Runtime& runtime) {
  using namespace capos;
  wire::MessageReader message(runtime::read_config(runtime));
  const auto config = message.root<schema::ServiceConfig>();
  if (config.which() != schema::ServiceConfig::Which::load) runtime::panic("load: no LoadConfig was given");
  const load::Random random(config.load().seed());
  switch (config.load().kind()) {
    case schema::LoadKind::cpu:
      load::compute(random);
    case schema::LoadKind::memory:
      load::thrash_memory(runtime, random);
    case schema::LoadKind::ipc_client:
      load::call_echo(runtime, random);
    case schema::LoadKind::ipc_server:
      load::serve_echo(runtime);
  }
  runtime::panic("load: unknown kind");
}
