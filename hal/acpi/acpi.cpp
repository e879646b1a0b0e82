// SPDX-License-Identifier: Apache-2.0
#include "acpi/acpi.hpp"

#include <algorithm>

namespace capos::hal {
namespace {

constexpr std::uint32_t signature(const char (&text)[5]) noexcept {
  std::uint32_t value = 0;
  for (unsigned i = 4; i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(text[i]);
  return value;
}

// One table or structure: fields are read at offsets within a size that has been checked.
class Table {
 public:
  Table(PhysicalReader& memory, std::uint64_t address, std::uint32_t size) noexcept
      : memory_(&memory), address_(address), size_(size) {}
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

  // The part of `size` bytes at `offset`; the caller has checked that it is within.
  [[nodiscard]] Table part(std::uint32_t offset, std::uint32_t size) const noexcept {
    return {*memory_, address_ + offset, size};
  }

  // Little-endian field; false if it is not within the table or cannot be read.
  template <typename T>
  [[nodiscard]] bool get(std::uint32_t offset, T& value) const noexcept {
    std::array<std::uint8_t, sizeof(T)> bytes{};
    if (offset > size_ || size_ - offset < sizeof(T)) return false;
    if (!memory_->read(address_ + offset, bytes)) return false;
    std::uint64_t sum = 0;
    for (std::size_t i = sizeof(T); i-- > 0;) sum = sum << 8 | bytes[i];
    value = static_cast<T>(sum);
    return true;
  }

  // All bytes add up to 0 (mod 256).
  [[nodiscard]] bool checksum_holds(std::uint32_t length) const noexcept {
    std::array<std::uint8_t, 64> chunk{};
    std::uint8_t sum = 0;
    for (std::uint32_t at = 0; at < length; at += 64) {
      const std::size_t n = std::min<std::uint32_t>(64, length - at);
      if (!memory_->read(address_ + at, std::span(chunk).first(n))) return false;
      for (std::size_t i = 0; i < n; ++i) sum = static_cast<std::uint8_t>(sum + chunk[i]);
    }
    return sum == 0;
  }

 private:
  PhysicalReader* memory_;
  std::uint64_t address_;
  std::uint32_t size_;
};

constexpr std::uint32_t kHeaderBytes = 36;

constexpr bool wanted(std::uint32_t kind) noexcept {
  return kind == signature("APIC") || kind == signature("HPET") || kind == signature("MCFG") ||
         kind == signature("FACP");
}

class Parser {
 public:
  explicit Parser(PhysicalReader& memory) noexcept : memory_(memory) {}
  AcpiInfo run(std::uint64_t rsdp) noexcept;

 private:
  void note(AcpiNote what) noexcept { info_.notes |= 1u << static_cast<unsigned>(what); }
  [[nodiscard]] bool rsdp_at(std::uint64_t address) noexcept;
  [[nodiscard]] std::uint64_t search(std::uint64_t from, std::uint64_t to) noexcept;
  [[nodiscard]] std::uint64_t find_rsdp() noexcept;
  [[nodiscard]] bool open(std::uint64_t address, Table& table, std::uint32_t& kind) noexcept;
  void root(std::uint64_t address, std::uint32_t kind, std::uint32_t entry_bytes) noexcept;
  void table(std::uint64_t address) noexcept;
  void madt(const Table& table) noexcept;
  [[nodiscard]] bool madt_entry(const Table& entry, std::uint8_t type) noexcept;
  [[nodiscard]] bool processor(const Table& entry, std::uint32_t id, std::uint32_t flags_at) noexcept;
  [[nodiscard]] bool io_apic(const Table& entry) noexcept;
  [[nodiscard]] bool line_override(const Table& entry) noexcept;
  void hpet(const Table& table) noexcept;
  void mcfg(const Table& table) noexcept;
  void fadt(const Table& table) noexcept;

  PhysicalReader& memory_;
  AcpiInfo info_;
  bool madt_seen_ = false;
};

bool Parser::rsdp_at(std::uint64_t address) noexcept {
  const Table rsdp(memory_, address, 36);
  std::uint64_t magic = 0;
  return rsdp.get(0, magic) && magic == 0x2052'5450'2044'5352 /* "RSD PTR " */ && rsdp.checksum_holds(20);
}

std::uint64_t Parser::search(std::uint64_t from, std::uint64_t to) noexcept {
  for (std::uint64_t at = from; at < to; at += 16)
    if (rsdp_at(at)) return at;
  return 0;
}

// The first KiB of the extended BIOS data area, then the BIOS read-only area.
std::uint64_t Parser::find_rsdp() noexcept {
  std::uint16_t segment = 0;
  if (Table(memory_, 0x40e, 2).get(0, segment) && segment >= 0x400) {
    const std::uint64_t ebda = std::uint64_t{segment} << 4;
    if (const std::uint64_t found = search(ebda, ebda + 1024); found != 0) return found;
  }
  return search(0xe0000, 0x100000);
}

// A table with header: readable, of a sane length, with a good checksum.
bool Parser::open(std::uint64_t address, Table& table, std::uint32_t& kind) noexcept {
  const Table header(memory_, address, kHeaderBytes);
  std::uint32_t length = 0;
  if (!header.get(0, kind) || !header.get(4, length)) return false;
  if (length < kHeaderBytes || length > AcpiInfo::kMaxTableBytes || address + length < address) return false;
  table = Table(memory_, address, length);
  return table.checksum_holds(length);
}

AcpiInfo Parser::run(std::uint64_t rsdp) noexcept {
  if (rsdp != 0 && !rsdp_at(rsdp)) {
    note(AcpiNote::bad_rsdp);
    rsdp = 0;
  }
  if (rsdp == 0) rsdp = find_rsdp();
  if (rsdp == 0) {
    note(AcpiNote::no_rsdp);
    note(AcpiNote::no_madt);
    return info_;
  }
  const Table pointer(memory_, rsdp, 36);
  std::uint8_t revision = 0;
  std::uint32_t rsdt = 0;
  std::uint64_t xsdt = 0;
  if (!pointer.get(15, revision) || !pointer.get(16, rsdt)) note(AcpiNote::bad_rsdp);
  if (revision >= 2 && pointer.checksum_holds(36) && pointer.get(24, xsdt) && xsdt != 0) {
    root(xsdt, signature("XSDT"), 8);
  } else {
    root(rsdt, signature("RSDT"), 4);
  }
  if (!madt_seen_) note(AcpiNote::no_madt);
  return info_;
}

void Parser::root(std::uint64_t address, std::uint32_t kind, std::uint32_t entry_bytes) noexcept {
  Table list(memory_, 0, 0);
  std::uint32_t found = 0;
  if (!open(address, list, found) || found != kind) return note(AcpiNote::bad_root);
  std::size_t tables = 0;
  for (std::uint32_t at = kHeaderBytes; list.size() - at >= entry_bytes; at += entry_bytes) {
    if (tables++ == AcpiInfo::kMaxTables) return note(AcpiNote::too_many);
    std::uint64_t entry = 0;
    std::uint32_t low = 0;
    const bool read = entry_bytes == 8 ? list.get(at, entry) : list.get(at, low);
    if (!read) return note(AcpiNote::bad_root);
    table(entry_bytes == 8 ? entry : low);
  }
}

void Parser::table(std::uint64_t address) noexcept {
  Table found(memory_, 0, 0);
  std::uint32_t kind = 0;
  if (!Table(memory_, address, 4).get(0, kind)) return note(AcpiNote::bad_table);
  if (!wanted(kind)) return;
  if (!open(address, found, kind)) return note(AcpiNote::bad_table);
  if (kind == signature("APIC")) return madt(found);
  if (kind == signature("HPET")) return hpet(found);
  if (kind == signature("MCFG")) return mcfg(found);
  if (kind == signature("FACP")) return fadt(found);
}

void Parser::madt(const Table& table) noexcept {
  std::uint32_t local_apic = 0;
  if (madt_seen_ || !table.get(36, local_apic)) return note(AcpiNote::bad_table);
  madt_seen_ = true;
  info_.local_apic = local_apic;
  for (std::uint32_t at = 44; at < table.size();) {
    std::uint8_t type = 0, length = 0;
    if (!table.get(at, type) || !table.get(at + 1, length)) return note(AcpiNote::bad_entry);
    if (length < 2 || length > table.size() - at) return note(AcpiNote::bad_entry);
    if (!madt_entry(table.part(at, length), type)) note(AcpiNote::bad_entry);
    at += length;
  }
}

bool Parser::madt_entry(const Table& entry, std::uint8_t type) noexcept {
  std::uint8_t id = 0;
  std::uint32_t wide_id = 0;
  switch (type) {
    case 0:
      return entry.get(3, id) && processor(entry, id, 4);
    case 1:
      return io_apic(entry);
    case 2:
      return line_override(entry);
    case 5:
      return entry.get(4, info_.local_apic);
    case 9:
      return entry.get(4, wide_id) && processor(entry, wide_id, 8);
    default:
      return true;
  }
}

// Enabled ones only; those that could be switched on later (bit 1) are not there now.
bool Parser::processor(const Table& entry, std::uint32_t id, std::uint32_t flags_at) noexcept {
  std::uint32_t flags = 0;
  if (!entry.get(flags_at, flags)) return false;
  if ((flags & 1) == 0) return true;
  const auto known = info_.apic_ids.span();
  if (std::find(known.begin(), known.end(), id) != known.end()) return true;
  if (!info_.apic_ids.push(id)) note(AcpiNote::too_many);
  return true;
}

bool Parser::io_apic(const Table& entry) noexcept {
  IoApic found;
  if (!entry.get(2, found.id) || !entry.get(4, found.address) || !entry.get(8, found.first_line))
    return false;
  if (!info_.io_apics.push(found)) note(AcpiNote::too_many);
  return true;
}

bool Parser::line_override(const Table& entry) noexcept {
  LineOverride found;
  if (!entry.get(3, found.source) || !entry.get(4, found.line) || !entry.get(8, found.flags)) return false;
  if (!info_.overrides.push(found)) note(AcpiNote::too_many);
  return true;
}

void Parser::hpet(const Table& table) noexcept {
  std::uint8_t space = 0;
  std::uint64_t address = 0;
  if (!table.get(40, space) || !table.get(44, address) || space != 0) return note(AcpiNote::bad_table);
  info_.hpet = address;
}

void Parser::mcfg(const Table& table) noexcept {
  for (std::uint32_t at = 44; at < table.size() && table.size() - at >= 16; at += 16) {
    EcamSegment found;
    if (!table.get(at, found.base) || !table.get(at + 8, found.segment) ||
        !table.get(at + 10, found.first_bus) || !table.get(at + 11, found.last_bus) ||
        found.last_bus < found.first_bus)
      return note(AcpiNote::bad_entry);
    if (!info_.ecam.push(found)) return note(AcpiNote::too_many);
  }
}

void Parser::fadt(const Table& table) noexcept {
  std::uint32_t pm_timer = 0, flags = 0;
  std::uint8_t pm_timer_bytes = 0;
  if (table.get(76, pm_timer) && table.get(91, pm_timer_bytes) && pm_timer_bytes == 4 && pm_timer < 0x10000)
    info_.pm_timer_port = static_cast<std::uint16_t>(pm_timer);
  if (!table.get(112, flags) || (flags & 1u << 10) == 0) return;  // RESET_REG_SUP
  AcpiRegister reset;
  if (table.get(116, reset.space) && table.get(117, reset.bits) && table.get(120, reset.address) &&
      table.get(128, info_.reset_value))
    info_.reset = reset;
}

}  // namespace

AcpiInfo parse_acpi(PhysicalReader& memory, std::uint64_t rsdp) noexcept { return Parser(memory).run(rsdp); }

std::string_view name_of(AcpiNote note) noexcept {
  switch (note) {
    case AcpiNote::no_rsdp:
      return "no RSDP";
    case AcpiNote::bad_rsdp:
      return "RSDP invalid";
    case AcpiNote::bad_root:
      return "RSDT/XSDT invalid";
    case AcpiNote::bad_table:
      return "a table is invalid";
    case AcpiNote::too_many:
      return "more entries than supported";
    case AcpiNote::bad_entry:
      return "a table entry is invalid";
    case AcpiNote::no_madt:
      return "no MADT";
  }
  return "?";
}

}  // namespace capos::hal
