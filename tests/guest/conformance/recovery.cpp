// SPDX-License-Identifier: Apache-2.0
// A server's recovery: a caller whose budget is spent in the middle of a call gets a timeout, the server finishes on time of its own
// and serves others, and nobody gets more time than was admitted.
#include "island_harness.hpp"
#include "roles.hpp"

namespace conformance {
namespace {

constexpr std::uint16_t kServer = 7;
constexpr std::uint8_t kCeiling = 60;
constexpr std::uint64_t kStatus = kStatusCode;
constexpr std::uint64_t kRecoveryBudget = 120 * kMicrosecond, kRecoveryPeriod = 1'500 * kMicrosecond;
constexpr std::uint64_t kPeerResponse = 350 * kMicrosecond, kFloor = 340 * kMicrosecond;

std::uint32_t calling(Method method, std::uint32_t us = 0) noexcept { return static_cast<std::uint32_t>(method) | us << 8; }

constexpr Task kRecovery = {.name = "recovery", .period_us = 1'500, .budget_ns = kRecoveryBudget, .priority = kCeiling,
                            .blocking_ns = 60 * kMicrosecond, .on_overrun = kRunLate, .recovers = kServer};

// The peer calls the same server. Its releases come at each 50 us of the caller's period, so that some of them fall into the caller's
// call, and some into what the server does after that.
constexpr Task kCaller = {.name = "caller", .period_us = 1'500, .budget_ns = 100 * kMicrosecond, .priority = 50};
constexpr Task kPeer = {.name = "peer", .period_us = 350, .budget_ns = 60 * kMicrosecond, .deadline_ns = kPeerResponse,
                        .priority = kCeiling, .blocking_ns = 60 * kMicrosecond};
constexpr CallOf kCalls[] = {{0, kServer, 60 * kMicrosecond}, {1, kServer, 30 * kMicrosecond}};

class RecoveringServer {
 public:
  RecoveringServer(Guest& guest, const Island& island, abi::CapId recovery, std::uint64_t floor_ns) noexcept
      : service_(make_service(guest, 0, kCeiling, schema::Echo::kInterfaceId, floor_ns, true)),
        grants_{Grant{"serve", service_.endpoint.cap()}},
        server_(guest, {.role = Role::server, .grants = grants_, .cpu = island.cpu(), .context = recovery, .passive = true}) {
    ready_ = server_.becomes_ready();
  }
  [[nodiscard]] bool ready() const noexcept { return ready_; }
  [[nodiscard]] abi::CapId client() const noexcept { return service_.client.cap(); }

 private:
  Service service_;
  Grant grants_[1];
  Child server_;
  bool ready_ = false;
};

std::uint64_t consumed(abi::CapId context) noexcept {
  const auto used = Capability<schema::SchedulingContext>(context)->consumed();
  return used.has_value() ? used->total_ns : ~std::uint64_t{0};
}

struct Played {
  bool ran = false;
  bool measured = false;  // on one CPU: what a context has consumed its own CPU alone tells
  std::uint64_t caller_status = 0, peer_status = 0, peer_most = 0, peer_skipped = 0, recovery_ns = 0, caller_ns = 0, elapsed_ns = 0;
};

// A caller whose calls take `call_us`, and the peer, for 24 ms. By priorities or by deadlines (`edf`).
Played play(Guest& guest, std::uint32_t call_us, bool recovers, bool edf = false) noexcept {
  Played played;
  Shared caller_out(guest), peer_out(guest);
  Task all[] = {kCaller, kPeer, kRecovery};
  if (edf) all[2].deadline_ns = kPeerResponse;
  Claim claim = honest(guest, std::span(all).first(recovers ? 3 : 2));
  claim.calls = kCalls;
  if (edf) {
    claim.policy = kEdf;
    claim.busy_ns = 1'000 * kMicrosecond;
  }
  Island island(guest, claim);
  if (!island.admitted()) {
    guest.fail("admission", 0, island.refusal());
    return played;
  }
  RecoveringServer server(guest, island, recovers ? island.context(2) : abi::CapId{}, edf ? kFloor : 0);
  const Grant to_caller[] = {{"out", caller_out.cap()}, {"service", server.client()}};
  const Grant to_peer[] = {{"out", peer_out.cap()}, {"service", server.client()}};
  Child caller(guest, {.role = Role::caller_job, .argument = calling(Method::busy, call_us), .grants = to_caller, .context = island.context(0)});
  Child peer(guest, {.role = Role::caller_job, .argument = calling(Method::increment), .grants = to_peer, .context = island.context(1)});
  if (!server.ready() || !caller.becomes_ready() || !peer.becomes_ready()) return played;
  played.measured = guest.cpus == 1;
  const std::uint64_t used_before = played.measured ? consumed(island.context(0)) : 0;
  const std::uint64_t start = island.activate();
  if (start == 0) return played;
  guest.sleep(24 * kMillisecond);
  played.elapsed_ns = guest.now() - start;
  if (played.measured) played.caller_ns = consumed(island.context(0)) - used_before;
  if (recovers && played.measured) played.recovery_ns = consumed(island.context(2));
  played.caller_status = caller_out.word(1);
  played.peer_status = peer_out.word(1);
  played.peer_most = peer_out.word(3);
  played.peer_skipped = peer_out.word(4);
  played.ran = peer_out.word(0) > 1 && caller_out.word(0) > 1;
  guest.note("peer's jobs", peer_out.word(0));
  guest.note("peer's longest", played.peer_most);
  guest.note("recovery", played.recovery_ns);
  guest.note("caller", played.caller_ns);
  return played;
}

std::uint64_t most_in(std::uint64_t elapsed, std::uint64_t budget, std::uint64_t period) noexcept {
  return (elapsed / period + 1) * budget + 20 * kMicrosecond;  // and what a late timer lets it overrun once
}

void a_call_within_the_budget(Guest& guest, bool edf) noexcept {
  const Played played = play(guest, 20, true, edf);
  CHECK(played.ran && played.caller_status == 20'000 && played.peer_status == 1);
  CHECK(played.recovery_ns == 0);
}

void a_call_beyond_the_budget(Guest& guest, bool edf) noexcept {
  const Played played = play(guest, 150, true, edf);
  CHECK(played.ran && played.caller_status == kStatus + static_cast<std::uint64_t>(TransportError::timeout));
  CHECK(played.peer_status == 1 && (!played.measured || played.recovery_ns != 0));
  CHECK(played.recovery_ns <= most_in(played.elapsed_ns, kRecoveryBudget, kRecoveryPeriod));
  if (kernel_checks_itself(guest)) return;
  CHECK(played.peer_skipped == 0 && played.peer_most <= kPeerResponse);
}

// What the case above would be without: the server is kept until the caller's next budget, and so is the peer.
void without_a_recovery_others_wait(Guest& guest, bool edf) noexcept {
  const Played played = play(guest, 150, false, edf);
  CHECK(played.ran && played.peer_most > kPeerResponse);
}

// Its call never comes to an end, so the server is not free; but neither takes more time than its own.
void no_more_time_than_admitted(Guest& guest, bool edf) noexcept {
  if (guest.cpus > 1) return;
  const Played played = play(guest, 20'000, true, edf);
  CHECK(played.recovery_ns >= kRecoveryBudget);
  CHECK(played.recovery_ns <= most_in(played.elapsed_ns, kRecoveryBudget, kRecoveryPeriod));
  CHECK(played.caller_ns <= most_in(played.elapsed_ns, kCaller.budget_ns, kRecoveryPeriod));
}

bool is_refused(Guest& guest, std::span<const Task> tasks, std::span<const CallOf> calls, std::uint16_t policy = 0) noexcept {
  Claim claim = honest(guest, tasks);
  claim.calls = calls;
  claim.policy = policy;
  if (policy == kEdf) claim.busy_ns = 1'000 * kMicrosecond;
  const Island island(guest, claim);
  guest.note("admitted", island.admitted());
  return !island.admitted() && contains(island.refusal(), "recovery");
}

void forged_recoveries(Guest& guest) noexcept {
  Task recovery = kRecovery;
  const auto with = [&] { return std::array{kCaller, kPeer, recovery}; };
  recovery.priority = kCeiling - 1;  // below a caller
  CHECK(is_refused(guest, with(), kCalls));
  recovery = kRecovery;
  recovery.recovers = kServer + 1;  // of a server that nobody calls
  CHECK(is_refused(guest, with(), kCalls));
  recovery = kRecovery;
  recovery.on_overrun = kHold;
  CHECK(is_refused(guest, with(), kCalls));
  recovery = kRecovery;
  recovery.on_miss = kSkip;
  CHECK(is_refused(guest, with(), kCalls));
  recovery = kRecovery;
  const Task two[] = {kCaller, kPeer, recovery, recovery};
  CHECK(is_refused(guest, two, kCalls));
  constexpr CallOf kOwnCall[] = {{0, kServer, 60 * kMicrosecond}, {2, kServer, 60 * kMicrosecond}};
  CHECK(is_refused(guest, with(), kOwnCall));
  CHECK(is_refused(guest, with(), kCalls, kEdf));  // due later than the peer
}

constexpr Case kCases[] = {
    {"recovery: a call within the budget", [](Guest& guest) noexcept { a_call_within_the_budget(guest, false); }},
    {"recovery: a call beyond the budget", [](Guest& guest) noexcept { a_call_beyond_the_budget(guest, false); }},
    {"recovery: without one others wait", [](Guest& guest) noexcept { without_a_recovery_others_wait(guest, false); }},
    {"recovery: no more time than admitted", [](Guest& guest) noexcept { no_more_time_than_admitted(guest, false); }},
    {"recovery, edf: a call within the budget", [](Guest& guest) noexcept { a_call_within_the_budget(guest, true); }},
    {"recovery, edf: a call beyond the budget", [](Guest& guest) noexcept { a_call_beyond_the_budget(guest, true); }},
    {"recovery, edf: without one others wait", [](Guest& guest) noexcept { without_a_recovery_others_wait(guest, true); }},
    {"recovery, edf: no more time than admitted", [](Guest& guest) noexcept { no_more_time_than_admitted(guest, true); }},
    {"recovery: forged", forged_recoveries},
};

}  // namespace

std::span<const Case> recovery_cases() noexcept { return kCases; }

}  // namespace conformance
