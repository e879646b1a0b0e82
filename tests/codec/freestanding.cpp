// SPDX-License-Identifier: Apache-2.0
// Compiled with the kernel's flags: every generated header, and one use of each part of the codec.
#include <capos/schema/bootpack.hpp>
#include <capos/schema/kernel.hpp>
#include <capos/schema/kinds.hpp>
#include <capos/schema/load.hpp>
#include <capos/schema/manifest.hpp>
#include <capos/schema/robot.hpp>
#include <capos/schema/telemetry.hpp>
#include <capos/wire/frame.hpp>

namespace {

using capos::schema::MemoryObject;
using capos::schema::PlantSample;

struct Context {};

struct Memory {
  using Outcome = int;
  static int unimplemented() noexcept { return 1; }
  static int wrong_path() noexcept { return 2; }
  // Serves MemoryObject and its ancestor MemoryReader: the same methods by two types of message.
  int read(Context&, auto in, auto out) noexcept {
    return out.init_data(in.count()).size() == in.count() ? 0 : 3;
  }
  int write(Context&, MemoryObject::Write::Params::Reader in,
            MemoryObject::Write::Results::Builder) noexcept {
    return in.data().empty() ? 3 : 0;
  }
  int get_size(Context&, const auto&, auto& out) noexcept {
    out.size = 4096;
    return 0;
  }
  int create_child(Context&, MemoryObject::CreateChild::Params::Reader,
                   MemoryObject::CreateChild::Results::Builder) noexcept {
    return 3;
  }
};

}  // namespace

extern "C" int codec_freestanding_probe(std::span<const std::uint64_t> request,
                                        std::span<std::uint64_t> reply, std::uint64_t interface_id,
                                        std::uint16_t ordinal, PlantSample::Value& sample) {
  Memory memory;
  Context context;
  capos::wire::MessageReader reader(request, {1024, 8});
  capos::wire::MessageBuilder builder(reply);
  const int outcome = MemoryObject::dispatch_message(memory, context, interface_id, ordinal,
                                                     reader.root_pointer().get_struct(), builder);
  std::uint64_t words[8] = {};
  sample.to_words(words);
  sample = PlantSample::Value::from_words(words, 8);
  const auto pack = capos::wire::read_frame(request);
  if (!pack.has_value()) return outcome;
  capos::wire::MessageReader boot(*pack);
  const auto root = boot.root<capos::schema::BootPack>();
  int tasks = 0;
  for (const auto island : root.manifest().init_config().islands()) {
    for (const auto task : island.tasks()) tasks += task.name().empty() ? 0 : 1;
  }
  builder.set_root<capos::schema::BootPack>(root);
  return outcome + tasks + static_cast<int>(boot.error()) + static_cast<int>(builder.error());
}
