// SPDX-License-Identifier: Apache-2.0
// WAV files, good ones and such as nobody should send.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "capos/media/source.hpp"
#include "capos/media/wav_writer.hpp"

namespace capos::media {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::size_t kEncoding = 20, kChannelCount = 22, kRateAt = 24, kBits = 34, kDataSize = 40, kData = 44;

Bytes stereo(std::size_t frames) {
  std::vector<std::int16_t> samples;
  for (std::size_t i = 0; i < frames; ++i) {
    samples.push_back(static_cast<std::int16_t>(i));
    samples.push_back(static_cast<std::int16_t>(-static_cast<int>(i)));
  }
  return pcm_wav(samples);
}

void put(Bytes& bytes, std::size_t at, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<std::byte>(value >> (8 * i));
}

WavError error_of(const Bytes& bytes) {
  const auto wav = parse_wav(bytes);
  return wav.has_value() ? WavError{} : wav.error();
}

TEST(Wav, ReadsWhatTheWriterWrote) {
  const Bytes bytes = stereo(100);
  const auto wav = parse_wav(bytes);
  ASSERT_TRUE(wav.has_value());
  EXPECT_EQ(wav->channels, 2u);
  EXPECT_EQ(wav->frames, 100u);
  EXPECT_EQ(wav->sample(7, 0), 7.0f / 32768.0f);
  EXPECT_EQ(wav->sample(7, 1), -7.0f / 32768.0f);
}

TEST(Wav, TakesTheFileInAPaddedBufferAndChunksBetween) {
  Bytes bytes = stereo(10);
  Bytes odd{std::byte{'L'}, std::byte{'I'}, std::byte{'S'}, std::byte{'T'}};
  odd.resize(8 + 4);
  put(odd, 4, 3, 4);  // an odd size has a byte of padding
  bytes.insert(bytes.begin() + 12, odd.begin(), odd.end());
  put(bytes, 4, bytes.size() - 8, 4);
  bytes.resize(4096);
  const auto wav = parse_wav(bytes);
  ASSERT_TRUE(wav.has_value());
  EXPECT_EQ(wav->frames, 10u);
}

TEST(Wav, RefusesWhatItCannotPlay) {
  EXPECT_EQ(error_of({}), WavError::not_riff);
  Bytes bytes = stereo(4);
  put(bytes, 0, 'X', 1);
  EXPECT_EQ(error_of(bytes), WavError::not_riff);
  bytes = stereo(4);
  put(bytes, 4, bytes.size(), 4);
  EXPECT_EQ(error_of(bytes), WavError::cut_short);
  bytes = stereo(4);
  put(bytes, 4, 0xffff'ffff, 4);
  EXPECT_EQ(error_of(bytes), WavError::cut_short);
  bytes = stereo(4);
  put(bytes, 4, 2, 4);  // shorter than its own head
  EXPECT_EQ(error_of(bytes), WavError::not_riff);
  bytes = stereo(4);
  put(bytes, kDataSize, 0xffff'fff0, 4);
  EXPECT_EQ(error_of(bytes), WavError::cut_short);
  bytes = stereo(4);
  put(bytes, kEncoding, 3, 2);
  EXPECT_EQ(error_of(bytes), WavError::not_pcm16);
  bytes = stereo(4);
  put(bytes, kBits, 24, 2);
  EXPECT_EQ(error_of(bytes), WavError::not_pcm16);
  bytes = stereo(4);
  put(bytes, kRateAt, 44100, 4);
  EXPECT_EQ(error_of(bytes), WavError::wrong_rate);
  for (const std::uint64_t channels : {0u, 3u, 65535u}) {
    bytes = stereo(4);
    put(bytes, kChannelCount, channels, 2);
    EXPECT_EQ(error_of(bytes), WavError::wrong_channels);
  }
  bytes = stereo(4);
  put(bytes, kDataSize, 3, 4);  // less than a frame
  EXPECT_EQ(error_of(bytes), WavError::no_samples);
  bytes = stereo(0);
  EXPECT_EQ(error_of(bytes), WavError::no_samples);
  bytes = stereo(4);
  put(bytes, 12, 'x', 1);  // no "fmt " before the samples
  EXPECT_EQ(error_of(bytes), WavError::no_format);
}

TEST(Wav, SurvivesAnyBytes) {
  std::mt19937_64 random(1);
  unsigned playable = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes = stereo(8);
    bytes.resize(bytes.size() - random() % (round % 3 == 0 ? kData : 1));
    for (unsigned i = 0; i < 1 + random() % 4; ++i) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    const auto wav = parse_wav(bytes);
    if (!wav.has_value()) {
      EXPECT_FALSE(describe(wav.error()).empty());
      continue;
    }
    ++playable;
    ASSERT_GE(wav->frames, 1u);
    ASSERT_EQ(wav->data.size(), wav->frames * wav->channels * 2);
    ASSERT_GE(wav->data.data(), bytes.data());
    ASSERT_LE(wav->data.data() + wav->data.size(), bytes.data() + bytes.size());
    Samples out;
    WavSource(*wav, true).fill(random() % (1u << 30), out);
  }
  EXPECT_GT(playable, 1000u);  // both ways were tried
  EXPECT_LT(playable, 19'000u);
}

TEST(WavSource, IsAFunctionOfTheCycle) {
  const Bytes bytes = stereo(100);
  const auto wav = parse_wav(bytes);
  ASSERT_TRUE(wav.has_value());
  Samples out;
  WavSource(*wav, true).fill(3, out);  // frames 192 to 255: the second and third round
  for (std::uint32_t i = 0; i < kFrames; ++i) {
    EXPECT_EQ(out[2 * i], wav->sample((192 + i) % 100, 0)) << i;
    EXPECT_EQ(out[2 * i + 1], wav->sample((192 + i) % 100, 1)) << i;
  }
  WavSource(*wav, false).fill(1, out);  // frames 64 to 127: the end, then silence
  EXPECT_EQ(out[2 * 35], wav->sample(99, 0));
  EXPECT_EQ(out[2 * 36], 0.0f);
  WavSource(*wav, false).fill(std::uint64_t{1} << 40, out);
  EXPECT_EQ(out, Samples{});
}

TEST(WavSource, PlaysOneChannelOnBothSides) {
  Bytes bytes = stereo(64);
  put(bytes, kChannelCount, 1, 2);
  const auto wav = parse_wav(bytes);
  ASSERT_TRUE(wav.has_value());
  EXPECT_EQ(wav->frames, 128u);
  Samples out;
  WavSource(*wav, true).fill(0, out);
  EXPECT_EQ(out[6], out[7]);
  EXPECT_EQ(out[6], wav->sample(3, 0));
}

}  // namespace
}  // namespace capos::media
