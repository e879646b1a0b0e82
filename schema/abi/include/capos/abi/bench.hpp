// SPDX-License-Identifier: Apache-2.0
// What a bench leaves for the host in the shared memory, and what the host tells it there before it boots.
//
// A header page, then samples: 32-bit, in ticks of the time stamp counter (guest instructions where those are
// counted). The host writes `request` before the machine starts; the guest writes the rest, `magic` last. A reader
// bounds every count by the memory's size before it uses it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace capos::abi {

inline constexpr std::uint64_t kBenchMagic = 0x48434e42534f5043;  // "CPOSBNCH"
inline constexpr std::size_t kBenchRows = 40;
inline constexpr std::size_t kBenchNameBytes = 32;

struct BenchRequest {
  std::uint64_t samples;     // of each row, at most
  std::uint64_t population;  // of each kind of object; what came of it is in BenchPopulation
};

// Bystanders that exist while the rows are measured.
struct BenchPopulation {
  std::uint64_t capabilities;  // in the measuring program's table
  std::uint64_t endpoints;
  std::uint64_t processes;     // each with a thread that sleeps
};

struct BenchRow {
  char name[kBenchNameBytes];  // NUL-terminated
  std::uint64_t first;         // its first sample's place
  std::uint64_t count;
};

struct BenchHeader {
  BenchRequest request;
  std::uint64_t magic;
  std::uint64_t rows_count;
  std::uint64_t stamp_ticks;   // an empty pair of stamps, subtracted from every sample
  BenchPopulation population;
  BenchRow rows[kBenchRows];
};
inline constexpr std::size_t kBenchSamplesOffset = 4096;
static_assert(sizeof(BenchHeader) <= kBenchSamplesOffset);

}  // namespace capos::abi
