// SPDX-License-Identifier: Apache-2.0
// The capability table: what an id means, and what it never means again.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "objects/capability_table.hpp"
#include "random.hpp"
#include "world.hpp"

namespace capos::ktest {
namespace {

using kernel::CapabilityTable;
using kernel::Ref;
using kernel::Resource;
using schema::KernelError;

// An object that says when it goes.
class Probe final : public kernel::Object {
 public:
  explicit Probe(int& alive) noexcept : Object(kernel::ObjectType::notification), alive_(alive) { ++alive_; }
  [[nodiscard]] std::uint64_t interface_id() const noexcept override { return 77; }
  kernel::Outcome call_registers(kernel::CallContext&, std::uint64_t, std::uint16_t, const std::uint64_t (&)[8],
                                 std::uint64_t (&)[8]) noexcept override {
    return kernel::Outcome::unimplemented();
  }
  kernel::Outcome call_message(kernel::CallContext&, std::uint64_t, std::uint16_t, wire::AnyStructReader,
                               wire::MessageBuilder&) noexcept override {
    return kernel::Outcome::unimplemented();
  }

 private:
  void destroy() noexcept override {
    --alive_;
    delete this;
  }
  int& alive_;
};

class CapabilityTableTest : public ::testing::Test {
 protected:
  ~CapabilityTableTest() override {
    while (!table.clear_step(1000)) {
    }
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(ledger->used(Resource::frames), 0u);
    EXPECT_EQ(ledger->used(Resource::table_slots), 0u);
  }
  Ref<kernel::Object> probe() { return Ref<kernel::Object>::adopt(new Probe(alive)); }
  abi::CapId insert() { return *table.insert(probe()); }

