// SPDX-License-Identifier: Apache-2.0
// Buffers, endpoints and notifications, and which capability a grant of the manifest names.
#include <cstring>

#include "capos/runtime/mapping.hpp"
#include "boot_pack.hpp"
#include "capos/abi/exit_code.hpp"
#include "capos/schema/devices.hpp"
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

// Memory of init's own for a while, to be written before anybody else has it.
class Mapped {
 public:
  Mapped(const System& system, abi::CapId memory, std::string_view what) noexcept : system_(system) {
    const auto mapped = runtime::map_object(system.runtime, runtime::Capability<schema::MemoryObject>(memory),
                                            runtime::Access::read_write);
    if (!mapped.has_value()) give_up(system, kStartFailed, what, mapped.error().text());
    bytes_ = *mapped;
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  ~Mapped() {
    auto own = system_.runtime.need<schema::VirtualMemory>("self.memory");
    (void)own->unmap(reinterpret_cast<std::uint64_t>(bytes_.data()), bytes_.size());
  }
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

 private:
  const System& system_;
  std::span<std::byte> bytes_;
};

// The file of a buffer; the rest of fresh memory is zero.
void fill(const System& system, schema::Buffer::Reader buffer, abi::CapId memory) noexcept {
  if (buffer.file().empty()) return;
  for (const auto file : system.pack.files()) {
    if (file.buffer() != buffer.name()) continue;
    const Mapped mapped(system, memory, buffer.name());
    const auto content = file.content();
    if (content.size() > mapped.bytes().size()) give_up(system, kStartFailed, buffer.name(), "its file is larger than it");
    std::memcpy(mapped.bytes().data(), content.data(), content.size());
    return;
  }
  give_up(system, kStartFailed, buffer.name(), "its file is not in the boot pack");
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
    case schema::KernelService::placement: break;  // made for who is granted it
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

const RingPlace* find_ring(const System& system, std::string_view name) noexcept {
  std::uint32_t index = 0;
  for (const auto ring : system.config().rings()) {
    if (ring.name() == name) return &system.rings[index];
    ++index;
  }
  return nullptr;
}

}  // namespace

void make_buffers(System& system) noexcept {
  std::uint32_t index = 0;
  for (const auto buffer : system.config().buffers()) {
    if (index == kMaxBuffers) give_up(system, kStartFailed, buffer.name(), "too many buffers");
    system.buffers[index] = allocate(system, bytes_of(buffer.size()), buffer.name());
    fill(system, buffer, system.buffers[index++]);
  }
}

void make_rings(System& system) noexcept {
  if (system.config().rings().size() > kMaxRings) give_up(system, kStartFailed, "rings", "too many");
  std::uint32_t index = 0;
  for (const auto ring : system.config().rings()) {
    auto maker = system.runtime.need<schema::SharedBuffers>("sharedBuffers");
    auto made = maker->create([&](auto params) { params.set_size(bytes_of(ring.size())); });
    if (!made.has_value()) give_up(system, kStartFailed, ring.name(), made.error().text());
    system.rings[index++] = {.producer = made->cap(made->reader().producer()),
                             .consumer = made->cap(made->reader().consumer())};
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
      params.set_contexts_only(system.servers[index].called);
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
    case schema::Grant::Which::produces: {
      const RingPlace* const ring = find_ring(system, grant.produces());
      return ring == nullptr ? abi::CapId{} : ring->producer;
    }
    case schema::Grant::Which::consumes: {
      const RingPlace* const ring = find_ring(system, grant.consumes());
      return ring == nullptr ? abi::CapId{} : ring->consumer;
    }
    case schema::Grant::Which::kernel: return system.runtime.find_any(own_name(grant.kernel()));
  }
  return {};
}

abi::CapId make_config(const System& system, schema::Service::Reader service) noexcept {
  if (service.config().which() == schema::ServiceConfig::Which::none) return {};
  constexpr std::uint64_t kBytes = 2 * kPage;
  const abi::CapId memory = allocate(system, kBytes, service.name());
  const Mapped mapped(system, memory, service.name());
  const std::span<wire::Word> words(reinterpret_cast<wire::Word*>(mapped.bytes().data()), kBytes / sizeof(wire::Word));
  wire::MessageBuilder message(words.subspan(1));
  message.set_root<schema::ServiceConfig>(service.config());
  if (message.error() != wire::Error::none) give_up(system, kStartFailed, service.name(), "configuration too large");
  words[0] = wire::frame_header(static_cast<std::uint32_t>(message.words().size()));
  return memory;
}

}  // namespace capos::init
