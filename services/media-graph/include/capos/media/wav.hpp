// SPDX-License-Identifier: Apache-2.0
// Reads a WAV file that lies in memory: 16-bit PCM at the graph's rate, one channel or two.
//
// The bytes are not trusted: nothing outside them is read, whatever they say. The file may be followed by anything (memory is
// given in pages). Format: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0" (1991).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "capos/base/result.hpp"

namespace capos::media {

enum class WavError : std::uint8_t {
  not_riff = 1,    // does not begin with a RIFF header of form WAVE
  cut_short,       // says to be longer than the memory
  no_format,       // no "fmt " chunk before the samples
  not_pcm16,       // another encoding than 16-bit PCM
  wrong_rate,      // another rate than kRate
  wrong_channels,  // neither one nor two
  no_samples,      // no "data" chunk, or not one whole frame in it
};
// "does not begin as a WAV file", ...
[[nodiscard]] std::string_view describe(WavError error) noexcept;

struct Wav {
  std::span<const std::byte> data;  // whole frames of 16-bit little-endian samples
  std::uint32_t channels = 1;
  std::uint64_t frames = 1;  // at least 1

  // Of frame < frames, channel < channels; full scale is -1 to 1 - 2^-15, exactly.
  [[nodiscard]] float sample(std::uint64_t frame, std::uint32_t channel) const noexcept {
    const std::size_t at = static_cast<std::size_t>(frame * channels + channel) * 2;
    const auto low = std::to_integer<std::uint16_t>(data[at]), high = std::to_integer<std::uint16_t>(data[at + 1]);
    return static_cast<float>(static_cast<std::int16_t>(low | high << 8)) * (1.0f / 32768.0f);
  }
};

// Errors: WavError. Bound: one step for each chunk, at most bytes / 8.
[[nodiscard]] ResultOf<Wav, WavError> parse_wav(std::span<const std::byte> file) noexcept;

}  // namespace capos::media
