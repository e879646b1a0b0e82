// SPDX-License-Identifier: Apache-2.0
// The admission service asked while islands stand: a new one from a manifest in a message, and a change of one by its name.
#include "capos/runtime/mapping.hpp"
#include "capos/schema/admission.hpp"
#include "capos/schema/bootpack.hpp"
#include "island_harness.hpp"

namespace conformance {
namespace {

using schema::AdmissionOutcome;

constexpr std::uint64_t kOutPages = 8;

// The program, as a best-effort service on CPU 0, and its answers.
class Asked {
 public:
  Asked(Guest& guest, bool may_look) noexcept
      : guest_(guest),
        out_(make_memory(guest, kOutPages)),
        service_(make_service(guest, 0, 0, schema::Admission::kInterfaceId)),
        grants_{Grant{"boot", guest.runtime.need<schema::BootPackage>("bootPackage").cap()}, Grant{"out", out_.cap()},
                Grant{"serve.admission", service_.endpoint.cap()},
                Grant{"standing", guest.runtime.need<schema::IslandReader>("standing").cap()}},
        child_(guest, {.grants = std::span(grants_).first(may_look ? 4 : 3), .pages = 512, .program = "admission"}) {
    const auto mapped = runtime::map_object(guest.runtime, out_.borrow(), runtime::Access::read);
    if (mapped.has_value()) words_ = {reinterpret_cast<const wire::Word*>(mapped->data()), mapped->size() / sizeof(wire::Word)};
  }
  ~Asked() {
    if (!words_.empty()) (void)guest_.memory->unmap(reinterpret_cast<std::uint64_t>(words_.data()), words_.size_bytes());
  }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;
  [[nodiscard]] bool good() noexcept { return !words_.empty() && child_.becomes_ready(); }

  // An island of one task, "work", whose manifest says nothing else of note.
  struct Wanted {
    std::string_view name;
    std::uint64_t period_us = 1'000, budget_us = 100;
    std::int16_t priority = -1;
    std::uint16_t place = 0;         // of the island that is asked for: there is only number 0
    std::uint32_t schema_version = 1;
  };
  [[nodiscard]] AdmissionOutcome admit(const Wanted& wanted) noexcept {
    Capability<schema::Admission> admission(service_.client.cap());
    auto answer = admission->admit_beside([&](auto params) {
      write_manifest(params.init_manifest(), wanted);
      params.set_island(wanted.place);
    });
    return note(answer);
  }
  [[nodiscard]] AdmissionOutcome change(const Wanted& wanted) noexcept {
    Capability<schema::Admission> admission(service_.client.cap());
    auto answer = admission->change([&](auto params) {
      write_manifest(params.init_manifest(), wanted);
      params.set_island(wanted.place);
    });
    return note(answer);
  }
  [[nodiscard]] std::span<const wire::Word> certificate() const noexcept { return words_.first(size_ / sizeof(wire::Word)); }
  [[nodiscard]] std::string_view text() const noexcept { return {reinterpret_cast<const char*>(words_.data()), size_}; }

 private:
  template <typename Answer>
  AdmissionOutcome note(Answer& answer) noexcept {
    size_ = 0;
    if (!answer.has_value()) {
      guest_.fail("admission", 0, answer.error().text());
      return AdmissionOutcome::no_manifest;
    }
    size_ = answer->reader().size();
    return answer->reader().outcome();
  }
  void write_manifest(schema::SystemManifest::Builder manifest, const Wanted& wanted) noexcept {
    const bool alone = guest_.cpus > 1;
    manifest.set_schema_version(wanted.schema_version);
    manifest.init_kernel_params().set_cpus(static_cast<std::uint16_t>(guest_.cpus));
    const auto binary = manifest.init_binaries(1)[0];
    binary.set_name("init");
    binary.set_path("services/init");
    const auto config = manifest.init_init_config();
    const auto service = config.init_services(1)[0];
    service.set_name("worker");
    service.set_binary("init");
    const auto island = config.init_islands(1)[0];
    island.set_name(wanted.name);
    island.init_cpus(1).set(0, static_cast<std::uint16_t>(alone ? 1 : 0));
    island.set_slack(alone ? schema::SlackPolicy::idle : schema::SlackPolicy::best_effort);
    const auto task = island.init_tasks(1)[0];
    task.set_name("work");
    task.set_service("worker");
    task.init_period().set_us(wanted.period_us);
    task.init_budget().set_us(wanted.budget_us);
    task.set_priority(wanted.priority);
  }

