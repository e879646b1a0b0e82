// SPDX-License-Identifier: Apache-2.0
#include "desk.hpp"

#include "capos/runtime/text.hpp"

namespace capos::policy {

void Desk::open(const runtime::Runtime& runtime, Office& office, schema::PolicyDesk::Reader config, std::uint16_t number) noexcept {
  office_ = &office;
  number_ = number;
  places_ = config.placement();
  for (const std::uint16_t cpu : config.leases()) leases_ |= cpu < 32 ? std::uint32_t{1} << cpu : 0;
  runtime::Text<48> serve;
  serve.add("serve.").add(config.export_());
  endpoint_ = runtime.need<schema::Endpoint>(serve.view());
  for (const auto limit : config.shares()) {
    if (count_ == kMostShares) runtime::panic("policy: too many shares");
    runtime::Text<48> share;
    share.add("share.").add(number).add(".").add(count_);
    subjects_[count_++] = {runtime.need<schema::ShareControl>(share.view()),
                           {limit.min_weight(), limit.max_weight(), limit.latency()}};
  }
}

Desk::Outcome Desk::share(runtime::CallInfo&, const Methods::Share::Params::Value& params,
                          Methods::Share::Results::Value& results) noexcept {
  Subject* const of = subject(params.subject);
  results.outcome = of == nullptr ? Asked::not_allowed : Asked::done;
  if (of == nullptr) return Outcome::done();
  const auto found = of->control->get();
  if (!found.has_value()) {
    results.outcome = Asked::refused;
    return Outcome::done();
  }
  results.weight = found->weight;
  results.latency = found->latency;
  results.declared_weight = found->declared_weight;
  results.declared_latency = found->declared_latency;
  results.alive = found->alive;
  results.cpu = found->cpu;
  results.min_weight = of->limits.min_weight;
  results.max_weight = of->limits.max_weight;
  results.most_urgent = of->limits.most_urgent;
  return Outcome::done();
}

Desk::Outcome Desk::set_share(runtime::CallInfo&, const Methods::SetShare::Params::Value& params,
                              Methods::SetShare::Results::Value& results) noexcept {
  Subject* const of = subject(params.subject);
  if (of == nullptr) {
    results.outcome = Asked::not_allowed;
  } else if (!of->limits.allow(params.weight, params.latency)) {
    results.outcome = Asked::out_of_range;
  } else {
    results.outcome = of->control->set(params.weight, params.latency).has_value() ? Asked::done : Asked::refused;
  }
  return Outcome::done();
}

Desk::Outcome Desk::reset_share(runtime::CallInfo&, const Methods::ResetShare::Params::Value& params,
                                Methods::ResetShare::Results::Value& results) noexcept {
  Subject* const of = subject(params.subject);
  results.outcome = Asked::not_allowed;
  if (of != nullptr) results.outcome = of->control->clear().has_value() ? Asked::done : Asked::refused;
  return Outcome::done();
}

Desk::Outcome Desk::place(runtime::CallInfo&, const Methods::Place::Params::Value& params,
                          Methods::Place::Results::Value& results) noexcept {
  results.outcome = places_ ? office_->place(params.cpus, results.cpus) : Asked::not_allowed;
  return Outcome::done();
}

Desk::Outcome Desk::lease(runtime::CallInfo&, const Methods::Lease::Params::Value& params,
                          Methods::Lease::Results::Value& results) noexcept {
  results.outcome = may_lease(params.cpu) ? office_->lease(params.cpu, number_) : Asked::not_allowed;
  return Outcome::done();
}

Desk::Outcome Desk::give_back(runtime::CallInfo&, const Methods::GiveBack::Params::Value& params,
                              Methods::GiveBack::Results::Value& results) noexcept {
  results.outcome = may_lease(params.cpu) ? office_->give_back(params.cpu, number_) : Asked::not_allowed;
  return Outcome::done();
}

Desk::Outcome Desk::cpu(runtime::CallInfo&, const Methods::Cpu::Params::Value& params, Methods::Cpu::Results::Value& results) noexcept {
  results = office_->describe(params.cpu);
  return Outcome::done();
}

}  // namespace capos::policy
