// SPDX-License-Identifier: Apache-2.0
// The same random calls to both builders.
#pragma once

#include <kinds.capnp.h>

#include <capos/schema/kinds.hpp>

#include "capability_table.hpp"
#include "random.hpp"
#include "words.hpp"

namespace capos::test {

// Sets `steps` random fields of Kinds, in random order, some more than once; recurses at most `depth` levels.
void fill(Random& random, CapabilityTable& table, host::Kinds::Builder stock, schema::Kinds::Builder ours,
          int steps, int depth);

// A well-formed message of Kinds with up to 30 random fields.
[[nodiscard]] Words valid_message(Random& random);

}  // namespace capos::test
