// SPDX-License-Identifier: Apache-2.0
// The policy service: what each of its desks answers, and what is left when it has died while an island runs.
#include <optional>

#include "capos/runtime/mapping.hpp"
#include "capos/schema/manifest.hpp"
#include "capos/schema/policy.hpp"
#include "capos/wire/frame.hpp"
#include "island_harness.hpp"
#include "policy.hpp"

namespace conformance {
namespace {

using schema::PolicyOutcome;
using Client = Capability<schema::Policy>;

// Desk 0: the share of one process, 50 to 900 and no more urgent than normal, CPU 1, and placement. Desk 1: the same
// CPU, nothing else.
void write_config(schema::PolicyConfig::Builder config) noexcept {
  const auto desks = config.init_desks(2);
  desks[0].set_export_("first");
  desks[0].set_placement(true);
  const auto shares = desks[0].init_shares(1);
  shares[0].set_service("subject");
  shares[0].set_min_weight(50);
  shares[0].set_max_weight(900);
  desks[1].set_export_("second");
  for (const std::uint32_t desk : {0u, 1u}) desks[desk].init_leases(1).set(0, 1);
}

Memory make_config(Guest& guest) noexcept {
  Memory memory = make_memory(guest, 1);
  const auto mapped = runtime::map_object(guest.runtime, memory.borrow(), runtime::Access::read_write);
  if (!mapped.has_value()) return {};
  const std::span<wire::Word> words(reinterpret_cast<wire::Word*>(mapped->data()), mapped->size() / sizeof(wire::Word));
  wire::MessageBuilder message(words.subspan(1));
  write_config(message.init_root<schema::ServiceConfig>().init_policy());
  words[0] = wire::frame_header(static_cast<std::uint32_t>(message.words().size()));
  (void)guest.memory->unmap(reinterpret_cast<std::uint64_t>(mapped->data()), mapped->size());
  return memory;
}

// The service as init starts it. Its authority is nobody else's.
class PolicyService {
 public:
  PolicyService(Guest& guest, abi::CapId subject) noexcept
      : first_(make_service(guest, 0, 0, schema::Policy::kInterfaceId)),
        second_(make_service(guest, 0, 0, schema::Policy::kInterfaceId)) {
    start(guest, subject);
  }
  // Again, on the same endpoints.
  void start(Guest& guest, abi::CapId subject) noexcept {
    const Memory config = make_config(guest);
    const auto share = control_share(guest, subject);
    const auto placement = control_placement(guest);
    if (!share.has_value() || !placement.has_value()) return;
    const Grant grants[] = {{"config", config.cap()},
                            {"serve.first", first_.endpoint.cap()},
                            {"serve.second", second_.endpoint.cap()},
                            {"share.0.0", share->cap()},
                            {"placement", placement->cap()},
                            {"standing", guest.runtime.find_any("standing")}};
    process_.emplace(guest, Request{.role = Role::exit_with, .grants = grants, .program = "policy"});
  }
  [[nodiscard]] bool ready() noexcept { return process_.has_value() && *process_ && process_->becomes_ready(); }
  [[nodiscard]] Client first() const noexcept { return Client(first_.client.cap()); }
  [[nodiscard]] Client second() const noexcept { return Client(second_.client.cap()); }
  [[nodiscard]] bool dies() noexcept {
    process_->kill();
    return process_->ends(schema::ExitReason::killed, 0);
  }

