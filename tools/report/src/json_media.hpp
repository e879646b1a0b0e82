// SPDX-License-Identifier: Apache-2.0
// result.json's part "media".
#pragma once

#include <nlohmann/json.hpp>

#include "capos/media/block.hpp"
#include "capos/report/result.hpp"

namespace capos::report {

[[nodiscard]] nlohmann::ordered_json media_to_json(const MediaResult& media, std::uint64_t start_ns);

}  // namespace capos::report
