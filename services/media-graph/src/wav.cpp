// SPDX-License-Identifier: Apache-2.0
#include "capos/media/wav.hpp"

#include "capos/media/block.hpp"

namespace capos::media {
namespace {

constexpr std::uint32_t tag(char a, char b, char c, char d) noexcept {
  return static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b) << 8 | static_cast<std::uint32_t>(c) << 16 |
         static_cast<std::uint32_t>(d) << 24;
}

// `at` + 4 (or 2) lies within the bytes: checked by the caller.
std::uint32_t word(std::span<const std::byte> bytes, std::size_t at) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}
std::uint16_t half(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return static_cast<std::uint16_t>(std::to_integer<std::uint16_t>(bytes[at]) |
                                    std::to_integer<std::uint16_t>(bytes[at + 1]) << 8);
}

constexpr std::size_t kChunkHead = 8;
constexpr std::size_t kRiffHead = 12;
constexpr std::size_t kFormatBytes = 16;
constexpr std::uint16_t kPcm = 1;

ResultOf<Wav, WavError> read_format(std::span<const std::byte> chunk) noexcept {
  if (chunk.size() < kFormatBytes) return fail(WavError::no_format);
  if (half(chunk, 0) != kPcm || half(chunk, 14) != 16) return fail(WavError::not_pcm16);
  const std::uint16_t channels = half(chunk, 2);
  if (channels != 1 && channels != 2) return fail(WavError::wrong_channels);
  if (word(chunk, 4) != kRate) return fail(WavError::wrong_rate);
  return Wav{.data = {}, .channels = channels, .frames = 0};
}

}  // namespace

std::string_view describe(WavError error) noexcept {
  switch (error) {
    case WavError::not_riff: return "it does not begin as a WAV file";
    case WavError::cut_short: return "it says to be longer than it is";
    case WavError::no_format: return "it says nothing about its samples";
    case WavError::not_pcm16: return "its samples are not 16-bit PCM";
    case WavError::wrong_rate: return "its rate is not 48 kHz";
    case WavError::wrong_channels: return "it has neither one channel nor two";
    case WavError::no_samples: return "it holds no samples";
  }
  return "it cannot be read";
}

ResultOf<Wav, WavError> parse_wav(std::span<const std::byte> file) noexcept {
  if (file.size() < kRiffHead || word(file, 0) != tag('R', 'I', 'F', 'F') || word(file, 8) != tag('W', 'A', 'V', 'E'))
    return fail(WavError::not_riff);
  const std::uint64_t said = std::uint64_t{word(file, 4)} + kChunkHead;
  if (said < kRiffHead) return fail(WavError::not_riff);
  if (said > file.size()) return fail(WavError::cut_short);
  const auto chunks = file.first(static_cast<std::size_t>(said));
  Wav wav;
  bool formatted = false;
  for (std::size_t at = kRiffHead; chunks.size() - at >= kChunkHead;) {
    const std::uint32_t name = word(chunks, at);
    const std::size_t size = word(chunks, at + 4);
    at += kChunkHead;
    if (size > chunks.size() - at) return fail(WavError::cut_short);
    const auto chunk = chunks.subspan(at, size);
    if (name == tag('f', 'm', 't', ' ')) {
      wav = TRY(read_format(chunk));
      formatted = true;
    } else if (name == tag('d', 'a', 't', 'a')) {
      if (!formatted) return fail(WavError::no_format);
      wav.frames = size / (2 * wav.channels);
      if (wav.frames == 0) return fail(WavError::no_samples);
      wav.data = chunk.first(static_cast<std::size_t>(wav.frames) * 2 * wav.channels);
      return wav;
    }
    const std::size_t padded = size + (size & 1);
    if (padded > chunks.size() - at) break;
    at += padded;
  }
  return fail(formatted ? WavError::no_samples : WavError::no_format);
}

}  // namespace capos::media
