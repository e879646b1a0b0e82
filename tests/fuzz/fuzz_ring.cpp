// SPDX-License-Identifier: Apache-2.0
// Rings of two programs, a client and a server, whose every word somebody changes while the kernel reads it.
//
// The input's first byte says how much of the rest is what the programs do (a byte of who and what, then its arguments);
// what is left says what the kernel's loads from their rings and arenas find (hostile_peer.hpp). Must hold: the kernel's
// invariants after each step, no panic, init and its calls unharmed, and in the end every frame and every charge is back.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "capos/schema/authority.hpp"
#include "capos/schema/threads.hpp"
#include "hostile_peer.hpp"
#include "memory/object_heap.hpp"
#include "world.hpp"

using namespace capos;
using namespace capos::ktest;

namespace {

constexpr std::uint64_t kInterface = 0xca70f0227;
constexpr std::size_t kMostSteps = 256;

void require(bool holds) {
  if (!holds) std::abort();
}

class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  [[nodiscard]] std::uint8_t byte() {
    if (bytes_.empty()) return 0;
    const std::uint8_t value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }
  [[nodiscard]] std::uint16_t half() { return static_cast<std::uint16_t>(byte() | byte() << 8); }
  [[nodiscard]] std::uint64_t word() {
    std::uint64_t value = 0;
    for (int i = 0; i < 4; ++i) value |= std::uint64_t{half()} << (16 * i);
    return value;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

class Scene {
 public:
  Scene(std::span<const std::uint8_t> deeds, std::span<const std::uint8_t> changes);
  void play();
  void end();

 private:
  static constexpr std::size_t kActors = 2;
  enum class Role : std::uint8_t { client, server };

  void make_space();
  void make_lease();
  [[nodiscard]] abi::CapId leased(abi::CapId cap);
  [[nodiscard]] kernel::Process* living(std::size_t actor);
  [[nodiscard]] std::uint64_t some_cap(kernel::Process& process);
  void watch();
  void step();
  void act(std::size_t actor);
  void submit(kernel::Thread& thread);
  void fill_park(kernel::Thread& thread, abi::CapSqe& entry);
  void poke(kernel::Thread& thread);
  void enter(kernel::Thread& thread);
  void call_or_serve(kernel::Thread& thread);
  void init_acts();
  void time_passes();

  World world_{{.pack = {.trace_events = 64}, .ram_bytes = 12u << 20}};
  std::uint64_t frames_, heap_bytes_;
  abi::CapId endpoint_{}, client_{}, notification_{}, memory_{}, space_{}, session_{}, lease_{};
  std::array<Child, kActors> actors_{};
  bool endpoint_revoked_ = false;
  Input input_;
  fuzz::HostilePeer peer_;
};

Scene::Scene(std::span<const std::uint8_t> deeds, std::span<const std::uint8_t> changes)
    : frames_(World::frames_free()), heap_bytes_(kernel::heap_use().bytes), input_(deeds), peer_(changes) {
  endpoint_ = world_.make_endpoint(kInterface);
  client_ = world_.connect(endpoint_);
  notification_ = world_.make_notification();
  const std::pair<std::string, abi::CapId> objects{"objects", world_.service("objects")};
  make_space();
  make_lease();
  const std::pair<std::string, abi::CapId> event{"event", notification_}, space{"space", space_};
  const abi::CapId client = leased(client_), serve = leased(endpoint_), own_event = leased(notification_);
  const std::pair<std::string, abi::CapId> its_event{"leased-event", own_event};
  actors_[0] = world_.spawn({.memory_pages = 120, .grants = {{"client", client_}, {"leased", client}, event, its_event, space, objects}});
  actors_[1] = world_.spawn({.memory_pages = 120, .grants = {{"serve", endpoint_}, {"leased", serve}, event, its_event, space, objects}});
  for (const abi::CapId cap : {client, serve, own_event}) require(world_.release(world_.init(), cap).ok());
}

// Words that both programs park on.
void Scene::make_space() {
  kernel::Thread& init = world_.init();
  auto memory = world_.message<schema::FrameAllocator::Allocate>(init, world_.service("frames"), [](auto params) { params.set_pages(1); });
  require(memory.ok());
  memory_ = memory.cap([](auto results) { return results.object(); });
  auto space = world_.message<schema::ParkSpace::Share>(
      init, world_.service("self.park"), [this](auto params, auto& transfers) { params.set_memory(add(transfers, memory_)); });
  require(space.ok());
  space_ = space.cap([](auto results) { return results.space(); });
}

// What ends in the middle of things.
void Scene::make_lease() {
  kernel::Thread& init = world_.init();
  auto session = world_.message<schema::SessionAuthority::Create>(
      init, world_.service("sessions"), [this](auto params, auto& transfers) { params.set_ledger(add(transfers, world_.service("self.ledger"))); });
  require(session.ok());
  session_ = session.cap([](auto results) { return results.session(); });
  auto lease = world_.message<schema::Session::CreateLease>(init, session_, [](auto) {});
  require(lease.ok());
  lease_ = lease.cap([](auto results) { return results.lease(); });
}

abi::CapId Scene::leased(abi::CapId cap) {
  auto made = world_.message<schema::GrantLease::Grant>(world_.init(), lease_, [cap](auto params, auto& transfers) {
    params.init_capability().set_capability(add(transfers, cap));
  });
  require(made.ok());
  return made.cap([](auto results) { return results.leased().get_capability(); });
}

kernel::Process* Scene::living(std::size_t actor) {
  kernel::Process* const process = world_.find_process(actors_[actor].number);
  return process != nullptr && process->alive() ? process : nullptr;
}

void Scene::watch() {
  std::vector<std::span<std::byte>> ranges;
  for (std::size_t i = 0; i < kActors; ++i) {
    kernel::Process* const process = living(i);
    if (process == nullptr) continue;
    ranges.emplace_back(static_cast<std::byte*>(process->main_thread().ring()), abi::kArenaOffset + abi::kArenaBytes);
  }
  peer_.watch(std::move(ranges));
}

std::uint64_t Scene::some_cap(kernel::Process& process) {
  const std::uint8_t which = input_.byte();
  if (which >= 0xf0) return input_.word();
  const auto set = world_.capset(process);
  auto chosen = set.begin();
  std::advance(chosen, static_cast<long>(which % set.size()));
  return chosen->second.raw;
}

// An entry that makes sense, mostly: what is done to it later makes it otherwise.
void Scene::submit(kernel::Thread& thread) {
  abi::Ring& ring = world_.ring(thread);
  abi::CapSqe entry{};
  const std::uint8_t what = input_.byte();
  entry.operation = what % 13;
  entry.flags = input_.byte() & 0x7f;
  entry.user_data = input_.byte() & 7;
  entry.interface_id = (what & 0x80) != 0 ? schema::ObjectFactory::kInterfaceId : kInterface;
  entry.method = input_.byte() & 3;
  switch (static_cast<abi::RingOperation>(entry.operation)) {
    case abi::RingOperation::return_call: entry.cap = thread.open_answer; break;
    case abi::RingOperation::finish:
    case abi::RingOperation::cancel: entry.cap = input_.byte() & 7; break;
    case abi::RingOperation::timeout:
    case abi::RingOperation::link_timeout: entry.cap = world_.machine().now().ns() + input_.half(); break;
    case abi::RingOperation::park:
    case abi::RingOperation::unpark: break;
    default: entry.cap = (entry.flags & abi::kSqePipelined) != 0 ? input_.byte() & 7 : some_cap(thread.process);
  }
  entry.params_size = 8 + (what >> 4 & 3) * 8;
  if (entry.operation == static_cast<std::uint8_t>(abi::RingOperation::park) ||
      entry.operation == static_cast<std::uint8_t>(abi::RingOperation::unpark)) {
    fill_park(thread, entry);
  }
  entry.results_offset = World::kResultsOffset;
  entry.results_capacity = 256;
  entry.transfers_offset = World::kTransfersOffset;
  entry.transfers_count = what >> 6 & 1;
  if (entry.transfers_count != 0) {
    const abi::TransferDescriptor moved{some_cap(thread.process), input_.byte() & 1u, 0};
    std::memcpy(world_.arena(thread) + World::kTransfersOffset, &moved, sizeof moved);
  }
  ring.sq[ring.header.sq_tail++ % abi::kSubmissionEntries] = entry;
}

// On a word of its own or of an object's, which may hold what is expected.
void Scene::fill_park(kernel::Thread& thread, abi::CapSqe& entry) {
  const std::uint8_t how = input_.byte();
  const std::uint64_t word = how % 4 * 4;
  const bool own = (how & 4) != 0;
  entry.cap = (how & 0xe0) == 0xe0 ? some_cap(thread.process) : world_.granted(thread.process, own ? "self.park" : "space").raw;
  entry.interface_id = own ? thread.ring_place() + abi::kArenaOffset + abi::kArenaBytes - 64 + word : word;
  entry.params_size = how >> 4 & 1;
  entry.deadline_ns = (how & 8) != 0 ? world_.machine().now().ns() + input_.half() : 0;
}

void Scene::poke(kernel::Thread& thread) {
  const std::size_t place = input_.half() % ((abi::kArenaOffset + abi::kArenaBytes) / 8) * 8;
  const std::uint64_t value = input_.word();
  std::memcpy(reinterpret_cast<std::byte*>(&world_.ring(thread)) + place, &value, sizeof value);
}

void Scene::enter(kernel::Thread& thread) {
  const std::uint8_t how = input_.byte();
  const std::uint64_t timeout = (how & 0x80) != 0 ? ~std::uint64_t{0} : (how & 0x70u) * 1'000u;
  const std::uint64_t poll = (how & 8) != 0 ? 2'000 : 0;
  (void)world_.enter(thread, static_cast<std::uint64_t>(abi::SystemCall::cap_enter), {}, 0, {how & 7u, timeout, poll});
}

void Scene::call_or_serve(kernel::Thread& thread) {
  const abi::CapId cap{some_cap(thread.process)};
  if ((input_.byte() & 1) != 0) {
    (void)world_.reply_receive(thread, cap);
  } else {
    (void)world_.call(thread, cap, kInterface, 0);
  }
}

void Scene::act(std::size_t actor) {
  kernel::Process* const process = living(actor);
  const std::uint8_t deed = input_.byte() % 8;
  if (process == nullptr) return;
  kernel::Thread& thread = process->main_thread();
  if (deed == 0) return poke(thread);  // another program's doing: the thread need not run
  if (deed == 1) {
    abi::Ring& ring = world_.ring(thread);
    ring.header.cq_head = ring.header.cq_tail;
    return;
  }
  if (thread.state != kernel::ThreadState::runnable) return;
  if (deed <= 4) return submit(thread);
  if (deed <= 6) return enter(thread);
  call_or_serve(thread);
}

void Scene::init_acts() {
  kernel::Thread& init = world_.init();
  const std::uint8_t deed = input_.byte();
  if (deed < 0x10) {
    (void)world_.call<schema::GrantLease::End>(init, lease_);
  } else if (deed < 0xd0) {
    (void)world_.call<schema::Notification::Signal>(init, notification_, {.bits = deed});
  } else if (deed < 0xe8) {
    (void)world_.call<schema::Endpoint::Revoke>(init, endpoint_);
    endpoint_revoked_ = true;
  } else {
    const auto killed = world_.call<schema::ProcessHandle::Kill>(init, actors_[deed % kActors].handle);
    require(killed.error.ok());
  }
}

void Scene::time_passes() { world_.run_for(Duration::ns(std::int64_t{input_.half()} * 8)); }

void Scene::step() {
  watch();
  const std::uint8_t who = input_.byte();
  if (who < 0xe0) return act(who % kActors);
  if (who < 0xf0) return init_acts();
  time_passes();
}

void Scene::play() {
  for (std::size_t i = 0; i < kMostSteps && !input_.empty(); ++i) step();
}

void Scene::end() {
  peer_.watch({});
  kernel::Thread& init = world_.init();
  for (const Child& child : actors_) {
    require(world_.call<schema::ProcessHandle::Kill>(init, child.handle).error.ok());
    require(world_.release(init, child.handle).ok());
  }
  for (const abi::CapId cap : {client_, endpoint_, notification_, space_, memory_, lease_, session_}) {
    const bool revoked = endpoint_revoked_ && (cap.raw == client_.raw || cap.raw == endpoint_.raw);
    require(world_.release(init, cap).ok() || revoked);
  }
  world_.settle();
  require(World::frames_free() == frames_);
  require(kernel::heap_use().bytes == heap_bytes_);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::span<const std::uint8_t> rest(data + 1, size - 1);
  const std::size_t deeds = rest.size() * (data[0] | 1) / 256;
  Scene scene(rest.first(deeds), rest.subspan(deeds));
  scene.play();
  scene.end();
  return 0;
}
