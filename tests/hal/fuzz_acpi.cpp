// SPDX-License-Identifier: Apache-2.0
// libFuzzer entry: the input is physical memory from 0xe0000 on, so that the search finds what is in it.
#include <cstddef>
#include <cstdint>

#include "acpi_image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  capos::test::FakeMemory memory;
  memory.place(0xe0000, capos::test::Bytes(data, data + size));
  const auto info = capos::hal::parse_acpi(memory, 0xe0000);
  return info.apic_ids.count <= 64 ? 0 : -1;
}
