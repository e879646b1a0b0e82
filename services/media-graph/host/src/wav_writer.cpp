// SPDX-License-Identifier: Apache-2.0
#include "capos/media/wav_writer.hpp"

#include <cstring>
#include <string_view>

#include "capos/media/block.hpp"

namespace capos::media {
namespace {

class Bytes {
 public:
  void tag(std::string_view name) {
    for (const char c : name) bytes_.push_back(static_cast<std::byte>(c));
  }
  void number(std::uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i) bytes_.push_back(static_cast<std::byte>(value >> (8 * i)));
  }
  void raw(const void* from, std::size_t size) {
    const auto* const first = static_cast<const std::byte*>(from);
    bytes_.insert(bytes_.end(), first, first + size);
  }
  [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

constexpr unsigned kPcm = 1, kFloat = 3;
constexpr std::size_t kFormatChunk = 24, kFactChunk = 12, kDataHead = 8, kForm = 4;

void format(Bytes& out, unsigned encoding, unsigned bits) {
  const unsigned frame = kChannels * bits / 8;
  out.tag("fmt ");
  out.number(16, 4);
  out.number(encoding, 2);
  out.number(kChannels, 2);
  out.number(kRate, 4);
  out.number(std::uint64_t{kRate} * frame, 4);
  out.number(frame, 2);
  out.number(bits, 2);
}

void riff(Bytes& out, std::size_t rest) {
  out.tag("RIFF");
  out.number(kForm + rest, 4);
  out.tag("WAVE");
}

}  // namespace

std::vector<std::byte> float_wav(std::span<const float> samples) {
  Bytes out;
  riff(out, kFormatChunk + kFactChunk + kDataHead + samples.size_bytes());
  format(out, kFloat, 32);
  out.tag("fact");  // what is not PCM says how many frames it has
  out.number(4, 4);
  out.number(samples.size() / kChannels, 4);
  out.tag("data");
  out.number(samples.size_bytes(), 4);
  out.raw(samples.data(), samples.size_bytes());
  return out.take();
}

std::vector<std::byte> pcm_wav(std::span<const std::int16_t> samples) {
  Bytes out;
  riff(out, kFormatChunk + kDataHead + samples.size_bytes());
  format(out, kPcm, 16);
  out.tag("data");
  out.number(samples.size_bytes(), 4);
  out.raw(samples.data(), samples.size_bytes());
  return out.take();
}

}  // namespace capos::media
