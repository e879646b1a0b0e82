// SPDX-License-Identifier: Apache-2.0
// WAV files for the host: what the driver played, and the demo's own tune.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace capos::media {

// Stereo, kRate; samples of left and right in turn. 32-bit float, so that no bit is lost. Below 4 GiB.
[[nodiscard]] std::vector<std::byte> float_wav(std::span<const float> samples);
// Stereo, 16-bit PCM.
[[nodiscard]] std::vector<std::byte> pcm_wav(std::span<const std::int16_t> samples);

}  // namespace capos::media
