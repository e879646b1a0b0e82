// SPDX-License-Identifier: Apache-2.0
// The Admission interface served: each call analyses one island afresh, with all that share CPUs with it, and leaves its answer in
// the buffer. What stands it asks of the kernel each time; it keeps nothing between calls.
#pragma once

#include <cstddef>
#include <span>

#include "capos/admission/admit.hpp"
#include "capos/admission/diagnostics.hpp"
#include "capos/runtime/server.hpp"
#include "capos/schema/admission.hpp"
#include "capos/schema/bootpack.hpp"
#include "standing_islands.hpp"

namespace capos::admission {

// About 200 KiB: static.
class AdmissionServer : public runtime::Served {
 public:
  using Answer = schema::Admission::Admit::Results::Value;

  // `pack`: the BootPack message's words; `out`: where answers go; `standing`: null if it may not look.
  AdmissionServer(std::span<const wire::Word> pack, std::span<std::byte> out,
                  runtime::Capability<schema::IslandReader> standing) noexcept
      : pack_(pack), out_(out), reader_(standing) {}

  Outcome admit(runtime::CallInfo& info, const schema::Admission::Admit::Params::Value& params,
                Answer& answer) noexcept;
  Outcome admit_beside(runtime::CallInfo& info, schema::Admission::AdmitBeside::Params::Reader params,
                       schema::Admission::AdmitBeside::Results::Builder results) noexcept;
  Outcome change(runtime::CallInfo& info, schema::Admission::Change::Params::Reader params,
                 schema::Admission::Change::Results::Builder results) noexcept;

 private:
  [[nodiscard]] Answer judge_beside(schema::SystemManifest::Reader manifest, std::uint16_t island, bool changes) noexcept;
  [[nodiscard]] Answer judge(schema::BootPack::Reader pack, std::uint16_t island) noexcept;
  [[nodiscard]] Answer certificate() noexcept;
  [[nodiscard]] Answer refusal() noexcept;
  [[nodiscard]] Answer finding() noexcept;

  std::span<const wire::Word> pack_;
  std::span<std::byte> out_;
  runtime::Capability<schema::IslandReader> reader_;
  StandingIslands standing_;
  Diagnostics found_;
  IslandAdmission admission_;
};

}  // namespace capos::admission
