// SPDX-License-Identifier: Apache-2.0
// What a WAV file sounds like in a cycle: a function of the cycle's number alone, so that a source which missed cycles goes on
// in time.
#pragma once

#include "capos/media/block.hpp"
#include "capos/media/wav.hpp"

namespace capos::media {

class WavSource {
 public:
  WavSource(const Wav& wav, bool loop) noexcept : wav_(wav), loop_(loop) {}

  // Frames cycle * kFrames and on; beyond the end the beginning again, or silence. One channel is played on both sides.
  // Range: cycle below 2^58. Bound: kFrames steps, one division.
  void fill(std::uint64_t cycle, Samples& out) const noexcept {
    const std::uint64_t first = cycle * kFrames;
    std::uint64_t frame = loop_ ? first % wav_.frames : first;
    for (std::uint32_t i = 0; i < kFrames; ++i) {
      const bool heard = frame < wav_.frames;
      out[2 * i] = heard ? wav_.sample(frame, 0) : 0.0f;
      out[2 * i + 1] = heard ? wav_.sample(frame, wav_.channels - 1) : 0.0f;
      if (++frame == wav_.frames && loop_) frame = 0;
    }
  }

 private:
  Wav wav_;
  bool loop_;
};

}  // namespace capos::media
