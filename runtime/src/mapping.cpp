// SPDX-License-Identifier: Apache-2.0
#include "capos/runtime/mapping.hpp"

#include "capos/runtime/text.hpp"
#include "capos/wire/frame.hpp"

namespace capos::runtime {

Result<std::span<std::byte>> map_object(const Runtime& runtime, Capability<schema::MemoryObject> object,
                                        Access access) noexcept {
  auto memory = runtime.need<schema::VirtualMemory>("self.memory");
  const auto size = TRY(object->get_size());
  auto mapped = TRY(memory->map_object([&](auto params, Transfers& transfers) {
    params.set_object(transfers.add(object.cap()));
    params.set_size(size.size);
    params.set_prot(static_cast<std::uint32_t>(access));
  }));
  return std::span(reinterpret_cast<std::byte*>(mapped.reader().addr()), size.size);
}

std::span<std::byte> need_buffer(const Runtime& runtime, std::string_view name, Access access) noexcept {
  const auto mapped = map_object(runtime, runtime.need<schema::MemoryObject>(name), access);
  if (mapped.has_value()) return *mapped;
  Text<128> text;
  text.add("cannot map ").add(name).add(": ").add(mapped.error().text());
  panic(text.view());
}

Result<std::span<std::byte>> allocate(const Runtime& runtime, std::size_t size) noexcept {
  auto memory = runtime.need<schema::VirtualMemory>("self.memory");
  const auto mapped = TRY(memory->map(0, size, static_cast<std::uint32_t>(Access::read_write)));
  return std::span(reinterpret_cast<std::byte*>(mapped.addr), size);
}

std::span<const wire::Word> read_config(const Runtime& runtime) noexcept {
  const auto object = runtime.find<schema::MemoryObject>("config");
  if (!object) return {};
  const auto mapped = map_object(runtime, object, Access::read);
  if (!mapped.has_value()) return {};
  const auto frame = wire::read_frame({reinterpret_cast<const wire::Word*>(mapped->data()), mapped->size() / 8});
  return frame.has_value() ? *frame : std::span<const wire::Word>{};
}

}  // namespace capos::runtime
