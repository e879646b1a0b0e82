// SPDX-License-Identifier: Apache-2.0
// One admission of an island, or change of one, under way: made by the first portion of its call, and gone with the call.
//
// Life: at the desk with a copy of the parameters -> claims put together -> checked -> what is to stand has been made -> it stands, all of
// it at once; an admission's caller is given it in one portion more, and if there is no caller any more it ends. Until then nothing has
// changed: who is called off, or dies, leaves the desk, and what was made goes. If an island has come or gone meanwhile, all of it begins again; if the desk was taken away, with the
// parameters as they are then. CPU 0 only. Bounds: a portion is a step of the group, the checker or the writing, or makes kContexts contexts; the last one visits
// each task once.
#pragma once

#include <optional>

#include "capos/schema/kernel.hpp"
#include "islands/context_handout.hpp"
#include "islands/desk.hpp"
#include "islands/island.hpp"
#include "islands/mode_change.hpp"
#include "objects/object.hpp"

namespace capos::kernel {

class Admission final : public CallState {
 public:
  static constexpr ObjectType kType = ObjectType::admission;
  static constexpr unsigned kContexts = 2;

  // The next portion of IslandAuthority.admit, and of RealtimeIsland.modeChange.
  [[nodiscard]] static Outcome admit(CallContext& call, schema::AdmitResult::Builder results) noexcept;
  [[nodiscard]] static Outcome change(CallContext& call, Island& island, schema::ChangeResult::Builder results) noexcept;

 private:
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;

  enum class Stage : std::uint8_t {
    begin,
    standing_claims,  // a change: what stands, and
    busy,             // how long each CPU may be busy with it
    before,           // what its tasks were
    claims,
    comparison,       // a change: with what its tasks were
    check,
    room,
    writing,
    contexts,         // an admission: are made,
    handout,          // and put into the caller's table
    changes,          // a change: of each task
    vacating,         // an admission: what may live elsewhere leaves the CPUs that are to be leased
    whole,
    given,            // an admission: stands, and is told to its caller
  };

  explicit Admission(Ticket ticket) noexcept : CallState(kType), ticket_(ticket) {}
  ~Admission() = default;
  void destroy() noexcept override;

  // The one that the call has begun, or begins now; it is at the desk, and what it has judged holds. nullptr: the call is to be made again.
  [[nodiscard]] static ResultOf<Admission*, schema::KernelError> of(CallContext& call) noexcept;
  void begin_again() noexcept;
  [[nodiscard]] Outcome go_on(Stage next) noexcept {
    stage_ = next;
    next_ = 0;
    return Outcome::unfinished();
  }
  // `refuse`: from a text to an answer.
  template <typename Refuse>
  [[nodiscard]] Outcome put_together(Stage next, Refuse&& refuse) noexcept;
  template <typename Refuse>
  [[nodiscard]] Outcome check(Refuse&& refuse) noexcept;
  [[nodiscard]] Outcome take_room(Ledger& payer, Stage next) noexcept;
  [[nodiscard]] Outcome write(Stage next) noexcept;
  [[nodiscard]] Outcome make_contexts(CallContext& call) noexcept;
  [[nodiscard]] Outcome hand_out(CallContext& call) noexcept;
  [[nodiscard]] Outcome vacate() noexcept;
  [[nodiscard]] Outcome stand(CallContext& call, schema::AdmitResult::Builder results) noexcept;
  [[nodiscard]] Outcome give(CallContext& call, schema::AdmitResult::Builder results) noexcept;

  template <typename Refuse>
  [[nodiscard]] Outcome find_busy(const Island& island, Refuse&& refuse) noexcept;
  [[nodiscard]] Outcome note_before() noexcept;
  template <typename Refuse>
  [[nodiscard]] Outcome compare(const Island& island, Refuse&& refuse) noexcept;
  [[nodiscard]] Outcome make_changes(Island& island) noexcept;
  [[nodiscard]] Outcome take_effect(CallContext& call, Island& island, schema::ChangeResult::Builder results) noexcept;

  const Ticket ticket_;
  Stage stage_ = Stage::begin;
  std::uint16_t next_ = 0;        // within a stage
  std::uint64_t generation_ = 0;  // of what stands, when it began
  KeptCertificate kept_;
  Ref<Island> island_;            // that is being made
  Ref<ContextHandout> handout_;   // of its contexts
  Ref<Island> changed_;           // whose change it is
  ModeChange* change_ = nullptr;  // that is being made
  Duration wait_{};               // until it is in force
  std::optional<sched::Refusal> refusal_;  // what the check has come to: it takes a portion to say so
  std::uint32_t vacating_ = 0;    // bit c: CPU c has been asked to
};

}  // namespace capos::kernel
