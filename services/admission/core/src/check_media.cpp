// SPDX-License-Identifier: Apache-2.0
// Rules about media nodes: figures in range, a task at the device's rate, the ends that a node needs, and an order in which
// a block goes through the graph within its cycle.
#include "capos/admission/units.hpp"
#include "check.hpp"

namespace capos::admission {
namespace {

using Node = schema::NodeConfig::Which;
using Grant = schema::Grant::Which;

bool within(double value, double least, double most) noexcept { return value >= least && value <= most; }  // false for NaN

void check_figures(Check& check, schema::NodeConfig::Reader node) noexcept {
  const Path::Scope config(check.path, "config");
  const Path::Scope media(check.path, "media");
  if (node.is_gain() && !within(node.gain().factor(), 0, schema::kGreatestGain)) {
    check.report("gain", "media-range", text("the gain's factor is out of range"), text("0 to 16"));
  }
  if (node.is_biquad()) {
    const auto filter = node.biquad();
    if (filter.kind() > schema::BiquadKind::high_pass) {
      check.report("biquad", "media-range", text("an unknown kind of filter"), text("lowPass or highPass"));
    }
    if (!within(filter.frequency(), schema::kLowestCorner, schema::kHighestCorner)) {
      check.report("biquad", "media-range", text("the filter's corner frequency is out of range"), text("10 to 20000 Hz"));
    }
    if (!within(filter.q(), schema::kLeastQ, schema::kGreatestQ)) {
      check.report("biquad", "media-range", text("the filter's q is out of range"), text("0.1 to 20"));
    }
  }
  if (node.is_sink() && !(node.sink().ceiling() > 0 && node.sink().ceiling() <= 1)) {
    check.report("sink", "media-range", text("the sink's ceiling is out of range"), text("above 0, to 1"));
  }
  if (node.which() > Node::driver) {
    check.report("", "media-node", text("a node of a kind that this version does not know"),
                 text("source, gain, biquad, sink or driver"));
  }
}

// The grant `name` of the service, if it is of that kind.
std::optional<schema::Grant::Reader> grant_of(schema::Service::Reader service, std::string_view name, Grant kind) noexcept {
  const auto grants = service.grants();
  for (std::uint32_t i = 0; i < grants.size() && i < kMaxGrantsPerService; ++i) {
    if (grants[i].name() == name && grants[i].which() == kind) return grants[i];
  }
  return std::nullopt;
}

void need_grant(Check& check, schema::Service::Reader service, std::string_view name, Grant kind,
                std::string_view how) noexcept {
  if (grant_of(service, name, kind)) return;
  check.report("grants", "media-grant", text("the node '", service.name(), "' has no grant (name = \"", name, "\", ", how, " = ...)"),
               text("add it: each kind of node needs its ends, see the reference of NodeConfig"));
}

void check_grants_of(Check& check, schema::Service::Reader service) noexcept {
  const auto node = service.config().media();
  if (!node.is_source()) need_grant(check, service, "in", Grant::consumes, "consumes");
  if (!node.is_driver()) need_grant(check, service, "out", Grant::produces, "produces");
  if (node.is_driver()) need_grant(check, service, "record", Grant::produces, "produces");
  if (node.is_source()) need_grant(check, service, "wav", Grant::buffer, "buffer");
}

// The service that fills the ring which `service` reads as "in"; kNotFound if there is none.
std::uint32_t upstream_of(const Check& check, schema::Service::Reader service) noexcept {
  const auto in = grant_of(service, "in", Grant::consumes);
  const auto services = check.manifest.init_config().services();
  for (std::uint32_t i = 0; in && i < services.size() && i < kMaxServices; ++i) {
    const auto out = grant_of(services[i], "out", Grant::produces);
    if (out && out->produces() == in->consumes()) return i;
  }
  return kNotFound;
}

// What derived priorities go by: the deadline less the jitter. Of a task without a valid one, the largest number.
std::uint64_t urgency(schema::Task::Reader task) noexcept {
  const auto period = period_of(task.period());
  const auto deadline = time_ns_or(task.deadline(), period ? static_cast<std::uint64_t>(period->floor().ns()) : ~std::uint64_t{0});
  const auto jitter = time_ns_or(task.jitter(), 0);
  if (!deadline || !jitter) return ~std::uint64_t{0};
  return *deadline > *jitter ? *deadline - *jitter : 0;
}

// Whether a release of both lets `first` run before `second`: by priorities as stated, else as derived, ties by place.
bool runs_before(schema::Island::Reader island, std::uint32_t first, std::uint32_t second) noexcept {
  const auto a = island.tasks()[first], b = island.tasks()[second];
  if (island.policy() != schema::IslandPolicy::fixed_priority) return false;
  if (a.priority() >= 0 && b.priority() >= 0) return a.priority() > b.priority();
  if (a.priority() >= 0 || b.priority() >= 0) return false;
  return urgency(a) != urgency(b) ? urgency(a) < urgency(b) : first < second;
}

bool at_device_rate(const Check& check, TaskRef ref) noexcept {
  const auto period = period_of(check.manifest.init_config().islands()[ref.island].tasks()[ref.task].period());
  return period && std::uint64_t{period->numerator} * schema::kFrameRate ==
                       std::uint64_t{period->denominator} * schema::kFramesPerBlock;
}

// Blocks go through within a cycle, since who writes runs before who reads; the driver plays the cycle before's, so it
// comes first, and nothing that the others do in a cycle moves its clock.
void check_order(Check& check, schema::Service::Reader service, TaskRef own) noexcept {
  const std::uint32_t upstream = upstream_of(check, service);
  if (upstream == kNotFound) return;  // no producer: "ring-ends" or "media-grant"
  const auto other = check.manifest.init_config().services()[upstream];
  const TaskRef before = task_of_service(check.manifest, other.name());
  if (!before.found() || !at_device_rate(check, before)) return;  // "media-task", if it is a node
  const auto island = check.manifest.init_config().islands()[own.island];
  const bool driver = service.config().media().is_driver();
  const bool together = before.island == own.island &&
                        cpu_of(island, island.tasks()[before.task]) == cpu_of(island, island.tasks()[own.task]);
  if (together && (driver ? runs_before(island, own.task, before.task) : runs_before(island, before.task, own.task))) return;
  check.report("grants", "media-order",
               driver ? text("the driver '", service.name(), "' does not run before '", other.name(), "', whose blocks it plays")
                      : text("'", service.name(), "' reads what '", other.name(), "' writes, which does not run before it in a cycle"),
               text("tasks of one fixed-priority island and CPU, ", driver ? "the driver's" : "the writer's",
                    " first in the list, or of higher priority or shorter deadline; priorities all stated or all derived"));
}

void check_task_of(Check& check, schema::Service::Reader service) noexcept {
  const TaskRef own = task_of_service(check.manifest, service.name());
  const auto hint = text("period = (frames = (count = ", schema::kFramesPerBlock, ", rate = ", schema::kFrameRate, "))");
  if (!own.found()) {
    check.report("config", "media-task", text("the node '", service.name(), "' is no task of an island"),
                 text("add a task with ", hint.view()));
    return;
  }
  if (!at_device_rate(check, own)) {
    check.report("config", "media-task", text("the task of the node '", service.name(), "' does not run at the device's rate"),
                 hint);
    return;
  }
  check_order(check, service, own);
}

}  // namespace

void check_media_node(Check& check, schema::Service::Reader service) noexcept {
  if (service.config().which() != schema::ServiceConfig::Which::media) return;
  check_figures(check, service.config().media());
  check_grants_of(check, service);
  check_task_of(check, service);
}

}  // namespace capos::admission
