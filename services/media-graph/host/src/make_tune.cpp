// SPDX-License-Identifier: Apache-2.0
// make_tune FILE: the demo's WAV file, two seconds in stereo: a chord that swells and fades on the left, a rising tone on the
// right. The same bytes on every host: sines come from the graph's own series.
#include <array>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <numbers>
#include <vector>

#include "capos/media/block.hpp"
#include "capos/media/sine.hpp"
#include "capos/media/wav_writer.hpp"

namespace {

using namespace capos::media;

constexpr std::uint32_t kSeconds = 2;
constexpr double kTwoPi = 2.0 * std::numbers::pi;

// Of a turn's fraction, 0 to 1.
double sine_of_turn(double turn) {
  return turn < 0.5 ? sine_cosine(kTwoPi * turn).sine : -sine_cosine(kTwoPi * (turn - 0.5)).sine;
}

class Tone {
 public:
  // hz: whole, so that the file loops without a click
  double next(double hz) {
    const double value = sine_of_turn(turn_);
    turn_ += hz / kRate;
    if (turn_ >= 1.0) turn_ -= 1.0;
    return value;
  }

 private:
  double turn_ = 0.0;
};

std::int16_t level(double value) { return static_cast<std::int16_t>(value * 32767.0); }

std::vector<std::int16_t> tune() {
  constexpr std::array<double, 4> kChord{220.0, 277.0, 330.0, 440.0};
  std::array<Tone, kChord.size()> chord;
  Tone rising;
  std::vector<std::int16_t> samples;
  constexpr std::uint32_t kAll = kSeconds * kRate;
  for (std::uint32_t frame = 0; frame < kAll; ++frame) {
    const double at = static_cast<double>(frame) / kAll;
    const double swell = sine_cosine(std::numbers::pi * at).sine;  // 0 at both ends
    double left = 0.0;
    for (std::size_t i = 0; i < chord.size(); ++i) left += chord[i].next(kChord[i]);
    samples.push_back(level(0.2 * swell * left));
    samples.push_back(level(0.6 * swell * rising.next(200.0 + 3800.0 * at)));
  }
  return samples;
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) {
    std::cerr << "usage: make_tune FILE\n";
    return 2;
  }
  const auto bytes = pcm_wav(tune());
  std::ofstream file(words[1], std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) std::cerr << "make_tune: cannot write " << words[1] << "\n";
  return file ? 0 : 1;
}
