// SPDX-License-Identifier: Apache-2.0
// A small generator with a fixed sequence on every machine (SplitMix64, Steele, Lea and Flood 2014).
#pragma once

#include <cstdint>
#include <string>

namespace capos::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // 0 to limit - 1.
  std::uint32_t below(std::uint32_t limit) {
    return static_cast<std::uint32_t>((next() >> 32) * limit >> 32);
  }
  bool chance(std::uint32_t one_in) { return below(one_in) == 0; }
  template <typename T>
  T value() {
    // Boundary values are as frequent as any others.
    switch (below(4)) {
      case 0:
        return static_cast<T>(0);
      case 1:
        return static_cast<T>(~std::uint64_t{0});
      default:
        return static_cast<T>(next());
    }
  }
  std::string text(std::uint32_t most) {
    std::string out(below(most + 1), '\0');
    for (char& c : out) c = static_cast<char>('a' + below(26));
    return out;
  }

 private:
  std::uint64_t state_;
};

}  // namespace capos::test
