// SPDX-License-Identifier: Apache-2.0
// scale-bench: takes init's place, measures, and ends the machine.
#include "capos/runtime/mapping.hpp"
#include "scale.hpp"

namespace scale_bench {

void give_up(runtime::Runtime& runtime, std::string_view why) noexcept {
  constexpr std::uint8_t kGaveUp = 4;
  runtime::print(why);
  (void)runtime.need<schema::SystemControl>("control")->shutdown(kGaveUp);
  runtime::panic(why);
}

Room make_room(runtime::Runtime& runtime, std::uint64_t pages) noexcept {
  auto made = runtime.need<schema::FrameAllocator>("frames")->allocate([&](auto params) { params.set_pages(pages); });
  if (!made.has_value()) give_up(runtime, "scale-bench: allocate");
  const auto memory = made->capability<schema::MemoryObject>(made->reader().object()).leak();
  const auto mapped = runtime::map_object(runtime, memory, runtime::Access::read_write);
  if (!mapped.has_value()) give_up(runtime, "scale-bench: memory cannot be mapped");
  return {*mapped, memory.cap()};
}

namespace {

int run(runtime::Runtime& runtime) noexcept {
  auto opened = runtime.need<schema::HostChannel>("hostChannel")->open([](auto) {});
  if (!opened.has_value()) give_up(runtime, "scale-bench: no memory is shared with the host");
  const auto channel = opened->capability<schema::MemoryObject>(opened->reader().memory());
  const auto mapped = runtime::map_object(runtime, channel.borrow(), runtime::Access::read_write);
  if (!mapped.has_value()) give_up(runtime, "scale-bench: the shared memory cannot be mapped");
  Bench bench(runtime, *mapped);
  scheduler_rows(bench);
  island_rows(bench);
  bench.finish();
  return 0;
}

}  // namespace
}  // namespace scale_bench

int program_main(capos::runtime::Runtime& runtime) {
  const int code = scale_bench::run(runtime);
  (void)runtime.need<capos::schema::SystemControl>("control")->shutdown(static_cast<std::uint8_t>(code));
  return 1;
}
