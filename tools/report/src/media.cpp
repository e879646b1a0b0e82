// SPDX-License-Identifier: Apache-2.0
#include "media.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "capos/media/render.hpp"

namespace capos::report {
namespace {

using media::kSamples;
using media::PlayedBlock;

struct Parts {
  std::array<std::byte, abi::kRecordedBytes> bytes{};
  std::uint32_t seen = 0;  // a bit for each part
};
constexpr std::uint32_t kAllParts = (1u << abi::kRecordedParts) - 1;

using Blocks = std::map<std::uint64_t, PlayedBlock>;

// Whole blocks of one program. The guest may have written anything: numbers from `limit` on are no blocks.
Blocks gather(const std::vector<Event>& parts, std::uint32_t program, std::uint64_t limit) {
  std::map<std::uint64_t, Parts> gathered;
  for (const Event& part : parts) {
    if (!part.from_program() || part.program() != program || part.cpu >= abi::kRecordedParts || part.time_ns >= limit) continue;
    Parts& block = gathered[part.time_ns];
    std::memcpy(block.bytes.data() + part.cpu * abi::kRecordedPartBytes, part.values.data(), abi::kRecordedPartBytes);
    block.seen |= 1u << part.cpu;
  }
  Blocks blocks;
  for (const auto& [number, block] : gathered) {
    if (block.seen == kAllParts) std::memcpy(&blocks[number], block.bytes.data(), sizeof(PlayedBlock));
  }
  return blocks;
}

std::uint64_t jobs_of(const Result& result, std::uint32_t source) {
  for (const IslandResult& island : result.islands) {
    for (const TaskResult& task : island.tasks) {
      if (task.input.source == source) return task.jobs;
    }
  }
  return 0;
}

void note_block(MediaResult& result, const PlayedBlock& block, std::vector<std::uint64_t>& latencies) {
  ++result.blocks;
  if (block.silent != 0) ++result.silent;
  if (block.silent == 0 && block.released_ns != 0) latencies.push_back(block.latency_ns);
}

void note_difference(MediaResult& result, std::uint64_t number) {
  if (result.different++ == 0) result.first_different = number;
  result.last_different = number;
}

// Walks cycle by cycle beside the offline render.
void compare(MediaResult& result, const Blocks& blocks, std::uint64_t count, media::OfflineGraph* offline) {
  std::vector<std::uint64_t> latencies;
  result.samples.reserve(count * kSamples);
  for (std::uint64_t number = 0; number < count; ++number) {
    const auto found = blocks.find(number);
    if (found == blocks.end()) {
      ++result.missing;
    } else {
      note_block(result, found->second, latencies);
    }
    const media::Samples played = found == blocks.end() ? media::Samples{} : found->second.samples;
    result.samples.insert(result.samples.end(), played.begin(), played.end());
    if (offline == nullptr) continue;
    const media::Samples expected = offline->next();
    if (std::memcmp(&played, &expected, sizeof played) != 0) note_difference(result, number);
  }
  result.latency = summarise(std::move(latencies));
}

}  // namespace

std::optional<MediaResult> follow_media(const Recording& recording, const std::vector<Event>& events, const Names& names,
                                        const Result& whole) {
  if (!whole.inputs.media || whole.inputs.media->nodes.size() < 2) return std::nullopt;
  const MediaInput& input = *whole.inputs.media;
  MediaResult result;
  for (const MediaNodeInput& node : input.nodes) result.path.push_back(node.service);
  result.chain = input.chain;
  result.chain_admitted_ns = input.chain_admitted_ns;
  result.chain_bound_ns = input.chain_bound_ns;
  result.xruns = explain_xruns(events, input, names, whole.start_ns);
  // The driver's first job plays nothing; the last may have played before its end was recorded.
  const std::uint64_t jobs = jobs_of(whole, input.nodes.back().source);
  const Blocks blocks = gather(recording.blocks, input.nodes.back().number, jobs + 1);
  const std::uint64_t last = blocks.empty() ? 0 : blocks.rbegin()->first + 1;
  const std::uint64_t count = std::max(last, jobs > 0 ? jobs - 1 : 0);
  const auto wav = media::parse_wav(input.wav);
  if (!wav.has_value()) result.not_compared = "the source's file cannot be played: " + std::string(media::describe(wav.error()));
  std::optional<media::OfflineGraph> offline;
  if (wav.has_value()) offline.emplace(*wav, input.loop, input.filters);
  compare(result, blocks, count, offline ? &*offline : nullptr);
  return result;
}

}  // namespace capos::report
