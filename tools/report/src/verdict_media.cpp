// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "capos/report/render.hpp"
#include "format.hpp"
#include "judge.hpp"
#include "sentences.hpp"

namespace capos::report {
namespace {

constexpr std::uint64_t kCleanEnd = 50;  // blocks that must be right again at the end of a run with a fault

void judge_blocks(Judge& judge, const MediaResult& media) {
  if (media.blocks == 0) return judge.refuse("audio: nothing was played");
  judge.require(media.missing == 0, fmt::format("audio: {} blocks played, all recorded", group_digits(media.blocks)),
                fmt::format("audio: {} of {} blocks were not recorded", media.missing, media.blocks + media.missing));
  if (media.chain.empty()) return;
  judge.require(media.latency.max <= media.chain_admitted_ns,
                fmt::format("audio: a block is played at most {} after its release, admitted {}", format_ns(media.latency.max),
                            format_ns(media.chain_admitted_ns)),
                fmt::format("audio: a block of {} exceeds the admitted {}", format_ns(media.latency.max),
                            format_ns(media.chain_admitted_ns)));
}

void judge_sound(Judge& judge, const MediaResult& media) {
  judge.require(media.xruns.empty() && media.silent == 0, "audio: no xrun",
                media.xruns.empty() ? fmt::format("audio: {} blocks of silence", media.silent)
                                    : fmt::format("audio: {} xruns; the first: {}", media.xruns.size(), xrun_text(media.xruns.front())));
  if (!media.not_compared.empty()) return judge.refuse("audio: " + media.not_compared);
  judge.require(media.different == 0, "audio: what was played equals the offline render, bit for bit",
                fmt::format("audio: {} blocks differ from the offline render, the first is block {}", media.different,
                            media.first_different));
}

// With a slow node, sound breaks: but by no other's fault, and not for good.
void judge_slow_node(Judge& judge, const MediaResult& media, const std::string& faulty) {
  for (const XrunItem& xrun : media.xruns) {
    if (xrun.culprit == faulty) continue;
    return judge.refuse("audio: an xrun that the slow node does not explain: " + xrun_text(xrun));
  }
  judge.require(!media.xruns.empty(), fmt::format("audio: {} xruns, all by {}", media.xruns.size(), faulty),
                "audio: the slow node left no xrun");
  if (!media.not_compared.empty()) return judge.refuse("audio: " + media.not_compared);
  const std::uint64_t count = media.blocks + media.missing;
  judge.require(media.different == 0 || media.last_different + kCleanEnd < count,
                fmt::format("audio: equal to the offline render again from block {} of {}", media.last_different + 1, count),
                fmt::format("audio: still unequal to the offline render at block {} of {}", media.last_different, count));
}

}  // namespace

void judge_media(Judge& judge, const Result& result) {
  const MediaResult& media = *result.media;
  judge_blocks(judge, media);
  if (result.fault && has_node(media, result.fault->input.service)) {
    judge_slow_node(judge, media, result.fault->input.service);
  } else {
    judge_sound(judge, media);
  }
}

}  // namespace capos::report
