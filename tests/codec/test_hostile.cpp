// SPDX-License-Identifier: Apache-2.0
// Memory that a peer writes to meanwhile: whatever it does, readers, copies and builders stay inside.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "compare.hpp"
#include "fill.hpp"
#include "mutate.hpp"
#include "words.hpp"

namespace capos::test {
namespace {

constexpr int kMostRounds = 100'000;
constexpr int kEnoughErrors = 300;  // rounds in which the peer was caught at it

// Walks everything a Leaf-like consumer would; the sum keeps the compiler honest.
std::uint64_t walk(schema::Kinds::Reader kinds, int depth) {
  std::uint64_t sum = kinds.u32() + kinds.text().size() + kinds.text_default().size() + kinds.data().size();
  for (const char c : kinds.text()) sum += static_cast<unsigned char>(c);
  for (const std::byte b : kinds.data()) sum += static_cast<unsigned>(b);
  for (const bool b : kinds.bools()) sum += b;
  for (const std::uint64_t v : kinds.u64s()) sum += v;
  for (const auto text : kinds.texts()) sum += text.size();
  for (const auto leaf : kinds.leaves()) sum += leaf.name().size() + static_cast<std::uint64_t>(leaf.value());
  for (const auto row : kinds.matrix()) {
    for (const std::int32_t v : row) sum += static_cast<std::uint64_t>(v);
  }
  if (depth > 0 && kinds.has_child()) sum += walk(kinds.child(), depth - 1);
  if (depth > 0) {
    std::uint32_t some = 0;
    for (const auto child : kinds.children()) {
      if (++some > 4) break;
      sum += walk(child, depth - 1);
    }
  }
  return sum;
}

Words some_message(std::uint64_t seed) {
  Random random(seed);
  CapabilityTable table;
  StockBuilder stock;
  Words space(kSpace);
  wire::MessageBuilder ours(space);
  fill(random, table, table.root(stock.message()).initAs<host::Kinds>(), ours.init_root<schema::Kinds>(), 60,
       2);
  return words_of(ours);
}

TEST(CodecHostile, APeerThatRewritesTheMessageWhileItIsRead) {
  const Words original = some_message(7);
  Exact shared(original);
  std::atomic<bool> stop = false;
  std::thread peer([&] {
    Random random(99);
    const auto words = shared.writable();
    const auto put = [&](std::size_t at, wire::Word word) {
      std::atomic_ref<wire::Word>(words[at]).store(word, std::memory_order_relaxed);
    };
    while (!stop.load(std::memory_order_relaxed)) {
      Words damaged = original;
      mutate(random, damaged);
      for (std::size_t i = 0; i < damaged.size(); ++i) {
        if (damaged[i] != original[i]) put(i, damaged[i]);
      }
      for (std::size_t i = 0; i < original.size(); ++i) put(i, original[i]);
    }
  });
  std::uint64_t sum = 0;
  int errors = 0;
  Exact space{Words(1u << 12)};
  for (int i = 0; i < kMostRounds && errors < kEnoughErrors; ++i) {
    wire::MessageReader message(shared.span(), {4096, 16});
    sum += walk(message.root<schema::Kinds>(), 3);
    wire::MessageReader source(shared.span(), {4096, 16});
    wire::MessageBuilder copy(space.writable());
    copy.set_root<schema::Kinds>(source.root<schema::Kinds>());
    if (message.error() != wire::Error::none || source.error() != wire::Error::none) ++errors;
    // What was copied is out of the peer's reach, and sound.
    wire::MessageReader check(copy.words());
    (void)walk(check.root<schema::Kinds>(), 3);
    ASSERT_EQ(check.error() == wire::Error::wrong_kind || check.error() == wire::Error::none ||
                  check.error() == wire::Error::element_size || check.error() == wire::Error::not_terminated,
              true)
        << wire::name_of(check.error());
  }
  stop = true;
  peer.join();
  EXPECT_NE(sum, 0u);
  EXPECT_GT(errors, 0);
}

// A builder in shared memory: the peer spoils its words between two calls.
TEST(CodecHostile, APeerThatSpoilsAMessageUnderConstruction) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    CapabilityTable table;
    StockBuilder stock;
    Exact shared{Words(2048)};
    wire::MessageBuilder ours(shared.writable());
    const auto root = ours.init_root<schema::Kinds>();
    for (int step = 0; step < 12; ++step) {
      StockBuilder scratch;
      fill(random, table, table.root(scratch.message()).initAs<host::Kinds>(), root, 3, 1);
      Words damaged(ours.words().begin(), ours.words().end());
      mutate(random, damaged);
      std::copy(damaged.begin(), damaged.end(), shared.writable().begin());
    }
    (void)walk(root.as_reader(), 2);
  }
}

}  // namespace
}  // namespace capos::test
