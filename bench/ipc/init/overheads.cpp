// SPDX-License-Identifier: Apache-2.0
#include "overheads.hpp"

#include "capos/runtime/mapping.hpp"
#include "capos/schema/bootpack.hpp"
#include "capos/wire/frame.hpp"

namespace ipc_bench {

using namespace capos;

// The version is FNV-1a over the four values.
void Overheads::write(schema::Overheads::Builder out) const noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (std::uint64_t value : {release, context_switch, blocking, jitter}) {
    for (int byte = 0; byte < 8; ++byte, value >>= 8) hash = (hash ^ (value & 0xff)) * 0x100000001b3;
  }
  out.set_release_ns(release);
  out.set_switch_ns(context_switch);
  out.set_blocking_ns(blocking);
  out.set_jitter_ns(jitter);
  out.set_version(hash);
}

std::optional<Overheads> read_overheads(runtime::Runtime& runtime) noexcept {
  auto answer = runtime.need<schema::BootPackage>("bootPackage")->read_manifest([](auto) {});
  if (!answer.has_value()) return std::nullopt;
  const std::uint64_t offset = answer->reader().offset(), size = answer->reader().size();
  const auto memory = answer->capability<schema::MemoryObject>(answer->reader().pack());
  const auto mapped = runtime::map_object(runtime, memory.borrow(), runtime::Access::read);
  if (!mapped.has_value()) return std::nullopt;
  const auto frame = wire::read_frame({reinterpret_cast<const wire::Word*>(mapped->data() + offset), size / 8});
  if (!frame.has_value()) return std::nullopt;
  wire::MessageReader message(*frame, {.traversal_words = 1u << 28, .depth = 64});
  const auto machine = message.root<schema::BootPack>().machine();
  const auto stated = machine.overheads();
  // The quantum is 0 with one CPU.
  return Overheads{stated.release_ns(), stated.switch_ns(), stated.blocking_ns(), stated.jitter_ns() + machine.quantum_ns()};
}

}  // namespace ipc_bench
