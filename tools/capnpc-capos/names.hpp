// SPDX-License-Identifier: Apache-2.0
// From schema names to C++ names.
#pragma once

#include <string>
#include <string_view>

namespace capnpc {

// `waitNextRelease` -> `wait_next_release`; `getURL` -> `get_url`. What C++ or its preprocessor reserves gets
// an underscore at its end.
[[nodiscard]] std::string snake_case(std::string_view name);

// `waitNextRelease` -> `WaitNextRelease`. Names the generator uses itself (Reader, Builder, ...) get an
// underscore.
[[nodiscard]] std::string title_case(std::string_view name);

// A C++ string literal, quotes included.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace capnpc
