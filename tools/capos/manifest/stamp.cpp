// SPDX-License-Identifier: Apache-2.0
#include "stamp.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "../support/files.hpp"

namespace capos::cli {
namespace {

// ELF64 little-endian: System V ABI, object files, chapter 4 and 5.
constexpr std::array<std::byte, 6> kMagic = {std::byte{0x7f}, std::byte{'E'}, std::byte{'L'},
                                             std::byte{'F'},  std::byte{2},   std::byte{1}};
constexpr std::size_t kProgramHeaders = 32, kProgramHeaderSize = 54, kProgramHeaderCount = 56, kHeaderSize = 64;
constexpr std::size_t kFlags = 4, kOffset = 8, kFileSize = 32, kLeastEntry = 56;
constexpr std::uint64_t kLoad = 1, kExecutable = 1;

std::uint64_t number(std::span<const std::byte> image, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(image[at + i]);
  return value;
}

}  // namespace

std::optional<std::uint64_t> stamp_of(std::span<const std::byte> image) {
  if (image.size() < kHeaderSize || !std::equal(kMagic.begin(), kMagic.end(), image.begin())) return std::nullopt;
  const std::uint64_t table = number(image, kProgramHeaders, 8);
  const std::uint64_t entry = number(image, kProgramHeaderSize, 2);
  const std::uint64_t count = number(image, kProgramHeaderCount, 2);
  if (entry < kLeastEntry || table > image.size() || entry * count > image.size() - table) return std::nullopt;
  std::uint64_t hash = 0xcbf29ce484222325u;
  bool any = false;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(table + i * entry);
    if (number(image, at, 4) != kLoad || (number(image, at + kFlags, 4) & kExecutable) == 0) continue;
    const std::uint64_t offset = number(image, at + kOffset, 8);
    const std::uint64_t size = number(image, at + kFileSize, 8);
    if (offset > image.size() || size > image.size() - offset) return std::nullopt;
    any |= size != 0;
    for (const std::byte byte : image.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size))) {
      hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3u;
    }
  }
  if (!any) return std::nullopt;
  return hash == 0 ? 1 : hash;
}

Outcome<void> check_stamp(const Paths& paths, schema::MachineParams::Reader machine, const std::string& name) {
  const std::uint64_t measured_on = machine.overheads().version();
  if (measured_on == 0) return {};
  const auto image = read_bytes(paths.kernel());
  if (!image) return std::unexpected(image.error());
  const auto present = stamp_of(*image);
  if (!present) return problem(fmt::format("{} is no ELF64 file", paths.kernel().string()), "build the kernel again");
  if (*present == measured_on) return {};
  return problem(
      fmt::format("the overheads of machine '{}' were measured on the kernel {:#018x}; this build's is {:#018x}", name,
                  measured_on, *present),
      fmt::format("measure them again and put them, with that number as their version, into configs/machines/{}.capnp; "
                  "version = 0 says that they are stated, not measured",
                  name));
}

}  // namespace capos::cli
