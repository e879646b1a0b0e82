// SPDX-License-Identifier: Apache-2.0
// conformance: takes init's place, tries every kernel object, and ends the machine with its verdict.
#include "device_harness.hpp"

int program_main(capos::runtime::Runtime& runtime) {
  using namespace conformance;
  Guest guest(runtime);
  const std::span<const Case> subjects[] = {
      narrowing_cases(), window_cases(), revocation_cases(), session_cases(), ledger_cases(),
      device_manager_cases(), interrupt_cases(), pci_cases(), event_timer_cases(), machine_info_cases(),
      shared_buffer_cases(), best_effort_cases(), moving_driver_cases(), policy_cases(), policy_service_cases(),
      service_cases(),  capability_cases(),   memory_cases(),      mapping_cases(), ring_cases(),
      process_cases(),  elf_cases(),          fault_cases(),       kill_cases(),    notification_cases(),
      endpoint_cases(), call_cases(), vector_state_cases(), certificate_cases(), island_cases(),  budget_cases(), repetition_cases(), deadline_cases(), trigger_cases(), several_island_cases(), runtime_admission_cases(), hostile_cases(), hostile_flood_cases(), isolation_cases(), large_island_cases(),
      donation_cases(), recovery_cases(), rebinding_cases(), guarded_cases(), accounting_cases(),
      thread_cases(),   thread_end_cases(),    park_cases(),
      supervision_cases(), supervision_of_time_cases(),
      ring_operation_cases(), ring_link_cases(),
      message_call_cases(), message_service_cases(), pipelining_cases(),
      ring_size_cases(), batched_call_cases(), ring_park_cases(), ring_polling_cases(), ring_link_timeout_cases(), lease_end_cases(),
  };
  for (const auto cases : subjects) {
    for (const Case& item : cases) guest.run(item);
  }
  runtime::Text<80> sum;
  sum.add(guest.passed()).add(" passed, ").add(guest.failed()).add(" failed\n");
  runtime::print(sum.view());
  auto control = runtime.need<schema::SystemControl>("control");
  (void)control->shutdown(guest.failed() == 0 ? 0 : 1);
  return 1;
}
