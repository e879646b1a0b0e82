// SPDX-License-Identifier: Apache-2.0
// Vector and x87 state belongs to its thread.
#include "harness.hpp"

namespace guest {
namespace {

bool alternate(std::string_view program, std::uint64_t operation) noexcept {
  Process first(program, 0x1111'2222), second(program, 0x3333'4444);
  bool good = true;
  for (unsigned i = 0; i < 20; ++i)
    good &= is_call(first.run(), operation) && is_call(second.run(), operation);
  return good;
}

}  // namespace

void test_vectors(const BootInfo& boot) noexcept {
  check("vectors: two threads do not mix", alternate(PROGRAM(vectors), 81));
  const bool avx = (boot.features >> static_cast<unsigned>(MachineFeature::avx) & 1) != 0;
  if (avx) check("vectors: nor do AVX's upper halves", alternate(PROGRAM(wide_vectors), 82));
  Process user(PROGRAM(vectors), 0x5555);
  bool good = is_call(user.run(), 81);
  {
    Process fresh(PROGRAM(fresh_vectors));
    check("vectors: a new thread finds nothing of another's", is_call(fresh.run(), 83));
  }
  good &= is_call(user.run(), 81);
  leave_user();
  good &= is_call(user.run(), 81);
  check("vectors: kept across a dead thread and leave_user()", good);
}

}  // namespace guest
