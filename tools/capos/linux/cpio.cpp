// SPDX-License-Identifier: Apache-2.0
#include "cpio.hpp"

#include <fmt/format.h>

#include <utility>

namespace capos::cli {
namespace {

constexpr unsigned kDirectory = 0040755, kProgram = 0100755;
constexpr std::size_t kAlignment = 4, kBlock = 512;

using Bytes = std::vector<std::byte>;

void append(Bytes& out, std::string_view text) {
  for (const char c : text) out.push_back(static_cast<std::byte>(c));
}

void pad(Bytes& out, std::size_t alignment) { out.resize((out.size() + alignment - 1) / alignment * alignment); }

void append_entry(Bytes& out, const std::string& name, unsigned number, unsigned mode, const Bytes& content) {
  const unsigned links = mode == kDirectory ? 2 : 1;
  append(out, fmt::format("070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}", number, mode, 0, 0, links, 0,
                          content.size(), 0, 0, 0, 0, name.size() + 1, 0));
  append(out, name);
  out.push_back(std::byte{0});
  pad(out, kAlignment);
  out.insert(out.end(), content.begin(), content.end());
  pad(out, kAlignment);
}

}  // namespace

void CpioArchive::add(const std::string& name, Bytes content) {
  for (auto slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1)) entries_[name.substr(0, slash)].directory = true;
  entries_[name] = {false, std::move(content)};
}

Bytes CpioArchive::finish() const {
  Bytes out;
  unsigned number = 1;
  for (const auto& [name, entry] : entries_) append_entry(out, name, number++, entry.directory ? kDirectory : kProgram, entry.content);
  append_entry(out, "TRAILER!!!", 0, 0, {});
  pad(out, kBlock);
  return out;
}

}  // namespace capos::cli
