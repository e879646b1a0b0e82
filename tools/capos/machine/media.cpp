// SPDX-License-Identifier: Apache-2.0
#include "media.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "../support/files.hpp"
#include "capos/schema/bootpack.hpp"
#include "capos/wire/frame.hpp"

namespace capos::cli {
namespace {

using Grant = schema::Grant::Which;

constexpr std::size_t kMostNodes = 64;  // a ring of nodes would have no end

std::optional<schema::Grant::Reader> grant_of(schema::Service::Reader service, std::string_view name, Grant kind) {
  for (const auto grant : service.grants()) {
    if (grant.name() == name && grant.which() == kind) return grant;
  }
  return std::nullopt;
}

bool is_node(schema::Service::Reader service) { return service.config().which() == schema::ServiceConfig::Which::media; }

// Places of the services from the driver back to the source; empty if the way breaks off.
std::vector<std::uint32_t> way_back(schema::InitConfig::Reader config) {
  const auto services = config.services();
  std::vector<std::uint32_t> way;
  for (std::uint32_t i = 0; i < services.size() && way.empty(); ++i) {
    if (is_node(services[i]) && services[i].config().media().is_driver()) way.push_back(i);
  }
  while (!way.empty() && way.size() < kMostNodes && !services[way.back()].config().media().is_source()) {
    const auto in = grant_of(services[way.back()], "in", Grant::consumes);
    const std::size_t length = way.size();
    for (std::uint32_t i = 0; in && i < services.size() && way.size() == length; ++i) {
      const auto out = grant_of(services[i], "out", Grant::produces);
      if (is_node(services[i]) && out && out->produces() == in->consumes()) way.push_back(i);
    }
    if (way.size() == length) return {};
  }
  return way.size() < kMostNodes ? way : std::vector<std::uint32_t>{};
}

report::MediaNodeInput node_input(schema::Service::Reader service, std::uint32_t number,
                                  const std::vector<report::IslandInput>& islands) {
  report::MediaNodeInput node{.service = std::string(service.name()), .number = number, .task = {}};
  for (const auto& island : islands) {
    for (const auto& task : island.tasks) {
      if (task.service != node.service) continue;
      node.task = island.name + "." + task.name;
      node.source = task.source;
    }
  }
  return node;
}

std::vector<std::byte> file_of(const std::filesystem::path& pack, std::string_view buffer) {
  constexpr wire::Limits kLimits{.traversal_words = 1u << 28, .depth = 64};
  const auto bytes = read_bytes(pack);
  if (!bytes) return {};
  std::vector<wire::Word> words(bytes->size() / sizeof(wire::Word));
  std::memcpy(words.data(), bytes->data(), words.size() * sizeof(wire::Word));
  const auto frame = wire::read_frame(words);
  if (!frame.has_value()) return {};
  wire::MessageReader message(*frame, kLimits);
  for (const auto file : message.root<schema::BootPack>().files()) {
    if (file.buffer() != buffer) continue;
    const auto content = file.content();
    return {content.begin(), content.end()};
  }
  return {};
}

void note_chain(report::MediaInput& input, const std::vector<report::IslandInput>& islands) {
  for (const auto& island : islands) {
    for (const auto& chain : island.chains) {
      if (chain.path.empty() || island.name + "." + chain.path.front() != input.nodes.front().task ||
          island.name + "." + chain.path.back() != input.nodes.back().task)
        continue;
      input.chain = island.name + "." + chain.name;
      input.chain_admitted_ns = chain.admitted_ns;
      input.chain_bound_ns = chain.bound_ns;
    }
  }
}

}  // namespace

std::optional<report::MediaInput> media_input(schema::SystemManifest::Reader manifest,
                                              const std::vector<report::IslandInput>& islands, const std::filesystem::path& pack) {
  const auto config = manifest.init_config();
  auto way = way_back(config);
  if (way.size() < 2) return std::nullopt;
  std::ranges::reverse(way);
  report::MediaInput input;
  for (const std::uint32_t place : way) {
    const auto service = config.services()[place];
    input.nodes.push_back(node_input(service, place, islands));
    if (const auto filter = media::Filter::make(service.config().media())) input.filters.push_back(*filter);
  }
  const auto source = config.services()[way.front()];
  input.loop = source.config().media().source().loop();
  if (const auto wav = grant_of(source, "wav", Grant::buffer)) input.wav = file_of(pack, wav->buffer());
  if (input.wav.empty()) return std::nullopt;
  note_chain(input, islands);
  return input;
}

}  // namespace capos::cli
