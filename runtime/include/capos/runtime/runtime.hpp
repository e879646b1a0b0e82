// SPDX-License-Identifier: Apache-2.0
// What a program starts with: its capabilities by name, its number, its configuration.
//
//   int program_main(capos::runtime::Runtime& runtime);      // a program defines this; its result is the exit code
#pragma once

#include <cstdint>
#include <string_view>

#include "capos/abi/syscall.hpp"
#include "capos/runtime/capability.hpp"

namespace capos::runtime {

class Runtime {
 public:
  Runtime(std::uint64_t ring, std::uint64_t number, const abi::CapSet* capset) noexcept
      : number_(number), capset_(capset) {
    call_ring().attach(ring);
  }
  // The program's number: its source in trace events.
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }

  // The capability of that name, if it was granted and carries that interface or a kernel interface that inherits from
  // it; null otherwise.
  template <typename Interface>
  [[nodiscard]] Capability<Interface> find(std::string_view name) const noexcept {
    return Capability<Interface>(find(name, Interface::kInterfaceId));
  }
  // The same, but the program ends with a message on its console if it is missing.
  template <typename Interface>
  [[nodiscard]] Capability<Interface> need(std::string_view name) const noexcept {
    return Capability<Interface>(need(name, Interface::kInterfaceId));
  }
  [[nodiscard]] abi::CapId find(std::string_view name, std::uint64_t interface_id) const noexcept;
  // By name alone, to hand it on.
  [[nodiscard]] abi::CapId find_any(std::string_view name) const noexcept;
  [[nodiscard]] abi::CapId need(std::string_view name, std::uint64_t interface_id) const noexcept;

 private:
  std::uint64_t number_;
  const abi::CapSet* capset_;
};

// The program's console, if it was granted one as "console"; nothing happens otherwise. Not for realtime work.
void print(std::string_view text) noexcept;

// Ends the program (exit code 101) with a line on its console.
[[noreturn]] void panic(std::string_view what) noexcept;

}  // namespace capos::runtime

int program_main(capos::runtime::Runtime& runtime);
