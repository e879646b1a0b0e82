// SPDX-License-Identifier: Apache-2.0
#include "breakage.hpp"

#include <elf.h>

#include <cstring>
#include <stdexcept>

namespace guest {
namespace {

Elf64_Ehdr& header(Bytes& image) { return *reinterpret_cast<Elf64_Ehdr*>(image.data()); }

std::span<Elf64_Phdr> segments(Bytes& image) {
  return {reinterpret_cast<Elf64_Phdr*>(image.data() + header(image).e_phoff), header(image).e_phnum};
}

// The n-th loadable segment that has something in memory.
Elf64_Phdr& load(Bytes& image, unsigned n) {
  for (Elf64_Phdr& segment : segments(image)) {
    if (segment.p_type == PT_LOAD && segment.p_memsz > 0 && n-- == 0) return segment;
  }
  throw std::runtime_error("the ELF has too few segments");
}

Elf64_Phdr& data_segment(Bytes& image) {
  for (Elf64_Phdr& segment : segments(image)) {
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_W) != 0) return segment;
  }
  throw std::runtime_error("the ELF has no data segment");
}

template <typename Change>
Breakage in_header(std::string name, Change change) {
  return {std::move(name), [change](Bytes image) {
            change(header(image));
            return image;
          }};
}
template <typename Change>
Breakage in_segment(std::string name, Change change) {
  return {std::move(name), [change](Bytes image) {
            change(load(image, 0));
            return image;
          }};
}

Breakage with(std::string name, std::function<void(Bytes&)> change) {
  return {std::move(name), [change = std::move(change)](Bytes image) {
            change(image);
            return image;
          }};
}

std::vector<Breakage> of_the_header() {
  return {
      in_header("bad-magic", [](Elf64_Ehdr& h) { h.e_ident[1] = 'e'; }),
      in_header("bad-class", [](Elf64_Ehdr& h) { h.e_ident[EI_CLASS] = ELFCLASS32; }),
      in_header("bad-endian", [](Elf64_Ehdr& h) { h.e_ident[EI_DATA] = ELFDATA2MSB; }),
      in_header("bad-type", [](Elf64_Ehdr& h) { h.e_type = ET_DYN; }),
      in_header("bad-machine", [](Elf64_Ehdr& h) { h.e_machine = EM_AARCH64; }),
      in_header("bad-version", [](Elf64_Ehdr& h) { h.e_version = 2; }),
      in_header("bad-phentsize", [](Elf64_Ehdr& h) { h.e_phentsize = 32; }),
      in_header("no-segments", [](Elf64_Ehdr& h) { h.e_phnum = 0; }),
      in_header("many-segments", [](Elf64_Ehdr& h) { h.e_phnum = 0xffff; }),
      in_header("headers-outside", [](Elf64_Ehdr& h) { h.e_phoff = ~std::uint64_t{0} - 10; }),
      in_header("entry-outside", [](Elf64_Ehdr& h) { h.e_entry = 0x1234; }),
      with("entry-data", [](Bytes& image) { header(image).e_entry = data_segment(image).p_vaddr; }),
      with("truncated", [](Bytes& image) { image.resize(image.size() / 4); }),
      with("tiny", [](Bytes& image) { image.resize(40); }),
  };
}

std::vector<Breakage> of_segments() {
  return {
      in_segment("file-outside", [](Elf64_Phdr& s) { s.p_offset = ~std::uint64_t{0} - 100; }),
      in_segment("file-over-memory", [](Elf64_Phdr& s) { s.p_memsz = s.p_filesz - 1; }),
      in_segment("address-low", [](Elf64_Phdr& s) { s.p_vaddr = 0; }),
      in_segment("address-high", [](Elf64_Phdr& s) { s.p_vaddr = 0x4000'0000'0000; }),
      in_segment("address-kernel", [](Elf64_Phdr& s) { s.p_vaddr = 0xffff'ffff'8000'0000; }),
      in_segment("address-wraps", [](Elf64_Phdr& s) { s.p_memsz = ~std::uint64_t{0} - 4096; }),
      in_segment("writable-code", [](Elf64_Phdr& s) { s.p_flags = PF_R | PF_W | PF_X; }),
      in_segment("unreadable", [](Elf64_Phdr& s) { s.p_flags = PF_X; }),
      in_segment("odd-flags", [](Elf64_Phdr& s) { s.p_flags |= 0x100; }),
      in_segment("dynamic", [](Elf64_Phdr& s) { s.p_type = PT_DYNAMIC; }),
      in_segment("interpreter", [](Elf64_Phdr& s) { s.p_type = PT_INTERP; }),
      with("overlap", [](Bytes& image) { load(image, 1).p_vaddr = load(image, 0).p_vaddr; }),
      with("huge-memory", [](Bytes& image) { data_segment(image).p_memsz = std::uint64_t{1} << 40; }),
  };
}

}  // namespace

const std::vector<Breakage>& breakages() {
  static const std::vector<Breakage> all = [] {
    auto list = of_the_header();
    for (auto& each : of_segments()) list.push_back(std::move(each));
    return list;
  }();
  return all;
}

Bytes broken(const std::string& name, const Bytes& image) {
  for (const Breakage& breakage : breakages()) {
    if (breakage.name == name) return breakage.apply(image);
  }
  throw std::runtime_error("no such breakage: " + name);
}

}  // namespace guest
