// SPDX-License-Identifier: Apache-2.0
// An admitted island: its certificate has passed the checker, its CPUs are leased, its contexts exist.
//
// Life: admitted -> active (releases run) -> retired (for good; the CPUs are free again), by retire(), by a task's
// consequence, or when nobody holds the island any more. Changed by calls on a housekeeping CPU, or CPU 0 for a consequence;
// what concerns a context reaches its own CPU by mail.
#pragma once

#include <array>

#include "islands/certificate_wire.hpp"
#include "islands/scheduling_context.hpp"

namespace capos::kernel {

class Island final : public TypedObject<Island, schema::RealtimeIsland> {
 public:
  static constexpr ObjectType kType = ObjectType::island;
  using Interface = schema::RealtimeIsland;

  // Takes the leases and makes the contexts, charged to `payer`. The certificate has been checked.
  // Errors: quota_exceeded, out_of_memory.
  [[nodiscard]] static ResultOf<Ref<Island>, schema::KernelError> create(Ledger& payer, const sched::Certificate& certificate,
                                                                         std::uint32_t index, bool slack,
                                                                         Time now) noexcept;

  [[nodiscard]] unsigned size() const noexcept { return count_; }
  [[nodiscard]] SchedulingContext& context(unsigned task) noexcept { return *contexts_[task]; }

  Outcome activate(CallContext&, const Interface::Activate::Params::Value&, Interface::Activate::Results::Value&) noexcept;
  Outcome retire(CallContext&, const Interface::Retire::Params::Value&, Interface::Retire::Results::Value&) noexcept;
  Outcome status(CallContext&, const Interface::Status::Params::Value&, Interface::Status::Results::Value&) noexcept;

 private:
  enum class State : std::uint8_t { admitted, active, retired };
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;

  Island(std::uint32_t index, std::uint32_t cpus) noexcept : TypedObject(kType), index_(index), cpus_(cpus) {}
  ~Island() = default;
  void destroy() noexcept override;
  friend void end_island(SchedulingContext& context, Time now) noexcept;
  void pair_fallbacks(const sched::Certificate& certificate) noexcept;
  void link_triggers(std::span<const std::uint16_t> predecessors) noexcept;
  // Stops the contexts and gives the CPUs back. False if that has been done.
  bool end() noexcept;

  std::uint32_t index_;
  std::uint32_t cpus_;
  std::atomic<State> state_{State::admitted};
  unsigned count_ = 0;
  bool leased_ = false;
  std::uint64_t bandwidth_ = 0;  // charged, until the end, in ppm
  std::array<Ref<SchedulingContext>, kMaxCertificateTasks> contexts_;
};

// Retires the context's island, if that is there still. On CPU 0, not while contexts are walked through.
void end_island(SchedulingContext& context, Time now) noexcept;

// IslandAuthority: admission of certificates.
[[nodiscard]] Object& island_authority_service() noexcept;
// What certificates are checked against; set at boot.
void set_machine_overheads(const sched::Overheads& overheads) noexcept;

}  // namespace capos::kernel
