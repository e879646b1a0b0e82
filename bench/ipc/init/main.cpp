// SPDX-License-Identifier: Apache-2.0
// ipc-bench: takes init's place, builds the cast around the measuring client, and ends the machine when that is done.
#include "capos/runtime/mapping.hpp"
#include "capos/schema/load.hpp"
#include "cast.hpp"

namespace ipc_bench {
namespace {

OwnedCapability<schema::MemoryObject> open_channel(runtime::Runtime& runtime) noexcept {
  auto opened = runtime.need<schema::HostChannel>("hostChannel")->open([](auto) {});
  if (!opened.has_value()) give_up(runtime, "ipc-bench: no memory is shared with the host");
  return opened->capability<schema::MemoryObject>(opened->reader().memory());
}

OwnedCapability<schema::Notification> make_notification(runtime::Runtime& runtime) noexcept {
  auto made = runtime.need<schema::ObjectFactory>("objects")->create_notification([](auto) {});
  if (!made.has_value()) give_up(runtime, "ipc-bench: createNotification");
  return made->capability<schema::Notification>(made->reader().notification());
}

struct Service {
  OwnedCapability<schema::Endpoint> endpoint;
  OwnedCapability<schema::Echo> client;
};

Service make_service(runtime::Runtime& runtime) noexcept {
  auto made = runtime.need<schema::ObjectFactory>("objects")->create_endpoint(
      [](auto params) { params.set_interface_id(schema::Echo::kInterfaceId); });
  if (!made.has_value()) give_up(runtime, "ipc-bench: createEndpoint");
  Service service{made->capability<schema::Endpoint>(made->reader().endpoint()), {}};
  auto joined = service.endpoint->connect([](auto) {});
  if (!joined.has_value()) give_up(runtime, "ipc-bench: connect");
  service.client = joined->capability<schema::Echo>(joined->reader().client().get_capability());
  return service;
}

OwnedCapability<schema::MemoryObject> make_pages(runtime::Runtime& runtime, std::uint64_t pages) noexcept {
  auto made = runtime.need<schema::FrameAllocator>("frames")->allocate([&](auto params) { params.set_pages(pages); });
  if (!made.has_value()) give_up(runtime, "ipc-bench: allocate");
  return made->capability<schema::MemoryObject>(made->reader().object());
}

// Until it waits for the first time.
void become_ready(runtime::Runtime& runtime, OwnedCapability<schema::ProcessHandle>& process) noexcept {
  auto timer = runtime.need<schema::Timer>("timer");
  for (;;) {
    const auto state = process->state();
    if (!state.has_value() || !state->alive) give_up(runtime, "ipc-bench: a child ended early");
    if (state->ready) return;
    (void)timer->sleep_until(timer->now()->ns + 100'000);
  }
}

OwnedCapability<schema::ProcessHandle> start(runtime::Runtime& runtime, const SpawnWish& wish) noexcept {
  auto process = spawn(runtime, wish);
  if (!process.has_value()) give_up(runtime, "ipc-bench: spawn");
  become_ready(runtime, *process);
  return *std::move(process);
}

constexpr std::uint64_t kHoldersPages = 20;  // of the row revoke_10k

int run(runtime::Runtime& runtime) noexcept {
  const auto channel = open_channel(runtime);
  const auto mapped = runtime::map_object(runtime, channel.borrow(), runtime::Access::read_write);
  if (!mapped.has_value()) give_up(runtime, "ipc-bench: the shared memory cannot be mapped");
  auto& header = *reinterpret_cast<abi::BenchHeader*>(mapped->data());

  const auto event = make_notification(runtime), quiet = make_notification(runtime);
  const auto shared = make_pages(runtime, 1), holders = make_pages(runtime, kHoldersPages);
  const Service service = make_service(runtime), local = make_service(runtime), ringed = make_service(runtime);
  const Contexts contexts = admit_contexts(runtime);
  const abi::CapId console = runtime.find_any("console");
  const Grant serves[] = {{"serve", service.endpoint.cap()}, {"console", console}};
  const auto server = start(runtime, {.part = Part::server, .grants = serves});
  const Grant serves_ring[] = {{"serve", ringed.endpoint.cap()}, {"console", console}};
  const auto ring_server = start(runtime, {.part = Part::ring_server, .grants = serves_ring});
  const Device device = open_device(runtime);
  const Grant waits[] = {
      {"event", event.cap()}, {"shared", shared.cap()}, {"console", console}, {"irq", device.interrupt.cap()}};
  const auto waiter = start(runtime, {.part = Part::waiter, .grants = waits, .context = contexts.waiter});
  const Grant measures[] = {{"results", channel.cap()}, {"event", event.cap()},   {"quiet", quiet.cap()},
                            {"shared", shared.cap()},   {"console", console},     {"service", service.client.cap()},
                            {"serve", service.endpoint.cap()}, {"local.serve", local.endpoint.cap()},
                            {"local.service", local.client.cap()}, {"holders", holders.cap()},
                            {"objects", runtime.find_any("objects")},
                            {"registers", device.registers.cap()}, {"ring.service", ringed.client.cap()},
                            {"peer", contexts.peer}, {"spender", contexts.spender}};
  auto client = start(runtime, {.part = Part::client, .grants = measures, .context = contexts.client, .pages = 4096});
  populate(runtime, header);  // last: what the cast needs is its own by now
  auto island = contexts.island;
  if (!island->activate(runtime.need<schema::Timer>("timer")->now()->ns + 1'000'000).has_value()) {
    give_up(runtime, "ipc-bench: activate");
  }
  const auto end = client->wait();
  return end.has_value() && end->reason == schema::ExitReason::exited ? static_cast<int>(end->code) : 3;
}

}  // namespace
}  // namespace ipc_bench

int program_main(capos::runtime::Runtime& runtime) {
  const int code = ipc_bench::run(runtime);
  (void)runtime.need<capos::schema::SystemControl>("control")->shutdown(static_cast<std::uint8_t>(code));
  return 1;
}
