// SPDX-License-Identifier: Apache-2.0
// Services: made with what the manifest grants them, and waited for.
#include "boot_pack.hpp"
#include "capos/abi/exit_code.hpp"
#include "capos/runtime/text.hpp"
#include "system.hpp"

namespace capos::init {
namespace {

constexpr auto kStartFailed = static_cast<std::uint8_t>(abi::RunOutcome::start_failed);

const TaskPlace* task_of(const System& system, std::string_view service) noexcept {
  for (std::size_t i = 0; i < system.tasks_count; ++i) {
    if (system.tasks[i].service == service) return &system.tasks[i];
  }
  return nullptr;
}

// A passive server runs where the tasks that call it do, else where the manifest says.
std::uint16_t cpu_of(const System& system, std::uint32_t index) noexcept {
  const ServerPlace& place = system.servers[index];
  return place.called ? place.cpu : system.config().services()[index].cpu();
}

bool is_own_export(const System& system, std::size_t index, schema::Service::Reader service) noexcept {
  return system.exports[index].service == service.name();
}

// Everything the service is to hold, by name.
class GrantList {
 public:
  GrantList(const System& system, schema::Service::Reader service) noexcept {
    for (const auto grant : service.grants()) {
      const bool placement = grant.which() == schema::Grant::Which::kernel && grant.kernel() == schema::KernelService::placement;
      add(system, service, grant.name(), placement ? lend(make_placement(system)) : find_grant(system, grant));
    }
    if (is_policy(service)) add_shares(system, service);
    for (std::size_t i = 0; i < system.exports_count; ++i) {
      if (!is_own_export(system, i, service)) continue;
      names_[count_].add("serve.").add(system.exports[i].name);
      add(system, service, names_[count_].view(), system.exports[i].endpoint);
    }
    if (const abi::CapId config = make_config(system, service); !config.is_null()) add(system, service, "config", config);
    for (const auto grant : service.grants()) {
      if (grant.which() != schema::Grant::Which::kernel || grant.kernel() != schema::KernelService::host_channel) continue;
      add(system, service, "flush", system.flush);
      add(system, service, "flushed", system.flushed);
    }
  }
  ~GrantList() {
    for (std::size_t i = 0; i < lent_count_; ++i) (void)runtime::call_ring().release(lent_[i]);
  }
  GrantList(const GrantList&) = delete;
  GrantList& operator=(const GrantList&) = delete;
  template <typename Params>
  void write(Params params, runtime::Transfers& transfers) const noexcept {
    const auto list = params.init_grants(static_cast<std::uint32_t>(count_));
    for (std::uint32_t i = 0; i < count_; ++i) {
      list[i].set_name(entries_[i].name);
      list[i].init_capability().set_capability(transfers.add(entries_[i].cap));
    }
  }

