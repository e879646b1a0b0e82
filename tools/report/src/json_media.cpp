// SPDX-License-Identifier: Apache-2.0
#include "json_media.hpp"

namespace capos::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostXruns = 200;

Json to_json(const XrunItem& xrun, std::uint64_t start_ns) {
  return {{"time_ns", xrun.time_ns - start_ns},  // after the islands' start
          {"cycle", xrun.cycle},
          {"kind", schema::name_of(xrun.kind)},
          {"node", xrun.node},
          {"cause", schema::name_of(xrun.cause)},
          {"culprit", xrun.culprit},
          {"by_whom", xrun.by_whom},
          {"dropped", xrun.dropped}};
}

}  // namespace

Json media_to_json(const MediaResult& media, std::uint64_t start_ns) {
  Json xruns = Json::array();
  for (const XrunItem& xrun : media.xruns) {
    if (xruns.size() < kMostXruns) xruns.push_back(to_json(xrun, start_ns));
  }
  Json causes = Json::object();
  for (const XrunItem& xrun : media.xruns) {
    Json& count = causes[std::string(schema::name_of(xrun.cause))];
    count = count.is_null() ? 1 : count.get<std::uint64_t>() + 1;
  }
  Json wav{{"file", "audio.wav"},
           {"equal", media.equal()},
           {"different_blocks", media.different},
           {"not_compared", media.not_compared}};
  wav["first_different_frame"] = media.different == 0 ? Json() : Json(media.first_different * media::kFrames);
  wav["last_different_frame"] = media.different == 0 ? Json() : Json((media.last_different + 1) * media::kFrames - 1);
  return {{"path", media.path},
          {"xruns", media.xruns.size()},
          {"xruns_by_cause", std::move(causes)},
          {"first_xruns", std::move(xruns)},
          {"blocks", media.blocks},
          {"missing_blocks", media.missing},
          {"silent_blocks", media.silent},
          {"chain", media.chain},
          {"bound_ns", media.chain_bound_ns},
          {"admitted_ns", media.chain_admitted_ns},
          {"latency_ns",
           {{"samples", media.latency.samples},
            {"min", media.latency.min},
            {"p50", media.latency.p50},
            {"p99", media.latency.p99},
            {"p999", media.latency.p999},
            {"max", media.latency.max}}},
          {"wav", std::move(wav)}};
}

}  // namespace capos::report
