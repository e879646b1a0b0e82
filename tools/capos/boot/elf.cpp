// SPDX-License-Identifier: Apache-2.0
#include "elf.hpp"

#include <cxxabi.h>
#include <elf.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "../support/files.hpp"

namespace capos::cli {
namespace {

constexpr std::uint32_t kPvhEntry = 18;  // XEN_ELFNOTE_PHYS32_ENTRY

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return text != nullptr ? text.get() : name;
}

void remove_all(std::string& text, std::string_view what) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at)) text.erase(at, what.size());
}

}  // namespace

std::string short_name(const std::string& symbol) {
  std::string name = demangled(symbol.c_str());
  remove_all(name, "(anonymous namespace)::");
  remove_all(name, "capos::");
  name = name.substr(0, name.find(" [clone"));
  if (const auto suffix = name.find(".lto_priv"); suffix != std::string::npos) name.erase(suffix);
  // What stands before the parameters of a template's instance is its result.
  const auto parameters = name.find('(');
  if (parameters == std::string::npos || parameters == 0) return name;
  name.erase(parameters);
  int depth = 0;
  for (std::size_t at = name.size(); at-- > 0;) {
    if (name[at] == '>') ++depth;
    if (name[at] == '<') --depth;
    if (name[at] == ' ' && depth == 0 && name.find("operator") == std::string::npos) return name.substr(at + 1);
  }
  return name;
}

std::span<const std::byte> ElfFile::piece(std::uint64_t offset, std::uint64_t size) const {
  if (offset > bytes_.size() || size > bytes_.size() - offset) return {};
  return std::span(bytes_).subspan(offset, size);
}

template <typename T>
bool ElfFile::load(std::uint64_t offset, T& into) const {
  const auto from = piece(offset, sizeof into);
  if (from.empty()) return false;
  std::memcpy(&into, from.data(), sizeof into);
  return true;
}

Outcome<ElfFile> ElfFile::read(const std::filesystem::path& path) {
  auto bytes = read_bytes(path);
  if (!bytes) return std::unexpected(bytes.error());
  ElfFile file;
  file.bytes_ = std::move(*bytes);
  Elf64_Ehdr header{};
  if (!file.load(0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || !file.read_segments() || !file.read_symbols()) {
    return problem(path.string() + " is no ELF file of this build", "build it again");
  }
  return file;
}

bool ElfFile::read_segments() {
  Elf64_Ehdr header{};
  (void)load(0, header);
  for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    if (!load(header.e_phoff + i * sizeof segment, segment)) return false;
    if (segment.p_type == PT_LOAD) segments_.push_back({segment.p_vaddr, segment.p_paddr, segment.p_offset, segment.p_filesz});
    if (segment.p_type == PT_NOTE) read_notes(segment.p_offset, segment.p_filesz);
  }
  return true;
}

void ElfFile::read_notes(std::uint64_t offset, std::uint64_t size) {
  const std::uint64_t end = offset + size;
  const auto padded = [](std::uint64_t bytes) { return (bytes + 3) & ~std::uint64_t{3}; };
  Elf64_Nhdr note{};
  while (offset < end && load(offset, note)) {
    const std::uint64_t content = offset + sizeof note + padded(note.n_namesz);
    std::uint32_t address = 0;
    if (note.n_type == kPvhEntry && note.n_descsz >= sizeof address && load(content, address)) pvh_entry_ = address;
    offset = content + padded(note.n_descsz);
  }
}

bool ElfFile::read_symbols() {
  Elf64_Ehdr header{};
  (void)load(0, header);
  for (std::uint64_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr table{}, names{};
    if (!load(header.e_shoff + i * sizeof table, table)) return false;
    if (table.sh_type != SHT_SYMTAB) continue;
    if (!load(header.e_shoff + table.sh_link * sizeof names, names)) return false;
    const auto strings = piece(names.sh_offset, names.sh_size);
    if (strings.empty() || strings.back() != std::byte{0}) return false;
    for (std::uint64_t at = 0; at + sizeof(Elf64_Sym) <= table.sh_size; at += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol{};
      if (!load(table.sh_offset + at, symbol)) return false;
      const auto kind = ELF64_ST_TYPE(symbol.st_info);
      if ((kind != STT_FUNC && kind != STT_NOTYPE) || symbol.st_shndx == SHN_UNDEF || symbol.st_name >= strings.size()) continue;
      symbols_.push_back({symbol.st_value, symbol.st_size, reinterpret_cast<const char*>(&strings[symbol.st_name])});
    }
  }
  std::ranges::stable_sort(symbols_, {}, &Symbol::address);
  return true;
}

bool ElfFile::holds(std::uint64_t address, std::span<const std::byte> bytes) const {
  return std::ranges::any_of(segments_, [&](const Segment& segment) {
    for (const auto start : {segment.address, segment.physical}) {
      if (address < start || address - start > segment.size || bytes.size() > segment.size - (address - start)) continue;
      const auto there = piece(segment.offset + (address - start), bytes.size());
      if (std::ranges::equal(there, bytes)) return true;
    }
    return false;
  });
}

std::string ElfFile::function_at(std::uint64_t address) const {
  for (const auto& segment : segments_) {
    if (address >= segment.physical && address - segment.physical < segment.size) address = address - segment.physical + segment.address;
  }
  auto after = std::ranges::upper_bound(symbols_, address, {}, &Symbol::address);
  while (after != symbols_.begin()) {
    --after;
    // Labels of assembly have no size: they reach to the next symbol.
    if (!after->name.empty() && (after->size == 0 || address - after->address < after->size)) return short_name(after->name);
    if (address - after->address > segments_.front().size) break;
  }
  return "";
}

}  // namespace capos::cli
