// SPDX-License-Identifier: Apache-2.0
// "self.capabilities": the calling process's own table, as an object.
#pragma once

#include "objects/object.hpp"

namespace capos::kernel {

// One object for all: it acts on the table of whoever calls, so it is no authority over anybody else.
[[nodiscard]] Object& capability_table_service() noexcept;

}  // namespace capos::kernel
