// SPDX-License-Identifier: Apache-2.0
// Builds ACPI tables in a fake physical memory, right ones and wrong ones.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "acpi/acpi.hpp"

namespace capos::test {

using Bytes = std::vector<std::uint8_t>;

inline void append(Bytes& to, std::uint64_t value, unsigned size) {
  for (unsigned i = 0; i < size; ++i) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}
inline void put(Bytes& to, std::size_t at, std::uint64_t value, unsigned size) {
  if (to.size() < at + size) to.resize(at + size);
  for (unsigned i = 0; i < size; ++i) to[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

// Memory of which only what was put there can be read.
class FakeMemory final : public hal::PhysicalReader {
 public:
  void place(std::uint64_t address, Bytes bytes) { regions_[address] = std::move(bytes); }
  Bytes& at(std::uint64_t address) { return regions_.at(address); }
  bool read(std::uint64_t address, std::span<std::uint8_t> into) noexcept override {
    ++reads;
    for (const auto& [base, bytes] : regions_) {
      if (address < base || address - base > bytes.size()) continue;
      if (into.size() > bytes.size() - (address - base)) continue;
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(address - base), into.size(), into.begin());
      return true;
    }
    return false;
  }
  std::uint64_t reads = 0;

 private:
  std::map<std::uint64_t, Bytes> regions_;
};

// Makes bytes [0, size) add up to 0 by the byte at `at`.
inline void seal(Bytes& bytes, std::size_t size, std::size_t at) {
  bytes[at] = 0;
  std::uint8_t sum = 0;
  for (std::size_t i = 0; i < size && i < bytes.size(); ++i) sum = static_cast<std::uint8_t>(sum + bytes[i]);
  bytes[at] = static_cast<std::uint8_t>(-sum);
}

inline Bytes table(const std::string& signature, const Bytes& body) {
  Bytes bytes(signature.begin(), signature.end());
  append(bytes, 36 + body.size(), 4);
  bytes.resize(36);
  bytes.insert(bytes.end(), body.begin(), body.end());
  seal(bytes, bytes.size(), 9);
  return bytes;
}

inline Bytes rsdp(std::uint8_t revision, std::uint64_t root) {
  const std::string magic = "RSD PTR ";
  Bytes bytes(magic.begin(), magic.end());
  bytes.resize(36);
  bytes[15] = revision;
  put(bytes, 16, revision < 2 ? root : 0, 4);
  put(bytes, 20, 36, 4);
  put(bytes, 24, revision < 2 ? 0 : root, 8);
  seal(bytes, 20, 8);
  seal(bytes, 36, 32);
  return bytes;
}

inline Bytes root_table(bool wide, const std::vector<std::uint64_t>& entries) {
  Bytes body;
  for (const std::uint64_t entry : entries) append(body, entry, wide ? 8 : 4);
  return table(wide ? "XSDT" : "RSDT", body);
}

// MADT entries.
inline Bytes processor(std::uint8_t id, std::uint32_t flags = 1) {
  Bytes entry = {0, 8, id, id};
  append(entry, flags, 4);
  return entry;
}
inline Bytes wide_processor(std::uint32_t id, std::uint32_t flags = 1) {
  Bytes entry = {9, 16, 0, 0};
  append(entry, id, 4);
  append(entry, flags, 4);
  append(entry, 0, 4);
  return entry;
}
inline Bytes io_apic(std::uint8_t id, std::uint32_t address, std::uint32_t first) {
  Bytes entry = {1, 12, id, 0};
  append(entry, address, 4);
  append(entry, first, 4);
  return entry;
}
inline Bytes line_override(std::uint8_t source, std::uint32_t line, std::uint16_t flags) {
  Bytes entry = {2, 10, 0, source};
  append(entry, line, 4);
  append(entry, flags, 2);
  return entry;
}
inline Bytes madt(const std::vector<Bytes>& entries, std::uint32_t local_apic = 0xfee00000) {
  Bytes body;
  append(body, local_apic, 4);
  append(body, 1, 4);
  for (const Bytes& entry : entries) body.insert(body.end(), entry.begin(), entry.end());
  return table("APIC", body);
}
inline Bytes hpet(std::uint64_t address, std::uint8_t space = 0) {
  Bytes body;
  append(body, 0x8086a201, 4);
  body.insert(body.end(), {space, 64, 0, 0});
  append(body, address, 8);
  body.resize(20);
  return table("HPET", body);
}
inline Bytes mcfg(std::uint64_t base, std::uint16_t segment, std::uint8_t first, std::uint8_t last) {
  Bytes body(8);
  append(body, base, 8);
  append(body, segment, 2);
  body.push_back(first);
  body.push_back(last);
  append(body, 0, 4);
  return table("MCFG", body);
}
inline Bytes fadt(std::uint32_t pm_timer, std::uint32_t flags, std::uint64_t reset, std::uint8_t value) {
  Bytes body(244 - 36);
  put(body, 76 - 36, pm_timer, 4);
  put(body, 91 - 36, 4, 1);
  put(body, 112 - 36, flags, 4);
  put(body, 116 - 36, 1, 1);
  put(body, 117 - 36, 8, 1);
  put(body, 120 - 36, reset, 8);
  put(body, 128 - 36, value, 1);
  return table("FACP", body);
}

}  // namespace capos::test
