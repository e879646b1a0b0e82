// SPDX-License-Identifier: Apache-2.0
#include "boot_pack.hpp"

#include "capos/runtime/mapping.hpp"
#include "capos/wire/frame.hpp"

namespace capos::admission {

std::span<const wire::Word> map_boot_pack(const runtime::Runtime& runtime) noexcept {
  auto package = runtime.find<schema::BootPackage>("boot");
  if (!package) return {};
  auto answer = package->read_manifest([](auto) {});
  if (!answer.has_value()) return {};
  const std::uint64_t offset = answer->reader().offset();
  const std::uint64_t size = answer->reader().size();
  auto memory = answer->capability<schema::MemoryObject>(answer->reader().pack());
  const auto mapped = runtime::map_object(runtime, memory.borrow(), runtime::Access::read);
  if (!mapped.has_value() || offset % sizeof(wire::Word) != 0 || offset > mapped->size() ||
      size > mapped->size() - offset) {
    return {};
  }
  const auto* const words = reinterpret_cast<const wire::Word*>(mapped->data() + offset);
  const auto frame = wire::read_frame({words, size / sizeof(wire::Word)});
  return frame.has_value() ? *frame : std::span<const wire::Word>{};
}

}  // namespace capos::admission
