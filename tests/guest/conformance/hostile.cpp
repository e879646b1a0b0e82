// SPDX-License-Identifier: Apache-2.0
// Hostile neighbours: best-effort programs that burn time, start and end programs without pause, exhaust their ledgers, fault
// again and again, and put programs on the island's own CPU. The island's jobs meet their deadlines, each within its bound.
#include "accounting.hpp"
#include "hostile.hpp"
#include "roles.hpp"

namespace conformance {
namespace {

constexpr std::uint64_t kJobs = 40;
constexpr std::uint64_t kResponse = 700 * kMicrosecond;

// A program from its start to its end. While the reaper is behind there may be no quota for it: that is its maker's trouble, who waits.
void run_to_its_end(Guest& guest, const Request& request, schema::ExitReason reason) noexcept {
  auto made = try_spawn(guest, request);
  if (!made.has_value()) {
    CHECK(refused(made, ExceptionType::overloaded, KernelError::quota_exceeded));
    guest.sleep(kMillisecond);
    return;
  }
  const auto end = (*made)->wait();
  CHECK(end.has_value() && end->reason == reason);
}

void start_and_end(Guest& guest, std::uint16_t) noexcept {
  run_to_its_end(guest, {.role = Role::exit_with, .argument = 3}, schema::ExitReason::exited);
}
void exhaust_frames(Guest& guest, std::uint16_t) noexcept {
  const Grant grants[] = {{"frames", guest.frames.cap()}};
  run_to_its_end(guest, {.role = Role::quota, .grants = grants, .pages = 300}, schema::ExitReason::exited);
}
void fault(Guest& guest, std::uint16_t) noexcept {
  const auto kind = static_cast<std::uint32_t>(Fault::invalid_opcode);
  run_to_its_end(guest, {.role = Role::fault, .argument = kind}, schema::ExitReason::fault);
}
void visit_the_islands_cpu(Guest& guest, std::uint16_t island_cpu) noexcept {
  run_to_its_end(guest, {.role = Role::exit_with, .argument = 4, .cpu = island_cpu, .passive = true}, schema::ExitReason::exited);
}
void burn(Guest& guest, std::uint16_t) noexcept {
  (void)settled(guest);  // the two before are being taken apart
  Shared out(guest);
  const Grant grants[] = {{"out", out.cap()}};
  Child one(guest, {.role = Role::compute, .grants = grants}), other(guest, {.role = Role::compute, .grants = grants});
  guest.sleep(5 * kMillisecond);
  CHECK(one.alive() && other.alive());
}
void flood_a_server(Guest& guest, std::uint16_t) noexcept {
  (void)settled(guest);
  Shared out(guest);
  const Service service = make_service(guest);
  const Grant serve[] = {{"serve", service.endpoint.cap()}}, call[] = {{"service", service.client.cap()}, {"out", out.cap()}};
  Child server(guest, {.role = Role::server, .grants = serve});
  Child client(guest, {.role = Role::client_loop, .grants = call});
  CHECK(out.reaches(0, 100));
}

constexpr Case kCases[] = {
    {"hostile neighbour starts and ends programs", island_beside<start_and_end>},
    {"hostile neighbour exhausts its frames", island_beside<exhaust_frames>},
    {"hostile neighbour faults", island_beside<fault>},
    {"hostile neighbours compute", island_beside<burn>},
    {"hostile neighbour floods a server", island_beside<flood_a_server>},
    {"hostile neighbour ends programs on the island's CPU", island_beside<visit_the_islands_cpu>},
};

}  // namespace

void undisturbed_by(Guest& guest, Turn turn) noexcept {
  (void)settled(guest);  // what the case before has left
  Shared out(guest);
  const Task tasks[] = {{.deadline_ns = kResponse, .response_ns = kResponse}};
  Island island(guest, honest(guest, tasks));
  CHECK(island.admitted());
  const Grant grants[] = {{"out", out.cap()}};
  Child child(guest, {.role = Role::periodic, .argument = kJobs, .grants = grants, .context = island.context(0)});
  CHECK(child.becomes_ready() && island.activate() != 0);
  unsigned turns = 0;
  for (; out.word(0) < kJobs; ++turns) turn(guest, island.cpu());
  CHECK(turns >= 2);
  const auto status = island.status();
  CHECK(status.jobs >= kJobs);
  if (kernel_checks_itself(guest)) return;
  CHECK(status.misses == 0 && status.overruns == 0);
  for (std::size_t n = 0; n < kJobs; ++n) {
    const std::uint64_t scheduled = out.word(8 + n * kRecordWords + 1), finished = out.word(8 + n * kRecordWords + 6);
    CHECK(out.word(8 + n * kRecordWords) == n);  // none was skipped
    CHECK(finished - scheduled <= kResponse);
  }
}

std::span<const Case> hostile_cases() noexcept { return kCases; }

}  // namespace conformance
