// SPDX-License-Identifier: Apache-2.0
#include "graph.hpp"

#include <fmt/format.h>

#include <string_view>

#include "capos/admission/units.hpp"

namespace capos::cli {
namespace {

// Within double quotes of DOT; a backslash would begin an escape.
std::string dot_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// A label's lines, joined by DOT's line break after each was escaped.
std::string label(std::initializer_list<std::string> lines) {
  std::string out;
  for (const std::string& line : lines) {
    if (line.empty()) continue;
    const std::string escaped = dot_string(line);
    out += (out.empty() ? "" : "\\n") + escaped.substr(1, escaped.size() - 2);
  }
  return '"' + out + '"';
}

std::string service_node(std::string_view name) { return dot_string(fmt::format("service {}", name)); }
std::string buffer_node(std::string_view name) { return dot_string(fmt::format("buffer {}", name)); }
std::string ring_node(std::string_view name) { return dot_string(fmt::format("ring {}", name)); }
std::string task_node(std::string_view island, std::string_view task) {
  return dot_string(fmt::format("task {}.{}", island, task));
}

class Graph {
 public:
  explicit Graph(const std::string& title) {
    line("digraph capos {");
    ++depth_;
    line("graph [label=" + dot_string(title) + ", labelloc=t, fontname=\"sans-serif\", rankdir=LR, compound=true];");
    line("node [fontname=\"sans-serif\", fontsize=11, shape=box, style=rounded];");
    line("edge [fontname=\"sans-serif\", fontsize=9];");
  }
  void line(const std::string& text) { out_ += std::string(2 * depth_, ' ') + text + "\n"; }
  void open(const std::string& id, const std::string& attributes) {
    line("subgraph " + dot_string("cluster " + id) + " {");
    ++depth_;
    line("graph [" + attributes + "];");
  }
  void close() {
    --depth_;
    line("}");
  }
  [[nodiscard]] std::string finish() {
    close();
    return out_;
  }

