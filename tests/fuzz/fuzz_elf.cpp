// SPDX-License-Identifier: Apache-2.0
// ELF images into a process of the simulated machine: loaded by the rules or refused, and everything comes back.
#include <cstdlib>
#include <cstring>

#include "core/termination.hpp"
#include "process/elf_loader.hpp"
#include "world.hpp"

using namespace capos;
using namespace capos::ktest;

namespace {

constexpr std::uint64_t kPage = hal::kPageSize;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(kernel::Process& process, std::uint64_t entry) {
  const auto& space = process.memory().space();
  const auto code = space.lookup(hal::UserAddress(entry / kPage * kPage));
  require(code.has_value() && code->protection.execute);
  hal::UserAddress at(0);
  for (; space.next_mapped(at); at = hal::UserAddress(at.value() + kPage)) {
    const auto page = space.lookup(at);
    require(!(page->protection.write && page->protection.execute));
    require(at.value() >= abi::kProgramBase && at.value() < abi::kDynamicBase);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world({.ram_bytes = 16u << 20});
  static const std::uint64_t before = World::frames_free();

  Image image(size);
  if (size != 0) std::memcpy(image.data(), data, size);
  kernel::Ref<kernel::Process> process = *kernel::Process::create("tried", 1, *World::make_ledger(300), nullptr, CpuId(0));
  const auto entry = kernel::load_elf(*process, image);
  if (entry.has_value()) {
    check(*process, *entry);
  } else {
    require(entry.error() == schema::KernelError::bad_elf || entry.error() == schema::KernelError::quota_exceeded);
  }
  kernel::discard_process(world.cpu(0), *process);
  process = {};
  world.settle();
  require(World::frames_free() == before);
  return 0;
}
