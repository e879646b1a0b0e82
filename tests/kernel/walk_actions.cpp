// SPDX-License-Identifier: Apache-2.0
// What threads do on a random walk. A new call is a function here and a line in the table at the end.
#include <array>

#include "walk.hpp"

namespace capos::ktest {
namespace {

using schema::KernelError;
using schema::TransportError;

constexpr std::size_t kMostProcesses = 12, kMostCaps = 60;
constexpr std::uint64_t kPage = 4096;

// The caller's quota or the machine's memory is short: allowed at any time, and then nothing has happened.
bool short_of_memory(Error error) {
  return error.transport == TransportError::exception &&
         (error.detail == KernelError::out_of_memory || error.detail == KernelError::out_of_capabilities ||
          error.detail == KernelError::quota_exceeded);
}

std::string named(std::uint64_t cap) { return std::to_string(cap & 0xffff'ffff) + "/" + std::to_string(cap >> 32); }

bool has_room(Chapter& c, Number n) { return c.model.process(n).caps.size() < kMostCaps; }

template <typename Method>
void expect_value(Chapter& c, const Finds& finds, kernel::Thread& thread, std::uint64_t cap,
                  const typename Method::Params::Value& params = {}) {
  Words words{};
  params.to_words(words.data());
  c.expect(finds, c.world.call(thread, abi::CapId{cap}, Method::kInterfaceId, Method::kOrdinal, words));
}

// --- timer and notifications ------------------------------------------------------------------------------------

bool look_at_the_clock(Chapter& c, Number n) {
  const std::uint64_t timer = c.service(n, "timer");
  if (timer == 0) return false;
  Finds finds;
  finds.words = {c.world.machine().now().ns()};
  expect_value<schema::Timer::Now>(c, finds, c.thread(n), timer);
  return true;
}

bool sleep(Chapter& c, Number n) {
  const std::uint64_t timer = c.service(n, "timer");
  if (timer == 0) return false;
  const std::uint64_t now = c.world.machine().now().ns(), until = now + c.random.below(400'000) - c.random.below(1'000);
  c.tell("until " + std::to_string(until));
  kernel::Thread& thread = c.thread(n);
  expect_value<schema::Timer::SleepUntil>(c, c.model.sleep_until(n, until, now), thread, timer, {.ns = until});
  return true;
}

bool make_notification(Chapter& c, Number n) {
  const std::uint64_t factory = c.service(n, "objects");
  if (factory == 0 || !has_room(c, n)) return false;
  const auto made =
      c.world.message<schema::ObjectFactory::CreateNotification>(c.thread(n), abi::CapId{factory}, [](auto) {});
  if (short_of_memory(made.error())) return true;
  c.expect(kNoError, made.error());
  c.model.gets(n, made.cap([](auto results) { return results.notification(); }).raw, c.model.add_notification());
  return true;
}

bool signal(Chapter& c, Number n) {
  const std::uint64_t cap = c.pick(n, Kind::notification);
  if (cap == 0) return false;
  const std::uint64_t bits = c.random.one_in(8) ? 0 : std::uint64_t{1} << c.random.below(64);
  c.tell(named(cap) + " bits " + std::to_string(bits));
  kernel::Thread& thread = c.thread(n);
  expect_value<schema::Notification::Signal>(c, c.model.signal(n, c.model.id_of(n, cap), bits), thread, cap, {.bits = bits});
  return true;
}

bool wait(Chapter& c, Number n) {
  const std::uint64_t cap = c.pick(n, Kind::notification);
  if (cap == 0) return false;
  c.tell(named(cap));
  kernel::Thread& thread = c.thread(n);
  expect_value<schema::Notification::Wait>(c, c.model.wait(n, c.model.id_of(n, cap)), thread, cap);
  return true;
}

bool poll(Chapter& c, Number n) {
  const std::uint64_t cap = c.pick(n, Kind::notification);
  if (cap == 0) return false;
  c.tell(named(cap));
  expect_value<schema::Notification::Poll>(c, c.model.poll(c.model.id_of(n, cap)), c.thread(n), cap);
  return true;
}

// --- endpoints --------------------------------------------------------------------------------------------------

bool make_endpoint(Chapter& c, Number n) {
  const std::uint64_t factory = c.service(n, "objects");
  if (factory == 0 || !has_room(c, n)) return false;
  const auto made = c.world.message<schema::ObjectFactory::CreateEndpoint>(
      c.thread(n), abi::CapId{factory}, [](auto params) { params.set_interface_id(0xabcd); });
  if (short_of_memory(made.error())) return true;
  c.expect(kNoError, made.error());
  const abi::CapId endpoint = made.cap([](auto results) { return results.endpoint(); });
  c.keep_served(*c.thread(n).process.capabilities().find(endpoint)->object());
  c.model.gets(n, endpoint.raw, c.model.add_endpoint());
  return true;
}

bool connect(Chapter& c, Number n) {
  const std::uint64_t cap = c.pick(n, Kind::endpoint);
  if (cap == 0 || !has_room(c, n)) return false;
  c.tell(named(cap));
  const Id endpoint = c.model.id_of(n, cap);
  const auto made = c.world.message<schema::Endpoint::Connect>(c.thread(n), abi::CapId{cap}, [](auto) {});
  if (short_of_memory(made.error())) return true;
  c.expect(kNoError, made.error());
  c.model.gets(n, made.cap([](auto results) { return results.client().get_capability(); }).raw,
               c.model.add_client(endpoint));
  return true;
}

Words random_words(Chapter& c) {
  Words words;
  for (std::uint64_t& word : words) word = c.random.next();
  return words;
}

// Most calls go where they can be served.
bool served_here(Chapter& c, Number n, Id endpoint) {
  const ModelObject& object = c.model.object(endpoint);
  return object.servers > 0 && object.home == c.model.process(n).cpu;
}

bool call(Chapter& c, Number n) {
  std::uint64_t cap = c.pick(n, Kind::client);
  if (cap == 0) return false;
  for (int again = 0; again < 3 && !served_here(c, n, c.model.held(n, cap)->endpoint); ++again) cap = c.pick(n, Kind::client);
  const auto method = static_cast<std::uint16_t>(c.random.below(65'536));
  const Words words = random_words(c);
  c.tell(named(cap));
  kernel::Thread& thread = c.thread(n);
  const Id endpoint = c.model.object(c.model.id_of(n, cap)).endpoint;
  const Finds finds = c.model.call(n, endpoint, method, 0xabcd, words);
  c.expect(finds, c.world.call(thread, abi::CapId{cap}, 0xabcd, method, words));
  return true;
}

bool reply_and_receive(Chapter& c, Number n) {
  std::uint64_t cap = c.pick(n, Kind::endpoint);
  if (cap == 0) return false;
  // A server stays with its endpoint, mostly.
  for (int again = 0; again < 6 && c.model.process(n).serving != 0 && c.model.id_of(n, cap) != c.model.process(n).serving; ++again) {
    cap = c.pick(n, Kind::endpoint);
  }
  const auto exception = static_cast<std::uint16_t>(c.random.one_in(4) ? 1 + c.random.below(5) : 0);
  const std::uint64_t detail = c.random.below(65'536);
  const Words words = random_words(c);
  c.tell(named(cap) + (exception != 0 ? " with an exception" : ""));
  kernel::Thread& thread = c.thread(n);
  const Finds finds = c.model.reply_receive(n, c.model.id_of(n, cap), words, exception, detail);
  c.expect(finds, c.world.reply_receive(thread, abi::CapId{cap}, words, exception, detail));
  return true;
}

// --- memory -----------------------------------------------------------------------------------------------------

bool allocate(Chapter& c, Number n) {
  const std::uint64_t allocator = c.service(n, "frames");
  if (allocator == 0 || !has_room(c, n)) return false;
  const std::uint64_t pages = c.random.below(6);
  c.tell(std::to_string(pages) + " pages");
  const auto made = c.world.message<schema::FrameAllocator::Allocate>(c.thread(n), abi::CapId{allocator},
                                                                      [&](auto params) { params.set_pages(pages); });
  if (short_of_memory(made.error())) return true;
  c.expect(pages == 0 ? invalid(KernelError::bad_range) : kNoError, made.error());
  if (pages != 0) c.model.gets(n, made.cap([](auto results) { return results.object(); }).raw, c.model.add_memory(pages));
  return true;
}

bool read(Chapter& c, Number n) {
  const std::uint64_t cap = c.pick(n, Kind::memory);
  if (cap == 0) return false;
  const auto& bytes = c.model.held(n, cap)->bytes;
  const std::uint64_t offset = c.random.below(bytes.size() + 64), count = c.random.below(200);
  c.tell(named(cap) + " at " + std::to_string(offset));
  const auto made = c.world.message<schema::MemoryObject::Read>(c.thread(n), abi::CapId{cap}, [&](auto params) {
    params.set_offset(offset);
    params.set_count(count);
  });
  const bool within = offset <= bytes.size() && count <= bytes.size() - offset;
  c.expect(within ? kNoError : invalid(KernelError::bad_range), made.error());
  if (!within) return true;
  const bool same = made.read([&](auto results) {
    const auto data = results.data();
    return data.size() == count && std::memcmp(data.data(), bytes.data() + offset, count) == 0;
  });
  c.require(same, "memory reads otherwise than it was written");
  return true;
}

bool write(Chapter& c, Number n) {
  const std::uint64_t cap = c.pick(n, Kind::memory);
  if (cap == 0) return false;
  auto& bytes = c.model.held(n, cap)->bytes;
  const std::uint64_t offset = c.random.below(bytes.size() + 64);
  std::vector<std::byte> data(c.random.below(200));
  for (std::byte& byte : data) byte = static_cast<std::byte>(c.random.next());
  c.tell(named(cap) + " at " + std::to_string(offset));
  const auto made = c.world.message<schema::MemoryObject::Write>(c.thread(n), abi::CapId{cap}, [&](auto params) {
    params.set_offset(offset);
    params.set_data(data);
  });
  const bool within = offset <= bytes.size() && data.size() <= bytes.size() - offset;
  c.expect(within ? kNoError : invalid(KernelError::bad_range), made.error());
  if (within && !data.empty()) std::memcpy(bytes.data() + offset, data.data(), data.size());
  return true;
}

bool ask_size(Chapter& c, Number n) {
  const std::uint64_t cap = c.pick(n, Kind::memory);
  if (cap == 0) return false;
  Finds finds;
  finds.words = {c.model.held(n, cap)->bytes.size()};
  expect_value<schema::MemoryObject::GetSize>(c, finds, c.thread(n), cap);
  return true;
}

// Where a program maps: anywhere, or near what it has.
std::uint64_t random_address(Chapter& c, Number n) {
  const auto& pages = c.model.process(n).pages;
  if (c.random.one_in(40)) return c.random.next();
  if (pages.empty() || c.random.one_in(3)) return abi::kDynamicBase + c.random.below(48) * kPage;
  auto near = pages.begin();
  std::advance(near, static_cast<long>(c.random.below(pages.size())));
  return near->first;
}

std::uint32_t random_protection(Chapter& c) {
  constexpr std::array<std::uint32_t, 4> kGood = {1, 3, 3, 5};
  return c.random.one_in(12) ? static_cast<std::uint32_t>(c.random.below(9)) : kGood[c.random.below(kGood.size())];
}

// A process's own address space: the only one it may change.
std::uint64_t own_memory(Chapter& c, Number n) {
  for (const auto& [cap, id] : c.model.process(n).caps) {
    if (c.model.object(id).kind == Kind::virtual_memory && c.model.object(id).process == n) return cap;
  }
  return 0;
}

bool map(Chapter& c, Number n) {
  const std::uint64_t cap = own_memory(c, n);
  if (cap == 0 || c.model.process(n).pages.size() > 100) return false;
  const std::uint64_t pages = c.random.below(5), hint = c.random.one_in(2) ? 0 : random_address(c, n);
  const std::uint32_t protection = random_protection(c);
  c.tell(std::to_string(pages) + " pages at " + std::to_string(hint));
  const auto made = c.world.call<schema::VirtualMemory::Map>(
      c.thread(n), abi::CapId{cap}, {.hint = hint, .size = pages * kPage, .prot = protection});
  if (short_of_memory(made.error)) return true;
  const std::uint64_t address = hint != 0 ? hint : c.model.room_for(n, pages);
  const Error expected = pages == 0 ? invalid(KernelError::bad_address)
                                    : c.model.map_error(n, address, pages, protection, nullptr, 0);
  c.expect(expected, made.error);
  if (!expected.ok()) return true;
  c.require(made.value.addr == address, "mapped at another place than the lowest with room");
  c.model.maps(n, address, pages, 0, 0, protection);
  return true;
}

bool map_object(Chapter& c, Number n) {
  const std::uint64_t cap = own_memory(c, n), memory = c.pick(n, Kind::memory);
  if (cap == 0 || memory == 0 || c.model.process(n).pages.size() > 100) return false;
  const ModelObject& object = *c.model.held(n, memory);
  const std::uint64_t size = object.bytes.size() / kPage, first = c.random.below(size + 2), pages = c.random.below(size + 2);
  const std::uint64_t hint = c.random.one_in(2) ? 0 : random_address(c, n);
  const std::uint32_t protection = random_protection(c);
  c.tell(named(memory) + ", " + std::to_string(pages) + " pages at " + std::to_string(hint));
  const auto made =
      c.world.message<schema::VirtualMemory::MapObject>(c.thread(n), abi::CapId{cap}, [&](auto params, auto& transfers) {
        params.set_object(add(transfers, abi::CapId{memory}));
        params.set_offset(first * kPage);
        params.set_size(pages * kPage);
        params.set_hint(hint);
        params.set_prot(protection);
      });
  if (short_of_memory(made.error())) return true;
  const std::uint64_t address = hint != 0 ? hint : c.model.room_for(n, pages);
  const Error expected = pages == 0 ? invalid(KernelError::bad_range)
                                    : c.model.map_error(n, address, pages, protection, &object, first);
  c.expect(expected, made.error());
  if (!expected.ok()) return true;
  c.require(made.read([](auto results) { return results.addr(); }) == address, "an object is mapped at another place");
  c.model.maps(n, address, pages, c.model.id_of(n, memory), first, protection);
  return true;
}

bool unmap(Chapter& c, Number n) {
  const std::uint64_t cap = own_memory(c, n);
  if (cap == 0) return false;
  const std::uint64_t address = random_address(c, n), pages = c.random.below(4);
  c.tell(std::to_string(pages) + " pages at " + std::to_string(address));
  const auto done =
      c.world.call<schema::VirtualMemory::Unmap>(c.thread(n), abi::CapId{cap}, {.addr = address, .size = pages * kPage});
  if (!short_of_memory(done.error)) c.expect(c.model.unmap(n, address, pages), done.error);
  return true;
}

bool protect(Chapter& c, Number n) {
  const std::uint64_t cap = own_memory(c, n);
  if (cap == 0) return false;
  const std::uint64_t address = random_address(c, n), pages = c.random.below(4);
  const std::uint32_t protection = random_protection(c);
  c.tell(std::to_string(pages) + " pages at " + std::to_string(address) + " to " + std::to_string(protection));
  const auto done = c.world.call<schema::VirtualMemory::Protect>(
      c.thread(n), abi::CapId{cap}, {.addr = address, .size = pages * kPage, .prot = protection});
  if (!short_of_memory(done.error)) c.expect(c.model.protect(n, address, pages, protection), done.error);
  return true;
}

// Loads and stores fault exactly where nothing is mapped for them; two views of one object show the same.
bool touch(Chapter& c, Number n) {
  const std::uint64_t address = random_address(c, n) & ~std::uint64_t{7};
  if (address >= abi::kUserEnd || address < abi::kDynamicBase || address >= abi::kRingBase) return false;
  const auto& pages = c.model.process(n).pages;
  const auto region = pages.find(address / kPage * kPage);
  const bool mapped = region != pages.end(), writable = mapped && (region->second.protection & 2) != 0;
  const CpuId cpu = c.thread(n).cpu;
  std::uint64_t value = 0;
  c.require(c.world.machine().load(cpu, hal::UserAddress(address), value) == mapped, "a load faults wrongly, or does not");
  if (mapped && region->second.object != 0) {
    std::uint64_t expected = 0;
    auto& bytes = c.model.object(region->second.object).bytes;
    std::uint8_t* const place = bytes.data() + region->second.page * kPage + address % kPage;
    std::memcpy(&expected, place, sizeof expected);
    c.require(value == expected, "a mapped object holds something else than was written");
    value = c.random.next();
    if (writable) std::memcpy(place, &value, sizeof value);
  }
  c.require(c.world.machine().store(cpu, hal::UserAddress(address), value) == writable, "a store faults wrongly, or does not");
  return true;
}

// --- processes --------------------------------------------------------------------------------------------------

bool spawn(Chapter& c, Number n) {
  const std::uint64_t spawner = c.service(n, "spawner");
  if (spawner == 0 || !has_room(c, n) || c.living() >= kMostProcesses) return false;
  const Number number = c.new_number();
  const auto cpu = static_cast<std::uint16_t>(c.random.below(c.world.machine().cpus() + (c.random.one_in(20) ? 1 : 0)));
  const bool known = !c.random.one_in(30);
  const std::uint64_t quota = c.random.one_in(10) ? c.random.below(70) : 150 + c.random.below(300);
  std::vector<std::pair<std::uint64_t, Id>> grants;
  for (const auto& [cap, id] : c.model.process(n).caps) {
    if (grants.size() < 24 && !c.random.one_in(3)) grants.emplace_back(cap, id);
  }
  c.tell(std::to_string(number) + " on cpu " + std::to_string(cpu));
  kernel::Process& process = c.world.process(n);
  const auto made = c.world.message<schema::ProcessSpawner::Spawn>(
      c.thread(n), abi::CapId{spawner}, [&](auto params, auto& transfers) {
        params.set_name("child");
        params.set_program(known ? "program" : "nobody knows");
        params.set_cpu(cpu);
        params.set_memory_pages(quota);
        params.set_source(number);
        const auto list = params.init_grants(static_cast<std::uint32_t>(grants.size()));
        for (std::uint32_t i = 0; i < grants.size(); ++i) {
          list[i].set_name("g" + std::to_string(i));
          list[i].init_capability().set_capability(add(transfers, abi::CapId{grants[i].first}));
        }
      });
  if (short_of_memory(made.error())) return true;
  const bool cpu_exists = cpu < c.world.machine().cpus();
  c.expect(!known ? invalid(KernelError::not_found) : !cpu_exists ? invalid(KernelError::bad_cpu) : kNoError, made.error());
  if (!made.ok()) return true;
  const abi::CapId handle = made.cap([](auto results) { return results.process(); });
  c.model.gets(n, handle.raw, c.model.add_handle(number));
  c.keep(number, *process.capabilities().find(handle)->object());
  c.model.add_process(number, cpu);
  for (const auto& [name, cap] : c.world.capset(c.world.process(number))) {
    const Id id = name.front() == 'g'      ? grants[std::stoul(name.substr(1))].second
                  : name == "self.memory" ? c.model.add_virtual_memory(number)
                                          : c.model.add_service(name);
    c.model.gets(number, cap.raw, id);
  }
  c.model.spawned(n, number);
  return true;
}

bool kill(Chapter& c, Number n) {
  // Where hardly anybody can go on any more, room is made.
  if (!c.random.one_in(c.able_to_run() > 3 ? 10 : 1)) return false;
  const std::uint64_t cap = c.pick(n, Kind::handle);
  if (cap == 0) return false;
  const Number victim = c.model.held(n, cap)->process;
  c.tell(std::to_string(victim));
  kernel::Thread& thread = c.thread(n);
  const auto found = c.world.call<schema::ProcessHandle::Kill>(thread, abi::CapId{cap});
  c.model.kill(n, victim);
  c.require(found.error.ok(), "kill is refused");
  return true;
}

bool wait_for_process(Chapter& c, Number n) {
  const std::uint64_t cap = c.pick(n, Kind::handle);
  if (cap == 0) return false;
  const Number awaited = c.model.held(n, cap)->process;
  c.tell(std::to_string(awaited));
  kernel::Thread& thread = c.thread(n);
  expect_value<schema::ProcessHandle::Wait>(c, c.model.wait_for(n, awaited), thread, cap);
  return true;
}

bool ask_state(Chapter& c, Number n) {
  const std::uint64_t cap = c.pick(n, Kind::handle);
  if (cap == 0) return false;
  expect_value<schema::ProcessHandle::State>(c, c.model.state_of(c.model.held(n, cap)->process), c.thread(n), cap);
  return true;
}

// Ends are rare, so that there is something to end.
bool exit(Chapter& c, Number n) {
  if (!c.random.one_in(6)) return false;
  const std::uint64_t code = c.random.below(256);
  c.model.exit(n, 0, code, 0);
  c.world.exit(c.thread(n), code);
  return true;
}

bool fault(Chapter& c, Number n) {
  if (!c.random.one_in(6)) return false;
  const std::uint64_t address = c.random.next();
  c.model.exit(n, 1, 14, address);
  c.world.fault(c.thread(n), 14, address);
  return true;
}

// --- capabilities and the ring ------------------------------------------------------------------------------------

// Gives one up, the more likely the more there are; never what the walk lives on.
bool release(Chapter& c, Number n) {
  auto& caps = c.model.process(n).caps;
  if (caps.size() < 16 && !c.random.one_in(4)) return false;
  auto chosen = caps.begin();
  std::advance(chosen, static_cast<long>(c.random.below(caps.size())));
  const ModelObject& object = c.model.object(chosen->second);
  if (object.kind == Kind::virtual_memory && object.process == n) return false;
  if (n == World::kInit && object.kind == Kind::service) return false;
  const std::uint64_t cap = chosen->first;
  c.tell(named(cap));
  c.expect(kNoError, c.world.release(c.thread(n), abi::CapId{cap}));
  (void)c.model.gives_up(n, cap);
  return true;
}

// A CapId that it had, or never had, in each way to use one.
bool use_stale(Chapter& c, Number n) {
  const auto& process = c.model.process(n);
  std::uint64_t cap = c.random.next();
  if (!c.random.one_in(4) && !process.had.empty()) {
    auto had = process.had.begin();
    std::advance(had, static_cast<long>(c.random.below(process.had.size())));
    cap = c.random.one_in(2) ? *had : *had ^ std::uint64_t{1} << c.random.below(64);
  }
  if (process.caps.contains(cap)) return false;
  c.tell(named(cap));
  kernel::Thread& thread = c.thread(n);
  const Error stale = transport(TransportError::invalid_cap);
  switch (c.random.below(3)) {
    case 0: c.expect(stale, c.world.release(thread, abi::CapId{cap})); return true;
    case 1: {
      const auto answer = c.world.call(thread, abi::CapId{cap}, c.random.next(), 0);
      c.require(answer.has_value() && answer->error() == stale, "a stale capability was called");
      return true;
    }
    default: {
      const auto answer = c.world.reply_receive(thread, abi::CapId{cap});
      c.require(answer.has_value() && answer->error() == stale, "a stale capability was served");
      return true;
    }
  }
}

bool wrong_interface(Chapter& c, Number n) {
  constexpr std::array kKinds = {Kind::memory, Kind::notification, Kind::handle, Kind::service, Kind::endpoint};
  const std::uint64_t cap = c.pick(n, kKinds[c.random.below(kKinds.size())]);
  if (cap == 0) return false;
  c.tell(named(cap));
  const auto answer = c.world.call(c.thread(n), abi::CapId{cap}, 0x1234, static_cast<std::uint16_t>(c.random.below(9)));
  c.require(answer.has_value() && answer->error().transport == TransportError::exception &&
                answer->error().exception == schema::ExceptionType::unimplemented,
            "an interface that the object has not was called");
  return true;
}

bool unknown_system_call(Chapter& c, Number n) {
  const auto answer = c.world.enter(c.thread(n), 100 + c.random.below(156), {}, 0, random_words(c));
  c.require(answer.has_value() && answer->error() == transport(TransportError::invalid_operation),
            "an unknown system call is not refused");
  return true;
}

// Several entries for one entry into the kernel: each completes, in order.
bool ring_batch(Chapter& c, Number n) {
  kernel::Thread& thread = c.thread(n);
  const std::uint64_t count = 1 + c.random.below(abi::kSubmissionEntries);
  std::vector<std::pair<std::uint64_t, std::int32_t>> expected;
  for (std::uint64_t i = 0; i < count; ++i) {
    abi::CapSqe entry{};
    entry.user_data = c.random.next();
    std::int32_t result = 0;
    if (c.random.one_in(3)) {
      entry.operation = static_cast<std::uint8_t>(abi::RingOperation::release);
      entry.cap = c.random.next();
      result = -static_cast<std::int32_t>(TransportError::invalid_cap);
    } else if (c.random.one_in(4)) {
      entry.operation = 0xee;
      result = -static_cast<std::int32_t>(TransportError::invalid_operation);
    }
    c.world.submit(thread, entry);
    expected.emplace_back(entry.user_data, result);
  }
  c.tell(std::to_string(count) + " entries");
  c.require(c.world.enter_ring(thread) == count, "not every entry was completed");
  for (const auto& [user_data, result] : expected) {
    const auto completion = c.world.take_completion(thread);
    c.require(completion.has_value() && completion->user_data == user_data && completion->result == result,
              "a completion is missing, or another's");
  }
  return true;
}

// A message that lies outside the arena, or is none.
bool bad_message(Chapter& c, Number n) {
  const std::uint64_t cap = c.service(n, "objects");
  if (cap == 0) return false;
  kernel::Thread& thread = c.thread(n);
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(abi::RingOperation::call);
  entry.cap = cap;
  entry.interface_id = schema::ObjectFactory::kInterfaceId;
  entry.method = 1;
  const auto number = static_cast<std::uint32_t>(c.random.next());
  switch (c.random.below(4)) {
    case 0: entry.params_offset = number | 1; break;
    case 1: entry.params_size = abi::kArenaBytes + 8 + (number & ~7u) % 4096; break;
    case 2: entry.transfers_count = abi::kMaxTransfers + 1 + number % 1000; break;
    default: entry.results_offset = abi::kArenaBytes, entry.results_capacity = 8; break;
  }
  const abi::CapCqe completion = c.world.complete(thread, entry);
  c.expect(transport(TransportError::invalid_message), error_of(completion.result, completion.flags));
  return true;
}

constexpr std::array kActions = {
    Action{"looks at the clock", 2, false, look_at_the_clock},
    Action{"sleeps", 4, true, sleep},
    Action{"makes a notification", 3, false, make_notification},
    Action{"signals", 14, false, signal},
    Action{"waits for a signal at", 6, true, wait},
    Action{"polls", 3, false, poll},
    Action{"makes an endpoint", 2, false, make_endpoint},
    Action{"connects to", 3, false, connect},
    Action{"calls", 24, true, call},
    Action{"replies and receives at", 24, true, reply_and_receive},
    Action{"allocates", 3, false, allocate},
    Action{"reads", 3, false, read},
    Action{"writes", 3, false, write},
    Action{"asks the size", 1, false, ask_size},
    Action{"maps", 4, false, map},
    Action{"maps the object", 4, false, map_object},
    Action{"unmaps", 4, false, unmap},
    Action{"protects", 3, false, protect},
    Action{"touches its memory", 5, false, touch},
    Action{"spawns", 10, false, spawn},
    Action{"kills", 4, false, kill},
    Action{"waits for process", 1, true, wait_for_process},
    Action{"asks the state", 2, false, ask_state},
    Action{"exits", 1, true, exit},
    Action{"faults", 1, true, fault},
    Action{"releases", 8, false, release},
    Action{"uses the stale", 4, false, use_stale},
    Action{"calls by a wrong interface", 2, false, wrong_interface},
    Action{"makes an unknown call", 1, false, unknown_system_call},
    Action{"submits", 3, false, ring_batch},
    Action{"sends a bad message", 2, false, bad_message},
};

}  // namespace

std::span<const Action> actions() { return kActions; }

}  // namespace capos::ktest