 private:
  std::string out_;
  std::size_t depth_ = 0;
};

std::string cpus_of(const IslandVerdict& verdict) {
  std::string cpus;
  for (const auto cpu : verdict.cpus) cpus += fmt::format("{}{}", cpus.empty() ? "" : ", ", cpu);
  return cpus;
}

void add_task(Graph& graph, std::string_view island, const admission::TaskResult& task) {
  graph.line(fmt::format(
      "{} [shape=component, style=\"\", label={}];", task_node(island, task.name),
      label({std::string(task.name), fmt::format("{} of each {}", exact_us(task.budget_ns), exact_us(task.period_ns)),
             fmt::format("deadline {}, priority {}, CPU {}", exact_us(task.deadline_ns), task.priority, task.cpu),
             task.bounded ? fmt::format("answers within {}", exact_us(task.response_ns)) : std::string("no bound")})));
}

void add_island(Graph& graph, schema::Island::Reader island, const IslandVerdict& verdict) {
  const auto& report = verdict.admission->report();
  const std::string name(island.name());
  graph.open("island " + name,
             fmt::format("style=filled, fillcolor={}, label={}", verdict.admitted() ? "\"#eef5ea\"" : "\"#f7e3e0\"",
                         label({fmt::format("island {} on CPU {}", name, cpus_of(verdict)),
                                verdict.admitted() ? std::string("admitted") : "REFUSED: " + verdict.refusal})));
  for (const auto& task : report.all_tasks()) add_task(graph, name, task);
  for (std::uint32_t i = 0; i < report.chain_count; ++i) {
    const auto chain = island.chains()[i];
    const auto path = chain.path();
    for (std::uint32_t hop = 1; hop < path.size(); ++hop) {
      graph.line(fmt::format("{} -> {} [style=bold, label={}];", task_node(name, path[hop - 1]), task_node(name, path[hop]),
                             label({std::string(chain.name()), fmt::format("{} of {}", exact_us(report.chains[i].latency_ns),
                                                                           exact_us(report.chains[i].bound_ns))})));
    }
  }
  graph.close();
  for (const auto task : island.tasks()) {
    graph.line(fmt::format("{} -> {} [dir=none, style=dotted];", service_node(task.service()), task_node(name, task.name())));
    for (const auto call : task.calls()) {
      const auto server = call.server().substr(0, call.server().find('.'));
      const auto wcet = admission::time_ns_or(call.wcet(), 0).value_or(0);
      graph.line(fmt::format("{} -> {} [label={}, color=\"#b05a00\"];", task_node(name, task.name()), service_node(server),
                             label({std::string("lends its time"), fmt::format("at most {}", exact_us(wcet))})));
    }
  }
}

void add_service(Graph& graph, schema::Service::Reader service) {
  std::string kernel, exports;
  for (const auto grant : service.grants()) {
    if (grant.which() != schema::Grant::Which::kernel) continue;
    kernel += fmt::format("{}{}", kernel.empty() ? "kernel: " : ", ", schema::name_of(grant.kernel()));
  }
  for (const auto exported : service.exports()) {
    exports += fmt::format("{}{}", exports.empty() ? "serves " : ", ", exported.name());
  }
  graph.line(fmt::format("{} [label={}{}];", service_node(service.name()),
                         label({std::string(service.name()),
                                service.passive() ? std::string("passive: on its callers' time")
                                                  : fmt::format("{}, weight {}", service.cpu() == 0xffff ? "any CPU" : fmt::format("CPU {}", service.cpu()),
                                                                service.weight()),
                                exports, kernel}),
                         service.passive() ? ", style=\"rounded,dashed\"" : ""));
}

void add_grants(Graph& graph, schema::Service::Reader service) {
  for (const auto grant : service.grants()) {
    const std::string name(grant.name());
    if (grant.which() == schema::Grant::Which::from) {
      const auto server = grant.from().substr(0, grant.from().find('.'));
      graph.line(fmt::format("{} -> {} [label={}];", service_node(service.name()), service_node(server), label({name})));
    } else if (grant.which() == schema::Grant::Which::buffer) {
      graph.line(fmt::format("{} -> {} [dir=none, color=\"#3060a0\", label={}];", service_node(service.name()),
                             buffer_node(grant.buffer()), label({name})));
    } else if (grant.which() == schema::Grant::Which::produces) {
      graph.line(fmt::format("{} -> {} [color=\"#3060a0\", label={}];", service_node(service.name()), ring_node(grant.produces()),
                             label({name})));
    } else if (grant.which() == schema::Grant::Which::consumes) {
      graph.line(fmt::format("{} -> {} [color=\"#3060a0\", label={}];", ring_node(grant.consumes()), service_node(service.name()),
                             label({name})));
    }
  }
}

}  // namespace

std::string render_dot(schema::SystemManifest::Reader manifest, std::span<const IslandVerdict> verdicts,
                       const std::string& title) {
  Graph graph(title);
  const auto config = manifest.init_config();
  for (const auto service : config.services()) add_service(graph, service);
  for (const auto buffer : config.buffers()) {
    graph.line(fmt::format("{} [shape=cylinder, style=\"\", label={}];", buffer_node(buffer.name()),
                           label({std::string(buffer.name()),
                                  fmt::format("{} KiB", admission::size_bytes(buffer.size()).value_or(0) >> 10)})));
  }
  for (const auto ring : config.rings()) {
    graph.line(fmt::format("{} [shape=cds, style=\"\", label={}];", ring_node(ring.name()),
                           label({std::string(ring.name()),
                                  fmt::format("{} KiB", admission::size_bytes(ring.size()).value_or(0) >> 10)})));
  }
  for (const auto service : config.services()) add_grants(graph, service);
  std::size_t index = 0;
  for (const auto island : config.islands()) add_island(graph, island, verdicts[index++]);
  return graph.finish();
}

}  // namespace capos::cli
