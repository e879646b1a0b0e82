// SPDX-License-Identifier: Apache-2.0
#include "boot_pack.hpp"

#include "capos/runtime/mapping.hpp"
#include "capos/wire/frame.hpp"

namespace capos::init {

std::span<const wire::Word> map_boot_pack(const runtime::Runtime& runtime) noexcept {
  auto package = runtime.need<schema::BootPackage>("bootPackage");
  auto answer = package->read_manifest([](auto) {});
  if (!answer.has_value()) runtime::panic("no boot package");
  const std::uint64_t offset = answer->reader().offset();
  const std::uint64_t size = answer->reader().size();
  auto memory = answer->capability<schema::MemoryObject>(answer->reader().pack());
  const auto mapped = runtime::map_object(runtime, memory.borrow(), runtime::Access::read);
  if (!mapped.has_value()) runtime::panic("cannot map the boot package");
  const auto* const words = reinterpret_cast<const wire::Word*>(mapped->data() + offset);
  const auto frame = wire::read_frame({words, size / sizeof(wire::Word)});
  if (!frame.has_value()) runtime::panic("the boot package is not one framed segment");
  return *frame;
}

std::uint64_t bytes_of(schema::Size::Reader size) noexcept {
  switch (size.which()) {
    case schema::Size::Which::kib: return size.kib() << 10;
    case schema::Size::Which::mib: return size.mib() << 20;
    case schema::Size::Which::gib: return size.gib() << 30;
    case schema::Size::Which::unset: break;
  }
  return 0;
}

}  // namespace capos::init
