// SPDX-License-Identifier: Apache-2.0
// The stages that an admission and a change have in common. Private to the two.
#pragma once

#include "core/cpu.hpp"
#include "ipc/call_context.hpp"
#include "islands/admission.hpp"
#include "islands/standing.hpp"

namespace capos::kernel {

template <typename Refuse>
Outcome Admission::put_together(Stage next, Refuse&& refuse) noexcept {
  Group& group = desk_work().group;
  switch (group.step()) {
    case Group::Step::unfinished: return Outcome::unfinished();
    case Group::Step::refused: return refuse(group.why());
    case Group::Step::malformed: return Outcome::transport(schema::TransportError::invalid_message);
    case Group::Step::whole: break;
  }
  if (group.is_changing()) return Outcome::overloaded(schema::KernelError::busy);
  if (next == Stage::check) desk_work().check.begin(group.claims(), machine_facts());
  return go_on(next);
}

template <typename Refuse>
Outcome Admission::check(Refuse&& refuse) noexcept {
  if (refusal_.has_value()) return refuse(explain(desk_work().group.claims(), *refusal_).view());
  const auto checked = desk_work().check.step();
  if (!checked.has_value()) {
    refusal_ = checked.error();
    return Outcome::unfinished();
  }
  return *checked ? go_on(Stage::room) : Outcome::unfinished();
}

}  // namespace capos::kernel
