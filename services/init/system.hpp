// SPDX-License-Identifier: Apache-2.0
// The system under construction: what has been made for each part of the manifest, by its place there.
//
// Everything made stays made: init is never left. Bounds are those of the manifest's rules.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "capos/runtime/runtime.hpp"
#include "capos/schema/bootpack.hpp"

namespace capos::init {

inline constexpr std::size_t kMaxServices = 64;
inline constexpr std::size_t kMaxExports = 64;
inline constexpr std::size_t kMaxBuffers = 64;
inline constexpr std::size_t kMaxRings = 64;
inline constexpr std::size_t kMaxIslands = 16;
inline constexpr std::size_t kMaxTasks = 128;  // of all islands

struct ExportPlace {
  std::string_view service;
  std::string_view name;
  std::uint64_t interface_id = 0;
  abi::CapId endpoint;
  abi::CapId client;
};

struct TaskPlace {
  std::string_view service;
  abi::CapId context;
};

// The two sides of a ring, each for one service.
struct RingPlace {
  abi::CapId producer;
  abi::CapId consumer;
};

// What a certificate says of a passive server: the priority or the deadline it serves at, and where its callers run.
struct ServerPlace {
  bool called = false;
  std::uint8_t ceiling = 0;
  std::uint64_t floor_ns = 0;  // of an EDF island's server; 0: none
  std::uint16_t cpu = 0;
  abi::CapId recovery;         // its context for recoveries; null: none
};

struct System {
  System(const runtime::Runtime& own, schema::BootPack::Reader boot) noexcept : runtime(own), pack(boot) {}

  const runtime::Runtime& runtime;
  schema::BootPack::Reader pack;
  [[nodiscard]] schema::InitConfig::Reader config() const noexcept { return pack.manifest().init_config(); }

  std::array<abi::CapId, kMaxBuffers> buffers{};
  std::array<RingPlace, kMaxRings> rings{};
  std::array<ExportPlace, kMaxExports> exports{};
  std::size_t exports_count = 0;
  std::array<TaskPlace, kMaxTasks> tasks{};
  std::size_t tasks_count = 0;
  std::array<abi::CapId, kMaxIslands> islands{};
  std::array<abi::CapId, kMaxServices> processes{};
  std::array<ServerPlace, kMaxServices> servers{};
  std::array<std::uint16_t, kMaxServices> restarts{};  // of each: how often it has been started again
  // Told to the service that holds the host channel: write out what there is; and its answer.
  abi::CapId flush;
  abi::CapId flushed;
};

// "service.export" in its two parts; both empty if there is no dot.
struct ServerPath {
  std::string_view service;
  std::string_view name;
};
[[nodiscard]] constexpr ServerPath split(std::string_view path) noexcept {
  for (std::size_t dot = 0; dot < path.size(); ++dot) {
    if (path[dot] == '.') return {{path.data(), dot}, {path.data() + dot + 1, path.size() - dot - 1}};
  }
  return {};
}

// A refusal on the console, and the end of the run with `code`.
[[noreturn]] void give_up(const System& system, std::uint8_t code, std::string_view where, std::string_view why) noexcept;

// --- grants.cpp: memory, endpoints, capabilities.
void make_buffers(System& system) noexcept;
void make_rings(System& system) noexcept;
// The endpoints of one service's exports, at the ceiling and floor of its place.
void make_exports(System& system, std::uint32_t index) noexcept;
void make_notifications(System& system) noexcept;
[[nodiscard]] abi::CapId find_grant(const System& system, schema::Grant::Reader grant) noexcept;
// Memory that holds the service's configuration; null if it has none.
[[nodiscard]] abi::CapId make_config(const System& system, schema::Service::Reader service) noexcept;

// --- admission.cpp
// Starts the admission service, asks it for every island, and hands its certificates to the kernel.
void admit_islands(System& system) noexcept;

// --- policy.cpp: authority that lasts as long as the service which holds it, so nobody else keeps it.
[[nodiscard]] bool is_policy(schema::Service::Reader service) noexcept;
// Both wait for a service before this one to be taken apart. Null if that does not come to pass.
[[nodiscard]] abi::CapId make_placement(const System& system) noexcept;
[[nodiscard]] abi::CapId make_share_control(const System& system, std::string_view service) noexcept;

// --- spawn.cpp
// Policy services after all others: they are given shares of those.
void spawn_services(System& system) noexcept;
void spawn_service(System& system, std::uint32_t index) noexcept;
// Starts again which services have ended and may be; what cannot be just now is tried at the next look. True if there is any
// that may be, now or later.
bool restart_services(System& system) noexcept;
// Until every service has come to its first wait, or the deadline: then the run ends.
void await_services(const System& system) noexcept;

// --- run.cpp
// Starts the islands, lets the run's time pass, ends it in order.
[[noreturn]] void run(System& system) noexcept;

}  // namespace capos::init
