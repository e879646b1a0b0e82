// SPDX-License-Identifier: Apache-2.0
// The Admission interface served: each call analyses one island afresh and leaves its answer in the buffer.
#pragma once

#include <cstddef>
#include <span>

#include "capos/admission/admit.hpp"
#include "capos/admission/diagnostics.hpp"
#include "capos/runtime/server.hpp"
#include "capos/schema/admission.hpp"
#include "capos/schema/bootpack.hpp"

namespace capos::admission {

// About 100 KiB: static.
class AdmissionServer : public runtime::Served {
 public:
  using Answer = schema::Admission::Admit::Results::Value;

  // `pack`: the BootPack message's words; `out`: where answers go.
  AdmissionServer(std::span<const wire::Word> pack, std::span<std::byte> out) noexcept
      : pack_(pack), out_(out) {}

  Outcome admit(runtime::CallInfo& info, const schema::Admission::Admit::Params::Value& params,
                Answer& answer) noexcept;

 private:
  [[nodiscard]] Answer judge(schema::BootPack::Reader pack, std::uint16_t island) noexcept;
  [[nodiscard]] Answer certificate() noexcept;
  [[nodiscard]] Answer refusal() noexcept;
  [[nodiscard]] Answer finding() noexcept;

  std::span<const wire::Word> pack_;
  std::span<std::byte> out_;
  Diagnostics found_;
  IslandAdmission admission_;
};

}  // namespace capos::admission
