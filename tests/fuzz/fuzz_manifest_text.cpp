// SPDX-License-Identifier: Apache-2.0
// The text of a manifest, as the command line reads it to say where a finding stands: tokens, constants, places. Any bytes
// are taken; every place lies inside the text.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "manifest/source_map.hpp"

namespace {

constexpr std::size_t kLongest = 1u << 16;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > kLongest) return 0;
  const std::string text(reinterpret_cast<const char*>(data), size);
  unsigned lines = 1;
  for (const char c : text) lines += c == '\n' ? 1 : 0;
  const capos::cli::SourceMap map(text);
  for (const auto& constant : map.constants()) {
    for (const std::string_view path : {"", "a", "initConfig.islands[0].tasks[1].period", "[3]", "x[99999999999]", "..", "a["}) {
      const auto at = map.locate(constant.name, path);
      if (at.line < 1 || at.line > lines || at.column < 1 || at.column > size + 1) std::abort();
      (void)map.field_at(at);
    }
    if (const auto field = map.field_at(constant.at); field.has_value() && field->type.size() > size) std::abort();
  }
  return 0;
}
