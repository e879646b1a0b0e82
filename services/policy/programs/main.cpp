// SPDX-License-Identifier: Apache-2.0
// policy: changes shares of best effort, says where best effort is started, and keeps CPUs free of it, as its desks ask for.
//
// Best effort, on CPU 0; a thread for each desk. It keeps nothing that outlives it: what it has set goes with it.
#include <optional>

#include "capos/runtime/mapping.hpp"
#include "capos/runtime/text.hpp"
#include "capos/runtime/thread.hpp"
#include "capos/schema/manifest.hpp"
#include "desk.hpp"

namespace capos::policy {
namespace {

constexpr std::size_t kMostDesks = 8;

std::array<Desk, kMostDesks>& desks() noexcept {
  static std::array<Desk, kMostDesks> all;
  return all;
}

[[noreturn]] void end_of_service(const runtime::CallError& why) noexcept {
  runtime::Text<96> text;
  text.add("policy: ").add(why.text());
  runtime::panic(text.view());
}

[[noreturn]] void serve_desk(void* desk) noexcept { end_of_service(static_cast<Desk*>(desk)->serve()); }

}  // namespace
}  // namespace capos::policy

int program_main(capos::runtime::Runtime& runtime) {
  using namespace capos;
  using namespace capos::policy;
  wire::MessageReader message(runtime::read_config(runtime));
  const auto config = message.root<schema::ServiceConfig>();
  if (config.which() != schema::ServiceConfig::Which::policy) runtime::panic("policy: no PolicyConfig was given");
  const auto list = config.policy().desks();
  if (list.size() == 0 || list.size() > kMostDesks) runtime::panic("policy: 1 to 8 desks");
  Office office(runtime);
  for (std::uint16_t i = 0; i < list.size(); ++i) desks()[i].open(runtime, office, list[i], i);
  for (std::uint32_t i = 1; i < list.size(); ++i) {
    const auto thread = runtime::Thread::start(runtime, serve_desk, &desks()[i]);
    if (!thread.has_value()) end_of_service(thread.error());
  }
  serve_desk(&desks()[0]);
}
