// SPDX-License-Identifier: Apache-2.0
#include "objects/inheritance.hpp"

#include "capos/schema/admission.hpp"
#include "capos/schema/authority.hpp"
#include "capos/schema/kernel.hpp"
#include "capos/schema/load.hpp"
#include "capos/schema/robot.hpp"

namespace capos::kernel {

bool inherits(std::uint64_t derived, std::uint64_t ancestor) noexcept {
  return schema::kernel_inherits(derived, ancestor) || schema::authority_inherits(derived, ancestor) ||
         schema::admission_inherits(derived, ancestor) || schema::robot_inherits(derived, ancestor) ||
         schema::load_inherits(derived, ancestor);
}

}  // namespace capos::kernel
