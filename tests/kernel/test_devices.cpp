// SPDX-License-Identifier: Apache-2.0
// Devices and shared buffers: what the random walk found in the kernel, each with its case.
#include <gtest/gtest.h>

#include <cstring>

#include "capos/abi/shared_buffer.hpp"
#include "capos/schema/devices.hpp"
#include "world.hpp"

namespace capos::ktest {
namespace {

using schema::BufferState;
using schema::KernelError;

class Devices : public ::testing::Test {
 protected:
  static constexpr hal::PciAddress kFunction{0, 2, 0};
  kernel::Thread& init() { return world.init(); }
  abi::CapId take_function() {
    const auto made = world.message<schema::DeviceManager::PciFunction>(init(), world.service("devices"), [](auto params) {
      params.set_bus(kFunction.bus);
      params.set_device(kFunction.device);
      params.set_function(kFunction.function);
    });
    return made.cap([](auto results) { return results.function(); });
  }
  Error take_message(abi::CapId function, abi::CapId* interrupt) {
    const auto made = world.message<schema::PciFunction::Message>(init(), function, [](auto params) { params.set_cpu(0); });
    if (made.ok()) *interrupt = made.cap([](auto results) { return results.interrupt(); });
    return made.error();
  }
  Error bind(abi::CapId interrupt, abi::CapId notification) {
    return world.message<schema::Interrupt::Bind>(init(), interrupt, [&](auto params, auto& transfers) {
      params.set_notification(add(transfers, notification));
      params.set_bits(1);
    }).error();
  }
  World world{};
};

// The message's holder has it still, and binds it anew: the function is nobody's, and then another's, and stays silent.
TEST_F(Devices, AFunctionThatWasGivenBackSendsNoMessageWhateverItsHolderDoes) {
  const abi::CapId function = take_function(), event = world.make_notification();
  abi::CapId message{};
  ASSERT_TRUE(take_message(function, &message).ok());
  ASSERT_TRUE(bind(message, event).ok());
  EXPECT_TRUE(world.machine().send_message(kFunction));
  ASSERT_TRUE(world.release(init(), function).ok());
  EXPECT_FALSE(world.machine().send_message(kFunction));
  ASSERT_TRUE(bind(message, event).ok());
  EXPECT_FALSE(world.machine().send_message(kFunction));
  EXPECT_TRUE(world.call<schema::Interrupt::Statistics>(init(), message).value.masked);

  const abi::CapId again = take_function();
  abi::CapId other{};
  EXPECT_EQ(take_message(again, &other), overloaded(KernelError::busy));
  ASSERT_TRUE(bind(message, event).ok());
  EXPECT_FALSE(world.machine().send_message(kFunction));
  ASSERT_TRUE(world.release(init(), message).ok());
  ASSERT_TRUE(take_message(again, &other).ok());
  ASSERT_TRUE(bind(other, event).ok());
  EXPECT_TRUE(world.machine().send_message(kFunction));
}

class Buffers : public ::testing::Test {
 protected:
  Buffers() {
    const auto made = world.message<schema::SharedBuffers::Create>(world.init(), world.service("sharedBuffers"),
                                                                   [](auto params) { params.set_size(4'096); });
    buffer = made.cap([](auto results) { return results.buffer(); });
    producer = made.cap([](auto results) { return results.producer(); });
    consumer = made.cap([](auto results) { return results.consumer(); });
  }
  Message<schema::BufferProducer::Claim> claim() {
    return world.message<schema::BufferProducer::Claim>(world.init(), producer, [](auto) {});
  }
  static abi::CapId end_of(const Message<schema::BufferProducer::Claim>& claimed) {
    return claimed.cap([](auto results) { return results.end(); });
  }
  BufferState state() { return world.call<schema::SharedBuffer::State>(world.init(), buffer).value.producer; }
  World world{};
  abi::CapId buffer, producer, consumer;
};

TEST_F(Buffers, TheEndOfASideDoesNotTakeBackThatTheBufferWasRevoked) {
  const auto claimed = claim();
  ASSERT_TRUE(claimed.ok());
  const auto mapped = world.call<schema::BufferEnd::Map>(world.init(), end_of(claimed));
  ASSERT_TRUE(mapped.error.ok());
  const auto told = [&] {
    std::uint64_t word = 0;
    EXPECT_TRUE(world.machine().load(CpuId(0), hal::UserAddress(mapped.value.addr + abi::kBufferStatesOffset), word));
    return static_cast<BufferState>(static_cast<std::uint32_t>(word));
  };
  ASSERT_TRUE(world.call<schema::SharedBuffer::Revoke>(world.init(), buffer).error.ok());
  EXPECT_EQ(told(), BufferState::revoked);
  ASSERT_TRUE(world.release(world.init(), end_of(claimed)).ok());
  EXPECT_EQ(told(), BufferState::revoked);
}

// A claim for which there is no memory: the peer hears nothing of it.
TEST_F(Buffers, AClaimThatFailsChangesNothing) {
  kernel::Ledger& ledger = world.process(World::kInit).ledger();
  const auto of = kernel::Resource::kernel_bytes;
  const std::uint64_t left = ledger.limit(of) - ledger.used(of);
  ASSERT_TRUE(ledger.charge(of, left));
  EXPECT_EQ(claim().error(), overloaded(KernelError::quota_exceeded));
  EXPECT_EQ(state(), BufferState::absent);
  ledger.give_back(of, left);
  const auto peer = world.message<schema::BufferConsumer::Claim>(world.init(), consumer, [](auto) {});
  const abi::CapId end = peer.cap([](auto results) { return results.end(); });
  const auto given = world.message<schema::BufferEnd::Notification>(world.init(), end, [](auto) {});
  const abi::CapId event = given.cap([](auto results) { return results.notification(); });
  EXPECT_EQ(world.call<schema::Notification::Poll>(world.init(), event).value.bits, 0u);
  ASSERT_TRUE(claim().ok());
  EXPECT_EQ(state(), BufferState::attached);
  EXPECT_EQ(world.call<schema::Notification::Poll>(world.init(), event).value.bits, abi::kBufferPeerBit);
}

}  // namespace
}  // namespace capos::ktest