  int alive = 0;
  World world{};
  Ref<kernel::Ledger> ledger = World::make_ledger(1000);
  CapabilityTable table{ledger->pages()};
};

TEST_F(CapabilityTableTest, AnEmptyTableHoldsNothing) {
  EXPECT_EQ(table.find({}), nullptr);
  EXPECT_EQ(table.find({1}), nullptr);
  EXPECT_EQ(table.find({~std::uint64_t{0}}), nullptr);
  EXPECT_FALSE(table.remove({1}));
  EXPECT_EQ(ledger->used(Resource::frames), 0u);
}

TEST_F(CapabilityTableTest, AnIdNamesItsObjectUntilItIsRemoved) {
  const abi::CapId id = insert();
  ASSERT_NE(table.find(id), nullptr);
  EXPECT_EQ(table.find(id)->interface_id(), 77u);
  EXPECT_EQ(alive, 1);
  EXPECT_TRUE(table.remove(id));
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(table.find(id), nullptr);
  EXPECT_FALSE(table.remove(id));
}

TEST_F(CapabilityTableTest, AUsedSlotComesBackUnderAnotherId) {
  const abi::CapId first = insert();
  ASSERT_TRUE(table.remove(first));
  const abi::CapId second = insert();
  EXPECT_EQ(first.slot(), second.slot());
  EXPECT_NE(first, second);
  EXPECT_EQ(table.find(first), nullptr);
  EXPECT_FALSE(table.remove(first));
  EXPECT_NE(table.find(second), nullptr);
}

TEST_F(CapabilityTableTest, SlotZeroIsNeverUsed) {
  for (int i = 0; i < 300; ++i) EXPECT_NE(insert().slot(), 0u);
  EXPECT_EQ(table.find({std::uint64_t{1} << 32}), nullptr);
}

TEST_F(CapabilityTableTest, ARevokedObjectsIdsAreDeadAndCanBeGivenUp) {
  const abi::CapId before = insert();
  kernel::Object& object = *table.find(before)->object();
  object.revoke();
  EXPECT_EQ(table.find(before), nullptr);
  const abi::CapId after = *table.insert(Ref<kernel::Object>::share(object));
  EXPECT_NE(table.find(after), nullptr);
  EXPECT_TRUE(table.remove(before));
  EXPECT_EQ(alive, 1);
}

TEST_F(CapabilityTableTest, AnIdWithAWrongGenerationOrSlotNamesNothing) {
  const abi::CapId id = insert();
  for (unsigned bit = 0; bit < 64; ++bit) {
    const abi::CapId other{id.raw ^ std::uint64_t{1} << bit};
    EXPECT_EQ(table.find(other), nullptr) << bit;
    EXPECT_FALSE(table.remove(other)) << bit;
  }
}

TEST_F(CapabilityTableTest, HoldsSixtyFiveThousandAndRefusesOneMore) {
  std::set<std::uint64_t> ids;
  for (;;) {
    const auto id = table.insert(probe());
    if (!id.has_value()) {
      EXPECT_EQ(id.error(), KernelError::out_of_capabilities);
      break;
    }
    ASSERT_TRUE(ids.insert(id->raw).second);
  }
  EXPECT_EQ(ids.size(), CapabilityTable::kMaxSlots - 1);
  EXPECT_EQ(table.in_use(), ids.size());
  EXPECT_EQ(alive, static_cast<int>(ids.size())) << "the one that was refused is gone";
}

TEST_F(CapabilityTableTest, WithoutPagesItRefusesAndLosesNothing) {
  const Ref<kernel::Ledger> two = World::make_ledger(2);
  CapabilityTable small(two->pages());
  std::vector<abi::CapId> ids;
  for (;;) {
    const auto id = small.insert(probe());
    if (!id.has_value()) {
      EXPECT_EQ(id.error(), KernelError::quota_exceeded);
      break;
    }
    ids.push_back(*id);
  }
  EXPECT_EQ(ids.size(), 127u) << "a directory and one chunk";
  for (const abi::CapId id : ids) EXPECT_NE(small.find(id), nullptr);
  ASSERT_TRUE(small.remove(ids[5]));
  EXPECT_TRUE(small.insert(probe()).has_value());
  while (!small.clear_step(3)) {
  }
  EXPECT_EQ(two->used(Resource::frames), 0u);
}

TEST_F(CapabilityTableTest, ClearingIsBoundedByItsLimit) {
  for (int i = 0; i < 1000; ++i) (void)insert();
  const int before = alive;
  EXPECT_FALSE(table.clear_step(10));
  EXPECT_GE(alive, before - 10);
}

// Random operations against a map; ids that were, and ids that never were, name nothing.
TEST_F(CapabilityTableTest, BehavesLikeAMapOfIdsThatNeverReturn) {
  Random random(7);
  std::map<std::uint64_t, kernel::Object*> held;
  std::vector<std::uint64_t> gone;
  std::set<std::uint64_t> had;
  for (int step = 0; step < 100'000; ++step) {
    const bool grow = held.size() < 20 || (held.size() < 600 && random.one_in(2));
    if (grow) {
      Ref<kernel::Object> object = probe();
      kernel::Object* const raw = object.get();
      const abi::CapId id = *table.insert(std::move(object));
      ASSERT_TRUE(had.insert(id.raw).second) << "an id came back";
      held[id.raw] = raw;
    } else {
      auto chosen = held.begin();
      std::advance(chosen, static_cast<long>(random.below(held.size())));
      ASSERT_EQ(table.find({chosen->first})->object(), chosen->second);
      if (random.one_in(3)) {  // revoked: the entry stays until it is given up
        chosen->second->revoke();
        ASSERT_EQ(table.find({chosen->first}), nullptr);
      }
      ASSERT_TRUE(table.remove({chosen->first}));
      gone.push_back(chosen->first);
      held.erase(chosen);
    }
    ASSERT_EQ(table.in_use(), held.size());
    ASSERT_EQ(alive, static_cast<int>(held.size()));
    if (gone.empty()) continue;
    const std::uint64_t stale = gone[random.below(gone.size())];
    ASSERT_EQ(table.find({stale}), nullptr);
    ASSERT_FALSE(table.remove({stale}));
  }
}

}  // namespace
}  // namespace capos::ktest
