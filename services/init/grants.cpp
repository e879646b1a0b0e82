// SPDX-License-Identifier: Apache-2.0
// Buffers, endpoints and notifications, and which capability a grant of the manifest names.
#include "capos/runtime/mapping.hpp"
#include "boot_pack.hpp"
#include "capos/abi/exit_code.hpp"
#include "capos/wire/frame.hpp"
#include "system.hpp"

namespace capos::init {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr auto kStartFailed = static_cast<std::uint8_t>(abi::RunOutcome::start_failed);

abi::CapId allocate(const System& system, std::uint64_t bytes, std::string_view what) noexcept {
  auto frames = system.runtime.need<schema::FrameAllocator>("frames");
  auto answer = frames->allocate([&](auto params) { params.set_pages((bytes + kPage - 1) / kPage); });
  if (!answer.has_value()) give_up(system, kStartFailed, what, answer.error().text());
  return answer->cap(answer->reader().object());
}

// What a grant of a kernel service is called in init's own CapSet.
std::string_view own_name(schema::KernelService service) noexcept {
  switch (service) {
    case schema::KernelService::console: return "console";
    case schema::KernelService::timer: return "timer";
    case schema::KernelService::trace: return "trace";
    case schema::KernelService::trace_rings: return "traceRings";
    case schema::KernelService::host_channel: return "hostChannel";
    case schema::KernelService::control: return "control";
    case schema::KernelService::frames: return "frames";
    case schema::KernelService::boot_package: return "bootPackage";
    case schema::KernelService::scheduling_policy: return "schedulingPolicy";
    case schema::KernelService::standing_islands: return "standing";
  }
  return {};
}

abi::CapId find_export(const System& system, std::string_view path) noexcept {
  const ServerPath wanted = split(path);
  for (std::size_t i = 0; i < system.exports_count; ++i) {
    const ExportPlace& place = system.exports[i];
    if (place.service == wanted.service && place.name == wanted.name) return place.client;
  }
  return {};
}

abi::CapId find_buffer(const System& system, std::string_view name) noexcept {
  std::uint32_t index = 0;
  for (const auto buffer : system.config().buffers()) {
    if (buffer.name() == name) return system.buffers[index];
    ++index;
  }
  return {};
}

}  // namespace

void make_buffers(System& system) noexcept {
  std::uint32_t index = 0;
  for (const auto buffer : system.config().buffers()) {
    if (index == kMaxBuffers) give_up(system, kStartFailed, buffer.name(), "too many buffers");
    system.buffers[index++] = allocate(system, bytes_of(buffer.size()), buffer.name());
  }
}

void make_exports(System& system, std::uint32_t index) noexcept {
  const auto service = system.config().services()[index];
  auto objects = system.runtime.need<schema::ObjectFactory>("objects");
  for (const auto item : service.exports()) {
    if (system.exports_count == kMaxExports) give_up(system, kStartFailed, service.name(), "too many exports");
    ExportPlace& place = system.exports[system.exports_count++];
    place.service = service.name();
    place.name = item.name();
    place.interface_id = item.interface();
    auto made = objects->create_endpoint([&](auto params) {
      params.set_interface_id(item.interface());
      params.set_ceiling(system.servers[index].ceiling);
      params.set_floor_ns(system.servers[index].floor_ns);
    });
    if (!made.has_value()) give_up(system, kStartFailed, service.name(), made.error().text());
    place.endpoint = made->cap(made->reader().endpoint());
    runtime::Capability<schema::Endpoint> endpoint(place.endpoint);
    auto connected = endpoint->connect([](auto) {});
    if (!connected.has_value()) give_up(system, kStartFailed, service.name(), connected.error().text());
    place.client = connected->cap(connected->reader().client().get_capability());
  }
}

void make_notifications(System& system) noexcept {
  auto objects = system.runtime.need<schema::ObjectFactory>("objects");
  for (abi::CapId* const cap : {&system.flush, &system.flushed}) {
    auto made = objects->create_notification([](auto) {});
    if (!made.has_value()) give_up(system, kStartFailed, "notification", made.error().text());
    *cap = made->cap(made->reader().notification());
  }
}

abi::CapId find_grant(const System& system, schema::Grant::Reader grant) noexcept {
  switch (grant.which()) {
    case schema::Grant::Which::from: return find_export(system, grant.from());
    case schema::Grant::Which::buffer: return find_buffer(system, grant.buffer());
    case schema::Grant::Which::kernel: return system.runtime.find_any(own_name(grant.kernel()));
  }
  return {};
}

abi::CapId make_config(const System& system, schema::Service::Reader service) noexcept {
  if (service.config().which() == schema::ServiceConfig::Which::none) return {};
  constexpr std::uint64_t kBytes = 2 * kPage;
  const abi::CapId memory = allocate(system, kBytes, service.name());
  const auto mapped =
      runtime::map_object(system.runtime, runtime::Capability<schema::MemoryObject>(memory), runtime::Access::read_write);
  if (!mapped.has_value()) give_up(system, kStartFailed, service.name(), mapped.error().text());
  const std::span<wire::Word> words(reinterpret_cast<wire::Word*>(mapped->data()), kBytes / sizeof(wire::Word));
  wire::MessageBuilder message(words.subspan(1));
  message.set_root<schema::ServiceConfig>(service.config());
  if (message.error() != wire::Error::none) give_up(system, kStartFailed, service.name(), "configuration too large");
  words[0] = wire::frame_header(static_cast<std::uint32_t>(message.words().size()));
  auto own = system.runtime.need<schema::VirtualMemory>("self.memory");
  (void)own->unmap(reinterpret_cast<std::uint64_t>(mapped->data()), mapped->size());
  return memory;
}

}  // namespace capos::init
