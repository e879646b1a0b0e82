// SPDX-License-Identifier: Apache-2.0
// The same bytes through both codecs: read getter by getter, and copied whole.
#pragma once

#include <capnp/serialize.h>

#include <algorithm>

#include "compare.hpp"
#include "words.hpp"

namespace capos::test {

// Wide for any message that the tests make; and narrow, so that limits are met.
inline constexpr wire::Limits kWide{4096, 12};
inline constexpr wire::Limits kNarrow{600, 6};

struct Verdict {
  std::string difference;  // "" if both codecs agree
  wire::Error error = wire::Error::none;
};

inline capnp::ReaderOptions stock_limits(wire::Limits limits) {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = limits.traversal_words;
  options.nestingLimit = static_cast<int>(limits.depth);
  return options;
}

inline Verdict read_both(std::span<const wire::Word> words, wire::Limits limits) {
  CapabilityTable table;
  Exact exact(words);
  CountErrors errors;
  capnp::SegmentArrayMessageReader stock(exact.segments(), stock_limits(limits));
  wire::MessageReader ours(exact.span(), limits);
  Compare compare(table, ours);
  compare.kinds(table.root<host::Kinds>(stock), ours.root<schema::Kinds>());
  if (!compare.difference().empty()) return {compare.difference(), ours.error()};
  if (ours.seen(wire::Error::far_pointer)) return {"", ours.error()};
  // libcapnp also calls a default too deeply nested; for us it is no part of the message.
  const bool wrong = ours.error() != wire::Error::none;
  const bool agree = wrong ? errors.nesting() + errors.other() > 0 : errors.other() == 0;
  if (agree) return {"", ours.error()};
  return {"libcapnp found " + std::to_string(errors.other()) +
              " errors, we: " + std::string(wire::name_of(ours.error())),
          ours.error()};
}

inline Verdict copy_both(std::span<const wire::Word> words, wire::Limits limits) {
  CapabilityTable table;
  Exact exact(words);
  CountErrors errors;
  capnp::SegmentArrayMessageReader stock(exact.segments(), stock_limits(limits));
  wire::MessageReader ours(exact.span(), limits);
  StockBuilder stock_copy(kSpace);
  table.root(stock_copy.message()).setAs<host::Kinds>(table.root<host::Kinds>(stock));
  Words space(kSpace);
  wire::MessageBuilder our_copy(space);
  our_copy.set_root<schema::Kinds>(ours.root<schema::Kinds>());
  if (ours.seen(wire::Error::far_pointer)) return {"", ours.error()};
  if (our_copy.error() != wire::Error::none)
    return {"a copy within the traversal limit lacked space", ours.error()};
  return {first_difference(stock_copy.words(), words_of(our_copy)), ours.error()};
}

}  // namespace capos::test
