// SPDX-License-Identifier: Apache-2.0
#include "interrupts_off.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <sstream>

#include "../machine/run.hpp"
#include "../support/files.hpp"
#include "../support/process.hpp"

namespace capos::cli {
namespace {

constexpr std::chrono::seconds kWall{1200};

std::unexpected<Problem> unreadable(const std::string& line) {
  return problem("the plug-in wrote a line that cannot be read: " + line, "report this");
}

// "ADDRESS:COUNT"
bool read_block(const std::string& word, std::uint64_t& address, std::uint64_t& count) {
  const char* const end = word.data() + word.size();
  const auto first = std::from_chars(word.data(), end, address, 16);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ':') return false;
  const auto second = std::from_chars(first.ptr + 1, end, count);
  return second.ec == std::errc{} && second.ptr == end;
}

std::string named(const ElfFile& kernel, std::uint64_t address) {
  const std::string name = kernel.function_at(address);
  return name.empty() ? fmt::format("{:x}", address) : name;
}

Outcome<Section> read_section(const std::string& line, const ElfFile& kernel) {
  std::istringstream words(line);
  Section section;
  std::uint64_t entry = 0;
  if (!(words >> section.times >> section.longest >> std::hex >> entry)) return unreadable(line);
  std::map<std::string, std::uint64_t> functions;
  for (std::string word; words >> word;) {
    std::uint64_t address = 0, count = 0;
    if (!read_block(word, address, count)) return unreadable(line);
    functions[named(kernel, address)] += count;
  }
  if (functions.empty()) return unreadable(line);
  section.entry = named(kernel, entry);
  section.most = std::ranges::max_element(functions, {}, [](const auto& each) { return each.second; })->first;
  return section;
}

// The plug-in tells kinds apart by blocks of code; here, by functions.
void merge(std::vector<Section>& kinds, Section&& section) {
  const auto same = std::ranges::find_if(kinds, [&](const Section& kind) { return kind.entry == section.entry && kind.most == section.most; });
  if (same == kinds.end()) {
    kinds.push_back(std::move(section));
    return;
  }
  same->times += section.times;
  same->longest = std::max(same->longest, section.longest);
}

}  // namespace

Outcome<InterruptsOff> read_sections(std::string_view text, const ElfFile& kernel) {
  InterruptsOff found;
  std::istringstream lines{std::string(text)};
  std::string line, word;
  if (!std::getline(lines, line)) return unreadable("");
  std::istringstream head(line);
  if (!(head >> word >> found.sections >> found.longest) || word != "all") return unreadable(line);
  while (std::getline(lines, line)) {
    auto section = read_section(line, kernel);
    if (!section) return std::unexpected(section.error());
    merge(found.kinds, std::move(*section));
  }
  std::ranges::sort(found.kinds, std::ranges::greater{}, &Section::longest);
  return found;
}

Outcome<InterruptsOff> measure_interrupts_off(const Paths& paths, bool verbose) {
  const auto kernel = ElfFile::read(paths.kernel());
  if (!kernel) return std::unexpected(kernel.error());
  const auto directory = paths.out("bench-sched-interrupts-off"), out = directory / "sections.txt";
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  std::filesystem::remove(out, failed);
  MachineSpec spec;
  spec.kernel = paths.kernel();
  spec.pack = paths.build / "tests" / "guest" / "one-cpu.pack";
  spec.console = directory / "console.log";
  spec.educational_device = spec.second_serial = true;
  spec.plugin = fmt::format("{},out={},least={}", (paths.build / "bench" / "tcg-plugin" / "libcapos_sections.so").string(), out.string(), kLongSection);
  if (verbose) fmt::print(stderr, "{}\n", shell_line(qemu_command(spec)));
  const auto end = run_machine(spec, directory, {.wall = kWall, .stall = kWall}, {});
  if (!end) return std::unexpected(end.error());
  if (!end->fine()) return problem("the conformance program did not pass: " + end->note, "read " + spec.console.string());
  const auto text = read_text(out);
  if (!text) return problem("the plug-in left nothing in " + out.string(), "read qemu.log beside it");
  return read_sections(*text, *kernel);
}

}  // namespace capos::cli
