// SPDX-License-Identifier: Apache-2.0
// Ways to break a static ELF, each by its name: one field, or one place, that the loader must not accept.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace guest {

using Bytes = std::vector<unsigned char>;

struct Breakage {
  std::string name;
  std::function<Bytes(Bytes)> apply;
};

[[nodiscard]] const std::vector<Breakage>& breakages();
// Throws std::runtime_error if there is no such breakage.
[[nodiscard]] Bytes broken(const std::string& name, const Bytes& image);

}  // namespace guest
