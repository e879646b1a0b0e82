// SPDX-License-Identifier: Apache-2.0
// The HAL's conformance test, run inside the machine: a kernel that does nothing but try the contract.
#include "capos/hal/upcalls.hpp"
#include "capos/hal/address_space.hpp"
using namespace capos;
using namespace capos::hal;
namespace capos::hal {
void kernel_main(const BootInfo& boot) noexcept {
  console_write("hello\n");
  (void)boot;
  power_off(1);
}
void on_cpu_started(CpuId) noexcept { idle(); }
void on_system_call(UserState&) noexcept { resume_user(); }
void on_user_fault(UserState&, const FaultInfo&) noexcept { idle(); }
void on_timer() noexcept { idle(); }
void on_mailbox() noexcept { idle(); }
void on_device_interrupt(std::uint8_t) noexcept { idle(); }
void on_spurious() noexcept { idle(); }
void on_kernel_fault(const FaultInfo&, std::string_view registers, std::uint64_t, std::uint64_t) noexcept {
  console_write(registers);
  power_off(kExitPanic);
}
}  // namespace capos::hal
