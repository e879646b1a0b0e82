// SPDX-License-Identifier: Apache-2.0
// libFuzzer's entry: any bytes, read and copied by both codecs; a difference aborts. Inputs start as
// well-formed messages and are damaged where it hurts, for few random bytes get past the first pointer.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fill.hpp"
#include "mutate.hpp"
#include "oracle.hpp"

using capos::test::Words;

namespace {

constexpr std::size_t kMostWords = 4096;

Words words_from(const std::uint8_t* data, std::size_t size) {
  Words words(size / sizeof(capos::wire::Word));
  if (!words.empty()) std::memcpy(words.data(), data, words.size() * sizeof(capos::wire::Word));
  return words;
}

void expect_equal(const capos::test::Verdict& verdict) {
  if (verdict.difference.empty()) return;
  std::fprintf(stderr, "codecs differ: %s\n", verdict.difference.c_str());
  std::abort();
}

}  // namespace

// libcapnp wants its exception callbacks on the real stack.
extern "C" const char* __asan_default_options() { return "detect_stack_use_after_return=0"; }

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,
                                               unsigned int seed) {
  capos::test::Random random(seed);
  if (random.chance(3) && size > 8) return LLVMFuzzerMutate(data, size, most);
  Words words = words_from(data, size);
  if (words.size() < 4 || random.chance(20)) words = capos::test::valid_message(random);
  capos::test::mutate(random, words);
  const std::size_t bytes = std::min(words.size() * sizeof(capos::wire::Word), most);
  if (bytes != 0) std::memcpy(data, words.data(), bytes);
  return bytes;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Words words = words_from(data, size);
  if (words.size() > kMostWords) return 0;
  for (const auto limits : {capos::test::kWide, capos::test::kNarrow}) {
    expect_equal(capos::test::read_both(words, limits));
    expect_equal(capos::test::copy_both(words, limits));
  }
  return 0;
}