 private:
  Service first_, second_;
  std::optional<Child> process_;
};

// Until the kernel has noticed that nobody holds them any more.
bool controls_are_free(Guest& guest, abi::CapId subject) noexcept {
  const std::uint64_t end = guest.now() + 100 * kMillisecond;
  while (!control_placement(guest).has_value() || !control_share(guest, subject).has_value()) {
    if (guest.now() > end) return false;
    guest.sleep(kMillisecond);
  }
  return true;
}

void shares(Guest& guest) noexcept {
  Child subject(guest, {.role = Role::sleeper, .argument = 1'000});
  PolicyService service(guest, subject.process().cap());
  CHECK(service.ready());
  Client desk = service.first(), other = service.second();
  const auto before = desk->share(0);
  CHECK(before.has_value() && before->outcome == PolicyOutcome::done && before->weight == 100 && before->declared_weight == 100 &&
        before->min_weight == 50 && before->max_weight == 900 && before->most_urgent == LatencyClass::normal && before->alive);
  const auto outcome = [](const auto& answer, PolicyOutcome wanted) { return answer.has_value() && answer->outcome == wanted; };
  CHECK(outcome(desk->set_share(0, 900, LatencyClass::batch), PolicyOutcome::done));
  CHECK(weight_of(guest, subject.process().cap()) == 900);
  CHECK(outcome(desk->set_share(0, 901, LatencyClass::normal), PolicyOutcome::out_of_range));
  CHECK(outcome(desk->set_share(0, 49, LatencyClass::normal), PolicyOutcome::out_of_range));
  CHECK(outcome(desk->set_share(0, 100, LatencyClass::interactive), PolicyOutcome::out_of_range));
  CHECK(outcome(desk->set_share(0, 100, static_cast<LatencyClass>(3)), PolicyOutcome::out_of_range));
  CHECK(outcome(desk->set_share(1, 100, LatencyClass::normal), PolicyOutcome::not_allowed));
  CHECK(outcome(other->set_share(0, 100, LatencyClass::normal), PolicyOutcome::not_allowed));
  CHECK(outcome(other->share(0), PolicyOutcome::not_allowed) && outcome(other->reset_share(0), PolicyOutcome::not_allowed));
  const auto after = desk->share(0);
  CHECK(after.has_value() && after->weight == 900 && after->latency == LatencyClass::batch && after->declared_weight == 100);
  CHECK(outcome(desk->reset_share(0), PolicyOutcome::done) && weight_of(guest, subject.process().cap()) == 100);
}

void cpus(Guest& guest) noexcept {
  Child subject(guest, {.role = Role::sleeper, .argument = 1'000});
  PolicyService service(guest, subject.process().cap());
  CHECK(service.ready());
  Client desk = service.first(), other = service.second();
  const auto outcome = [](const auto& answer, PolicyOutcome wanted) { return answer.has_value() && answer->outcome == wanted; };
  const auto none = desk->cpu(99);
  CHECK(outcome(none, PolicyOutcome::refused));
  CHECK(outcome(desk->place(2), PolicyOutcome::out_of_range) && outcome(other->place(1), PolicyOutcome::not_allowed));
  const auto placed = desk->place(1);
  CHECK(outcome(placed, PolicyOutcome::done) && placed->cpus == 1);
  CHECK(outcome(desk->place(~std::uint32_t{0}), PolicyOutcome::done));
  CHECK(outcome(desk->lease(0), PolicyOutcome::not_allowed) && outcome(desk->give_back(2), PolicyOutcome::not_allowed));
  if (guest.cpus < 2) {
    CHECK(outcome(desk->lease(1), PolicyOutcome::refused));  // there is no such CPU
    return;
  }
  {
    Child tenant(guest, {.role = Role::sleeper, .argument = 1'000, .cpu = 1});
    CHECK(outcome(desk->lease(1), PolicyOutcome::occupied));
  }
  CHECK(outcome(desk->lease(1), PolicyOutcome::done) && outcome(desk->lease(1), PolicyOutcome::done));
  CHECK(outcome(other->lease(1), PolicyOutcome::taken) && outcome(other->give_back(1), PolicyOutcome::taken));
  CHECK(invalid(try_spawn(guest, {.role = Role::exit_with, .cpu = 1}), KernelError::bad_cpu));
  const auto kept = other->cpu(1);
  CHECK(outcome(kept, PolicyOutcome::done) && kept->kept && kept->desk == 0 && !kept->placed && !kept->leased && kept->processes == 0);
  const Task tasks[] = {{}};
  Island island(guest, honest(guest, tasks));
  CHECK(island.admitted());
  const auto leased = other->cpu(1);
  CHECK(leased.has_value() && leased->leased && leased->use == schema::CpuUse::leased && leased->island == 0);
  CHECK(outcome(desk->give_back(1), PolicyOutcome::done));
  CHECK(outcome(other->lease(1), PolicyOutcome::taken));  // by the island
}

// What two that compute on one CPU get: within a tenth of 1 to `times`, by their counters. A slice more or less is 2 ms.
bool share_as(Guest& guest, Shared& one, Shared& other, std::uint64_t times) noexcept {
  const std::uint64_t before[] = {one.word(0), other.word(0)};
  guest.sleep(100 * kMillisecond);
  const std::uint64_t work[] = {one.word(0) - before[0], other.word(0) - before[1]};
  guest.note("one", work[0]);
  guest.note("other", work[1]);
  return work[0] * times * 10 >= work[1] * 9 && work[0] * times * 10 <= work[1] * 11;
}

void death_beside_an_island(Guest& guest) noexcept {
  Shared out(guest, 8), first(guest), second(guest);
  const Task tasks[] = {{}};
  Island island(guest, honest(guest, tasks));
  CHECK(island.admitted());
  const Grant task_grants[] = {{"out", out.cap()}}, one_grants[] = {{"out", first.cap()}}, other_grants[] = {{"out", second.cap()}};
  Child task(guest, {.role = Role::periodic, .argument = 400, .grants = task_grants, .context = island.context(0)});
  Child one(guest, {.role = Role::compute, .grants = one_grants}), other(guest, {.role = Role::compute, .grants = other_grants});
  PolicyService service(guest, other.process().cap());
  CHECK(task.becomes_ready() && service.ready() && island.activate() != 0);
  Client desk = service.first();
  const auto set = desk->set_share(0, 400, LatencyClass::normal);
  CHECK(set.has_value() && set->outcome == PolicyOutcome::done);
  if (guest.cpus > 1) CHECK(desk->place(1).has_value());
  CHECK(share_as(guest, first, second, 4));
  CHECK(service.dies());
  CHECK(comes_back_to(guest, other.process().cap(), 100));
  CHECK(share_as(guest, first, second, 1));
  CHECK(transport(desk->share(0), TransportError::disconnected));
  CHECK(controls_are_free(guest, other.process().cap()));
  service.start(guest, other.process().cap());
  CHECK(service.ready());
  const auto again = desk->share(0);
  CHECK(again.has_value() && again->outcome == PolicyOutcome::done && again->weight == 100);
  const auto status = island.status();
  CHECK(status.jobs > 80);
  if (!kernel_checks_itself(guest)) CHECK(status.misses == 0 && status.overruns == 0);
}

constexpr Case kCases[] = {
    {"policy service: shares", shares},
    {"policy service: CPUs", cpus},
    {"policy service dies beside an island", death_beside_an_island},
};

}  // namespace

std::span<const Case> policy_service_cases() noexcept { return kCases; }

}  // namespace conformance
