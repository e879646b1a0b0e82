// SPDX-License-Identifier: Apache-2.0
// What the cases share: the machine's authority, verdicts on the console, and children that play roles.
//
// A case is a function that CHECKs; the first check that does not hold ends it. Cases run one after another
// on CPU 0 and leave nothing behind: children are killed and reaped, capabilities released.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "capos/base/strong.hpp"
#include "capos/runtime/runtime.hpp"
#include "capos/runtime/text.hpp"
#include "capos/schema/load.hpp"
#include "roles.hpp"

#define CHECK(...)                                                                \
  do {                                                                            \
    if (!(__VA_ARGS__)) return guest.fail(__FILE_NAME__, __LINE__, #__VA_ARGS__); \
  } while (false)
// The same in a helper that returns bool; its caller CHECKs it and so names both places.
#define EXPECT(...)                                                                      \
  do {                                                                                   \
    if (!(__VA_ARGS__)) return guest.fail(__FILE_NAME__, __LINE__, #__VA_ARGS__), false; \
  } while (false)

namespace conformance {

using namespace capos;
using runtime::CallError;
using runtime::Capability;
using runtime::OwnedCapability;
using runtime::Transfers;
using schema::ExceptionType;
using schema::KernelError;
using schema::TransportError;

inline constexpr std::uint64_t kPage = 4096;
inline constexpr std::uint64_t kMicrosecond = 1'000, kMillisecond = 1'000'000;

class Guest;

struct Case {
  std::string_view name;
  void (*run)(Guest&);
};

class Guest {
 public:
  explicit Guest(runtime::Runtime& own) noexcept;

  runtime::Runtime& runtime;
  Capability<schema::Console> console;
  Capability<schema::Timer> timer;
  Capability<schema::FrameAllocator> frames;
  Capability<schema::ObjectFactory> objects;
  Capability<schema::ProcessSpawner> spawner;
  Capability<schema::VirtualMemory> memory;
  Capability<schema::IslandAuthority> islands;
  Capability<schema::TraceRings> trace_rings;
  unsigned cpus = 1;

  // The console's verdict on a case, and the sum.
  void run(const Case& item) noexcept;
  void fail(std::string_view file, unsigned line, std::string_view what) noexcept;
  // A figure that a failed check wants to show; printed with the verdict.
  void note(std::string_view name, std::uint64_t value) noexcept;
  [[nodiscard]] unsigned passed() const noexcept { return passed_; }
  [[nodiscard]] unsigned failed() const noexcept { return failed_; }

  [[nodiscard]] std::uint64_t now() noexcept;
  void sleep(std::uint64_t ns) noexcept;

 private:
  bool bad_ = false;
  unsigned passed_ = 0, failed_ = 0;
  runtime::Text<400> reason_;
};

// --- errors
template <typename T>
[[nodiscard]] bool transport(const runtime::Result<T>& result, TransportError error) noexcept {
  return !result.has_value() && result.error().transport == error;
}
template <typename T>
[[nodiscard]] bool refused(const runtime::Result<T>& result, ExceptionType type,
                           KernelError detail) noexcept {
  return transport(result, TransportError::exception) && result.error().exception == type &&
         result.error().kernel() == detail;
}
template <typename T>
[[nodiscard]] bool invalid(const runtime::Result<T>& result, KernelError detail) noexcept {
  return refused(result, ExceptionType::invalid_argument, detail);
}

// --- raw calls
struct RawCall {
  std::int32_t status = 0;
  std::uint64_t exception = 0;
  std::uint64_t words[abi::kRegisterWords] = {};
};
[[nodiscard]] RawCall raw_call(abi::CapId cap, std::uint64_t interface_id, std::uint16_t method,
                               std::uint64_t a = 0, std::uint64_t b = 0) noexcept;
[[nodiscard]] constexpr std::int32_t status_of(TransportError error) noexcept {
  return -static_cast<std::int32_t>(error);
}

// --- objects
using Memory = OwnedCapability<schema::MemoryObject>;
using Notice = OwnedCapability<schema::Notification>;
[[nodiscard]] Memory make_memory(Guest& guest, std::uint64_t pages) noexcept;
[[nodiscard]] Notice make_notification(Guest& guest) noexcept;

struct Service {
  OwnedCapability<schema::Endpoint> endpoint;
  OwnedCapability<schema::Echo> client;  // the interface's name does not matter: calls are made raw
};
[[nodiscard]] Service make_service(Guest& guest, std::uint64_t minimum_budget = 0, std::uint8_t ceiling = 0,
                                   std::uint64_t interface_id = schema::Echo::kInterfaceId, std::uint64_t floor_ns = 0,
                                   bool contexts_only = false) noexcept;

// A page that a child writes and a case reads.
class Shared {
 public:
  explicit Shared(Guest& guest, std::uint64_t pages = 1) noexcept;
  ~Shared();
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  [[nodiscard]] abi::CapId cap() const noexcept { return memory_.cap(); }
  [[nodiscard]] std::uint64_t word(std::size_t index) const noexcept {
    return __atomic_load_n(words_ + index, __ATOMIC_ACQUIRE);
  }
  void set(std::size_t index, std::uint64_t value) noexcept {
    __atomic_store_n(words_ + index, value, __ATOMIC_RELEASE);
  }
  [[nodiscard]] explicit operator bool() const noexcept { return words_ != nullptr; }
  // Until word `index` is at least `value`; false after `limit` ns.
  [[nodiscard]] bool reaches(std::size_t index, std::uint64_t value,
                             std::uint64_t limit = 500 * kMillisecond) noexcept;

 private:
  Guest& guest_;
  Memory memory_;
  std::uint64_t* words_ = nullptr;
  std::uint64_t size_ = 0;
};

// --- children
struct Grant {
  std::string_view name;
  abi::CapId cap;
};
struct Request {
  Role role{};
  std::uint32_t argument = 0;  // below 2^24
  std::span<const Grant> grants{};
  std::uint16_t cpu = 0;
  std::uint64_t pages = 256;
  abi::CapId context{};
  bool passive = false;
  std::string_view program = "child";
  abi::CapId supervisor{};
  abi::CapId ledger{};   // what it runs on; then `pages` does not count
  abi::CapId session{};
};
using Process = OwnedCapability<schema::ProcessHandle>;
[[nodiscard]] runtime::Result<Process> try_spawn(Guest& guest, const Request& request) noexcept;

// A child that is dead, or is killed and waited for, when this goes.
class Child {
 public:
  Child(Guest& guest, const Request& request) noexcept;
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(process_); }
  [[nodiscard]] Process& process() noexcept { return process_; }
  [[nodiscard]] bool alive() noexcept;
  // Until its thread has waited for something once.
  [[nodiscard]] bool becomes_ready() noexcept;
  // Waits for its end.
  [[nodiscard]] bool exits(std::int64_t code) noexcept;
  [[nodiscard]] bool ends(schema::ExitReason reason, std::int64_t code) noexcept;
  [[nodiscard]] bool faults(std::int64_t vector, std::uint64_t address) noexcept;
  void kill() noexcept { (void)process_->kill(); }

 private:
  Guest& guest_;
  Process process_;
};

// The cases, by subject.
// A kernel that checks its invariants at every exit takes thousands of instructions for the shortest call, more with each program
// there is. No admission counts that: there, jobs may be late, and gaps are in what runs without a break.
[[nodiscard]] bool kernel_checks_itself(Guest& guest) noexcept;

std::span<const Case> device_manager_cases() noexcept;
std::span<const Case> interrupt_cases() noexcept;
std::span<const Case> pci_cases() noexcept;
std::span<const Case> event_timer_cases() noexcept;
std::span<const Case> machine_info_cases() noexcept;
std::span<const Case> shared_buffer_cases() noexcept;
std::span<const Case> best_effort_cases() noexcept;
std::span<const Case> policy_cases() noexcept;
std::span<const Case> policy_service_cases() noexcept;
std::span<const Case> recovery_cases() noexcept;
std::span<const Case> rebinding_cases() noexcept;
std::span<const Case> guarded_cases() noexcept;
std::span<const Case> service_cases() noexcept;
std::span<const Case> capability_cases() noexcept;
std::span<const Case> memory_cases() noexcept;
std::span<const Case> mapping_cases() noexcept;
std::span<const Case> ring_cases() noexcept;
std::span<const Case> ring_operation_cases() noexcept;
std::span<const Case> ring_link_cases() noexcept;
std::span<const Case> message_call_cases() noexcept;
std::span<const Case> message_service_cases() noexcept;
std::span<const Case> pipelining_cases() noexcept;
std::span<const Case> ring_size_cases() noexcept;
std::span<const Case> batched_call_cases() noexcept;
std::span<const Case> ring_park_cases() noexcept;
std::span<const Case> ring_polling_cases() noexcept;
std::span<const Case> lease_end_cases() noexcept;
std::span<const Case> ring_link_timeout_cases() noexcept;
std::span<const Case> process_cases() noexcept;
std::span<const Case> elf_cases() noexcept;
std::span<const Case> fault_cases() noexcept;
std::span<const Case> kill_cases() noexcept;
std::span<const Case> ledger_cases() noexcept;
std::span<const Case> narrowing_cases() noexcept;
std::span<const Case> revocation_cases() noexcept;
std::span<const Case> session_cases() noexcept;
std::span<const Case> window_cases() noexcept;
std::span<const Case> notification_cases() noexcept;
std::span<const Case> endpoint_cases() noexcept;
std::span<const Case> call_cases() noexcept;
std::span<const Case> vector_state_cases() noexcept;
std::span<const Case> certificate_cases() noexcept;
std::span<const Case> island_cases() noexcept;
std::span<const Case> budget_cases() noexcept;
std::span<const Case> repetition_cases() noexcept;
std::span<const Case> deadline_cases() noexcept;
std::span<const Case> trigger_cases() noexcept;
std::span<const Case> several_island_cases() noexcept;
std::span<const Case> runtime_admission_cases() noexcept;
std::span<const Case> hostile_cases() noexcept;
std::span<const Case> hostile_flood_cases() noexcept;
std::span<const Case> isolation_cases() noexcept;
std::span<const Case> large_island_cases() noexcept;
std::span<const Case> donation_cases() noexcept;
std::span<const Case> accounting_cases() noexcept;
std::span<const Case> thread_cases() noexcept;
std::span<const Case> thread_end_cases() noexcept;
std::span<const Case> park_cases() noexcept;
std::span<const Case> supervision_cases() noexcept;
std::span<const Case> supervision_of_time_cases() noexcept;

}  // namespace conformance
