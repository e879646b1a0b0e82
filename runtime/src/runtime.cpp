// SPDX-License-Identifier: Apache-2.0
#include "capos/runtime/runtime.hpp"

#include <cstring>

#include "capos/runtime/text.hpp"

namespace capos::runtime {
namespace {

constinit abi::CapId g_console;
constexpr std::uint64_t kPanicCode = 101;

std::string_view name_of(const abi::CapSetEntry& entry) noexcept {
  return {entry.name, strnlen(entry.name, sizeof entry.name)};
}

}  // namespace

abi::CapId Runtime::find(std::string_view name, std::uint64_t interface_id) const noexcept {
  for (std::uint32_t i = 0; i < capset_->count; ++i) {
    const abi::CapSetEntry& entry = capset_->entries[i];
    if (name_of(entry) != name) continue;
    if (entry.interface_id == interface_id || schema::kernel_inherits(entry.interface_id, interface_id)) {
      return abi::CapId{entry.cap};
    }
  }
  return {};
}

abi::CapId Runtime::find_any(std::string_view name) const noexcept {
  for (std::uint32_t i = 0; i < capset_->count; ++i) {
    if (name_of(capset_->entries[i]) == name) return abi::CapId{capset_->entries[i].cap};
  }
  return {};
}

abi::CapId Runtime::need(std::string_view name, std::uint64_t interface_id) const noexcept {
  const abi::CapId cap = find(name, interface_id);
  if (!cap.is_null()) return cap;
  Text<96> text;
  text.add("missing capability: ").add(name);
  panic(text.view());
}

void print(std::string_view text) noexcept {
  if (g_console.is_null()) return;
  Capability<schema::Console> console(g_console);
  (void)console->write([&](auto params) { params.set_text(text); });
}

void panic(std::string_view what) noexcept {
  Text<200> text;
  text.add("panic: ").add(what).add("\n");
  print(text.view());
  exit_process(kPanicCode);
}

}  // namespace capos::runtime

// Where _start (start.S) arrives.
extern "C" [[noreturn]] void capos_program_start(std::uint64_t ring, std::uint64_t number,
                                                 const capos::abi::CapSet* capset) {
  capos::runtime::Runtime runtime(ring, number, capset);
  capos::runtime::g_console = runtime.find("console", capos::schema::Console::kInterfaceId);
  const int code = program_main(runtime);
  capos::runtime::exit_process(static_cast<std::uint64_t>(code));
}
