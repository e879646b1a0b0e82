// SPDX-License-Identifier: Apache-2.0
#include "profile.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>
#include <sstream>

namespace capos::cli {
namespace {

constexpr std::uint64_t kUpperHalf = std::uint64_t{1} << 63;

struct Block {
  std::uint64_t address = 0, page = 0;
  std::vector<std::byte> bytes;
  PhaseCounts counts{};
};

bool read_bytes_of(const std::string& text, std::vector<std::byte>& into) {
  if (text.size() % 2 != 0) return false;
  for (std::size_t at = 0; at < text.size(); at += 2) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 2, value, 16);
    if (error != std::errc{} || end != text.data() + at + 2) return false;
    into.push_back(static_cast<std::byte>(value));
  }
  return true;
}

Outcome<std::vector<Block>> read_blocks(std::string_view text) {
  std::vector<Block> blocks;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    Block block;
    std::string bytes;
    words >> std::hex >> block.address >> block.page >> bytes >> std::dec;
    for (auto& count : block.counts) words >> count;
    if (!words || !read_bytes_of(bytes, block.bytes)) return problem("the boot plug-in wrote a line that cannot be read: " + line, "report this");
    blocks.push_back(std::move(block));
  }
  return blocks;
}

using Candidates = std::vector<bool>;  // by the programs' indexes

Candidates programs_with(const std::vector<NamedElf>& programs, const Block& block) {
  Candidates fits;
  for (const auto& [name, elf] : programs) fits.push_back(elf.holds(block.address, block.bytes));
  return fits;
}

// A page of memory holds code of one program.
std::map<std::uint64_t, Candidates> programs_by_page(const std::vector<NamedElf>& programs, const std::vector<Block>& blocks) {
  std::map<std::uint64_t, Candidates> pages;
  for (const auto& block : blocks) {
    if (block.address >= kUpperHalf) continue;
    const auto fits = programs_with(programs, block);
    auto [page, is_new] = pages.try_emplace(block.page, fits);
    if (is_new) continue;
    for (std::size_t i = 0; i < fits.size(); ++i) page->second[i] = page->second[i] && fits[i];
  }
  return pages;
}

}  // namespace

Outcome<BootProfile> boot_profile(std::string_view text, const ElfFile& kernel, const std::vector<NamedElf>& programs) {
  const auto blocks = read_blocks(text);
  if (!blocks) return std::unexpected(blocks.error());
  const auto pages = programs_by_page(programs, *blocks);
  BootProfile profile;
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts;
  for (const auto& block : *blocks) {
    for (std::size_t phase = 0; phase < block.counts.size(); ++phase) profile.phases[phase] += block.counts[phase];
    const auto instructions = std::accumulate(block.counts.begin() + 1, block.counts.end(), std::uint64_t{0});
    if (instructions == 0) continue;
    if (block.address >= kUpperHalf || kernel.holds(block.address, block.bytes)) {
      counts[{"kernel", kernel.function_at(block.address)}] += instructions;
      continue;
    }
    const auto& fits = pages.at(block.page);
    const auto found = std::ranges::find(fits, true);
    if (found == fits.end()) {
      counts[{"?", ""}] += instructions;
      continue;
    }
    const auto& [name, elf] = programs[static_cast<std::size_t>(found - fits.begin())];
    counts[{name, elf.function_at(block.address)}] += instructions;
  }
  for (std::size_t phase = 0; phase < kBootPhases.size(); ++phase) {
    if (profile.phases[phase] == 0) return problem(std::string("the boot plug-in saw nothing of the phase ") + kBootPhases[phase], "read qemu.log of that run");
  }
  for (const auto& [who, instructions] : counts) profile.contributors.push_back({who.first, who.second, instructions});
  std::ranges::stable_sort(profile.contributors, std::ranges::greater{}, &Contributor::instructions);
  return profile;
}

}  // namespace capos::cli
