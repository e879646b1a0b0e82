// SPDX-License-Identifier: Apache-2.0
// Roles about what a child may use, and for how long.
#include "child.hpp"

namespace conformance {
namespace {

using schema::KernelError;

KernelError spend_once(const Child& child, Spending spending) noexcept {
  const auto error_of = [](const auto& result) {
    return result.has_value() ? KernelError::none : result.error().kernel();
  };
  switch (spending) {
    case Spending::notifications:
      return error_of(child.runtime.need<schema::ObjectFactory>("objects")->create_notification([](auto) {}));
    case Spending::endpoints:
      return error_of(child.runtime.need<schema::ObjectFactory>("objects")->create_endpoint([](auto) {}));
    case Spending::copies:
      return error_of(child.runtime.need<schema::CapabilityTable>("self.capabilities")
                          ->narrow([&](auto params, runtime::Transfers& transfers) {
                            params.init_capability().set_capability(
                                transfers.add(child.runtime.find_any("timer")));
                            params.set_interface_id(schema::Timer::kInterfaceId);
                          }));
    case Spending::log_lines:
      return error_of(child.runtime.need<schema::Console>("console")->write(
          [](auto params) { params.set_text("# spending log\n\n"); }));
  }
  return KernelError::bad_state;
}

}  // namespace

int spend(const Child& child) noexcept {
  for (int got = 0;; ++got) {
    const KernelError error = spend_once(child, static_cast<Spending>(child.argument()));
    if (error == KernelError::none) continue;
    return error == KernelError::quota_exceeded ? got : -static_cast<int>(error);
  }
}

int signal_until_refused(const Child& child) noexcept {
  auto event = child.runtime.need<schema::Notification>("event");
  for (;;) {
    const auto done = event->signal(1);
    if (!done.has_value()) return static_cast<int>(done.error().transport);
    for (int i = 0; i < 100; ++i) __builtin_ia32_pause();
  }
}

int session_number(const Child& child) noexcept {
  auto session = child.runtime.find<schema::SessionInfo>("self.session");
  if (!session) return 0;
  const auto found = session->describe();
  if (!found.has_value()) return 201;
  return found->alive ? static_cast<int>(found->number) : 200;
}

int spawn_in_turn(const Child& child) noexcept {
  auto made = child.runtime.need<schema::ProcessSpawner>("spawner")->spawn([](auto params) {
    params.set_name("grandchild");
    params.set_program("child");
    params.set_memory_pages(128);
    params.set_source(static_cast<std::uint32_t>(Role::session_number));
  });
  if (!made.has_value()) return 202;
  auto process = made->template capability<schema::ProcessHandle>(made->reader().process());
  const auto end = process->wait();
  return end.has_value() ? static_cast<int>(end->code) : 203;
}

}  // namespace conformance
