// SPDX-License-Identifier: Apache-2.0
// A process whose threads are tasks of one island.
#include "capos/runtime/text.hpp"
#include "capos/runtime/thread.hpp"
#include "child.hpp"

namespace conformance {
namespace {

constinit std::uint64_t* g_out = nullptr;

void do_jobs(void* context) {
  runtime::Capability<schema::SchedulingContext> own(abi::CapId{reinterpret_cast<std::uint64_t>(context)});
  __atomic_add_fetch(g_out, 1, __ATOMIC_ACQ_REL);
  while (own->wait_next_release().has_value()) __atomic_add_fetch(g_out + 1, 1, __ATOMIC_ACQ_REL);
}

}  // namespace

int be_crowd(const Child& child) noexcept {
  g_out = child.out();
  for (std::uint32_t i = 0; i < child.argument(); ++i) {
    runtime::Text<16> name;
    name.add("task.").add(i);
    const abi::CapId context = child.runtime.find_any(name.view());
    auto task = runtime::Thread::start(child.runtime, do_jobs, reinterpret_cast<void*>(context.raw),
                                       {.stack_pages = 1, .context = context});
    if (!task.has_value()) return 80;
  }
  for (;;) child.sleep(1'000'000'000);
}

}  // namespace conformance
