// SPDX-License-Identifier: Apache-2.0
// libFuzzer's entry: any bytes, read and copied by both codecs; a difference aborts.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "oracle.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capos::test;
  Words words(size / sizeof(capos::wire::Word));
  if (!words.empty()) std::memcpy(words.data(), data, words.size() * sizeof(capos::wire::Word));
  if (words.size() > 4096) return 0;
  for (const auto limits : {kWide, kNarrow}) {
    const Verdict verdicts[] = {read_both(words, limits), copy_both(words, limits)};
    for (const Verdict& verdict : verdicts) {
      if (verdict.difference.empty()) continue;
      std::fprintf(stderr, "codecs differ: %s\n", verdict.difference.c_str());
      std::abort();
    }
  }
  return 0;
}