 private:
  struct Entry {
    std::string_view name;
    abi::CapId cap;
  };
  void add(const System& system, schema::Service::Reader service, std::string_view name, abi::CapId cap) noexcept {
    if (count_ == entries_.size()) give_up(system, kStartFailed, service.name(), "too many grants");
    if (cap.is_null()) {
      runtime::Text<96> text;
      text.add("nothing to grant as \"").add(name).add("\"");
      give_up(system, kStartFailed, service.name(), text.view());
    }
    entries_[count_++] = {name, cap};
  }
  // init's own copy goes with this list.
  abi::CapId lend(abi::CapId cap) noexcept {
    if (!cap.is_null()) lent_[lent_count_++] = cap;
    return cap;
  }
  // "share.DESK.PLACE" for each share of each desk; two desks may have the same.
  void add_shares(const System& system, schema::Service::Reader service) noexcept {
    std::array<std::string_view, kMostLent> known{};
    const std::size_t first = lent_count_;
    unsigned number = 0;
    for (const auto desk : service.config().policy().desks()) {
      unsigned place = 0;
      for (const auto share : desk.shares()) {
        std::size_t at = first;
        while (at < lent_count_ && known[at] != share.service()) ++at;
        if (at == kMostLent) give_up(system, kStartFailed, service.name(), "too many shares");
        if (at == lent_count_) {
          known[at] = share.service();
          (void)lend(make_share_control(system, share.service()));
        }
        names_[count_].add("share.").add(number).add(".").add(place++);
        add(system, service, names_[count_].view(), at < lent_count_ ? lent_[at] : abi::CapId{});
      }
      ++number;
    }
  }
  static constexpr std::size_t kMostGrants = 72;
  static constexpr std::size_t kMostLent = 24;
  std::array<Entry, kMostGrants> entries_{};
  std::array<runtime::Text<40>, kMostGrants> names_{};
  std::size_t count_ = 0;
  std::array<abi::CapId, kMostLent> lent_{};
  std::size_t lent_count_ = 0;
};

void set_share(const System& system, std::uint32_t index) noexcept {
  const auto service = system.config().services()[index];
  auto policy = system.runtime.need<schema::SchedulingPolicy>("schedulingPolicy");
  const auto done = policy->set_share([&](auto params, runtime::Transfers& transfers) {
    params.set_process(transfers.add(system.processes[index]));
    params.set_weight(service.weight());
    params.set_latency(service.latency());
  });
  if (!done.has_value()) give_up(system, kStartFailed, service.name(), done.error().text());
}

}  // namespace

namespace {

// The process, without its share.
runtime::Result<abi::CapId> start_process(const System& system, std::uint32_t index) noexcept {
  constexpr std::uint64_t kPage = 4096;
  const auto service = system.config().services()[index];
  const GrantList grants(system, service);
  const TaskPlace* const task = task_of(system, service.name());
  auto spawner = system.runtime.need<schema::ProcessSpawner>("spawner");
  auto made = TRY(spawner->spawn([&](auto params, runtime::Transfers& transfers) {
    params.set_name(service.name());
    params.set_program(service.binary());
    grants.write(params, transfers);
    params.set_cpu(cpu_of(system, index));
    params.set_memory_pages(bytes_of(service.memory()) / kPage);
    if (task != nullptr) params.set_context(transfers.add(task->context));
    if (!system.servers[index].recovery.is_null()) params.set_context(transfers.add(system.servers[index].recovery));
    params.set_passive(service.passive());
    params.set_source(index);
  }));
  return made.cap(made.reader().process());
}

}  // namespace

void spawn_services(System& system) noexcept {
  const auto services = system.config().services();
  for (const bool policies : {false, true}) {
    for (std::uint32_t index = 0; index < services.size(); ++index) {
      if (system.processes[index].is_null() && is_policy(services[index]) == policies) spawn_service(system, index);
    }
  }
}

bool restart_services(System& system) noexcept {
  const auto services = system.config().services();
  bool any = false;
  for (std::uint32_t index = 0; index < services.size(); ++index) {
    if (system.restarts[index] >= services[index].restarts()) continue;
    any = true;
    runtime::Capability<schema::ProcessHandle> process(system.processes[index]);
    const auto state = process->state();
    if (!state.has_value() || state->alive) continue;
    const auto made = start_process(system, index);
    if (!made.has_value()) continue;  // its CPU is kept free, or what it was is not yet taken apart: at the next look
    ++system.restarts[index];
    (void)runtime::call_ring().release(system.processes[index]);
    system.processes[index] = *made;
    set_share(system, index);
  }
  return any;
}

void spawn_service(System& system, std::uint32_t index) noexcept {
  const auto service = system.config().services()[index];
  const auto made = start_process(system, index);
  if (!made.has_value()) give_up(system, kStartFailed, service.name(), made.error().text());
  system.processes[index] = *made;
  set_share(system, index);
  // Now only the service can serve: if it ends, whoever queues for it is told, and does not wait for ever. The endpoint of one that is
  // started again is kept for it; who calls it meanwhile is told as well.
  if (service.restarts() != 0) return;
  for (std::size_t i = 0; i < system.exports_count; ++i) {
    if (!is_own_export(system, i, service)) continue;
    (void)runtime::call_ring().release(system.exports[i].endpoint);
    system.exports[i].endpoint = {};
  }
}

void await_services(const System& system) noexcept {
  constexpr std::uint64_t kPause = 200'000;               // ns
  constexpr std::uint64_t kPatience = 10'000'000'000;     // for who is called or released: they must be there
  constexpr std::uint64_t kBestEffortPatience = 50'000'000;  // for the others: some compute for ever and never wait
  auto timer = system.runtime.need<schema::Timer>("timer");
  const auto begin = timer->now();
  std::uint32_t index = 0;
  for (const auto service : system.config().services()) {
    runtime::Capability<schema::ProcessHandle> process(system.processes[index++]);
    const bool needed = service.passive() || task_of(system, service.name()) != nullptr;
    for (;;) {
      const auto state = process->state();
      const auto now = timer->now();
      if (!state.has_value() || !now.has_value()) give_up(system, kStartFailed, service.name(), "no state");
      if (!state->alive && needed) give_up(system, kStartFailed, service.name(), "it ended before it was ready");
      if (!state->alive || state->ready) break;
      if (now->ns - begin->ns > (needed ? kPatience : kBestEffortPatience)) {
        if (!needed) break;
        give_up(system, kStartFailed, service.name(), "not ready after 10 s");
      }
      (void)timer->sleep_until(now->ns + kPause);
    }
  }
}

}  // namespace capos::init
