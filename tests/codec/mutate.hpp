// SPDX-License-Identifier: Apache-2.0
// Damage to a message that is likely to hurt: pointer words above all.
#pragma once

#include "random.hpp"
#include "words.hpp"

namespace capos::test {

// Damages `words` in one to six places; may shorten it, down to nothing.
void mutate(Random& random, Words& words);

}  // namespace capos::test