  Guest& guest_;
  Memory out_;
  Service service_;
  Grant grants_[4];
  std::span<const wire::Word> words_;
  Child child_;
  std::size_t size_ = 0;
};

// What the kernel makes of the certificate that was answered.
class Admitted {
 public:
  Admitted(Guest& guest, const Asked& asked) noexcept {
    wire::MessageReader message(asked.certificate());
    const auto claim = message.root<schema::IslandCertificate>();
    auto answer = guest.islands->admit([&](auto params) { params.set_certificate(claim); });
    if (!answer.has_value()) {
      guest.fail("admit", 0, answer.error().text());
      return;
    }
    const auto result = answer->reader();
    if (result.which() != schema::AdmitResult::Which::admitted) {
      guest.fail("refused", 0, result.which() == schema::AdmitResult::Which::refused ? result.refused() : result.occupied().by());
      return;
    }
    context_ = OwnedCapability<schema::SchedulingContext>(answer->cap(result.admitted().contexts()[0]));
    island_ = OwnedCapability<schema::RealtimeIsland>(answer->cap(result.admitted().island()));
  }
  ~Admitted() {
    if (island_) (void)island_->retire();
  }
  Admitted(const Admitted&) = delete;
  Admitted& operator=(const Admitted&) = delete;
  [[nodiscard]] bool good() const noexcept { return static_cast<bool>(island_); }
  [[nodiscard]] bool change(const Asked& asked) noexcept {
    wire::MessageReader message(asked.certificate());
    const auto claim = message.root<schema::IslandCertificate>();
    auto answer = island_->mode_change([&](auto params) { params.set_certificate(claim); });
    return answer.has_value() && answer->reader().which() == schema::ChangeResult::Which::accepted;
  }
  [[nodiscard]] schema::SchedulingContext::Parameters::Results::Value parameters() noexcept {
    const auto found = Capability<schema::SchedulingContext>(context_.cap())->parameters();
    return found.has_value() ? *found : schema::SchedulingContext::Parameters::Results::Value{};
  }

 private:
  OwnedCapability<schema::SchedulingContext> context_;
  OwnedCapability<schema::RealtimeIsland> island_;
};

void admitted_beside(Guest& guest) noexcept {
  Asked asked(guest, true);
  CHECK(asked.good());
  CHECK(asked.admit({.name = "first"}) == AdmissionOutcome::admitted);
  Admitted first(guest, asked);
  CHECK(first.good());
  CHECK(asked.admit({.name = "second", .period_us = 5'000, .budget_us = 1'000}) == AdmissionOutcome::admitted);
  Admitted second(guest, asked);
  CHECK(second.good() && second.parameters().priority < first.parameters().priority);
  CHECK(asked.admit({.name = "third", .budget_us = 750}) == AdmissionOutcome::refused);
  CHECK(contains(asked.text(), "third") || contains(asked.text(), "CPU"));
  CHECK(asked.admit({.name = "third", .budget_us = 750, .priority = 250}) == AdmissionOutcome::refused);
  CHECK(contains(asked.text(), "second.work (beside third)") || contains(asked.text(), "CPU"));
  CHECK(asked.admit({.name = "third", .period_us = 500, .budget_us = 40, .priority = 250}) == AdmissionOutcome::admitted);
  Admitted third(guest, asked);
  CHECK(third.good() && third.parameters().priority == 250);
}

void changed_by_name(Guest& guest) noexcept {
  Asked asked(guest, true);
  CHECK(asked.good());
  CHECK(asked.admit({.name = "first"}) == AdmissionOutcome::admitted);
  Admitted first(guest, asked);
  CHECK(asked.admit({.name = "second", .period_us = 5'000, .budget_us = 1'000}) == AdmissionOutcome::admitted);
  Admitted second(guest, asked);
  CHECK(first.good() && second.good());
  const auto before = first.parameters();
  CHECK(asked.change({.name = "first", .period_us = 2'000, .budget_us = 300}) == AdmissionOutcome::admitted);
  CHECK(first.change(asked));
  guest.sleep(kMillisecond);
  const auto after = first.parameters();
  CHECK(after.budget_ns == 300 * kMicrosecond && after.priority == before.priority);
  CHECK(asked.change({.name = "first", .budget_us = 900}) == AdmissionOutcome::refused);
  CHECK(asked.change({.name = "third"}) == AdmissionOutcome::no_such_island);
  CHECK(!second.change(asked));  // there is no certificate in that answer
}

void unanswerable(Guest& guest) noexcept {
  {
    Asked asked(guest, true);
    CHECK(asked.good());
    CHECK(asked.admit({.name = "first", .place = 1}) == AdmissionOutcome::no_such_island);
    CHECK(asked.admit({.name = "first", .schema_version = 0}) == AdmissionOutcome::invalid);
    CHECK(contains(asked.text(), "schema-version"));
    CHECK(asked.admit({.name = "1st"}) == AdmissionOutcome::invalid && contains(asked.text(), "bad-name"));
  }
  Asked blind(guest, false);
  CHECK(blind.good() && blind.admit({.name = "first"}) == AdmissionOutcome::unreadable);
}

constexpr Case kCases[] = {
    {"admission service: beside what stands", admitted_beside},
    {"admission service: a change by name", changed_by_name},
    {"admission service: what it cannot answer", unanswerable},
};

}  // namespace

std::span<const Case> runtime_admission_cases() noexcept { return kCases; }

}  // namespace conformance
