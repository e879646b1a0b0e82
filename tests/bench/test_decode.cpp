// SPDX-License-Identifier: Apache-2.0
// The counting plug-in's view of instructions, by their bytes.
#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

#include "decode.hpp"

namespace counters {
namespace {

Kind kind_of(std::initializer_list<std::uint8_t> bytes) { return classify(std::vector<std::uint8_t>(bytes)); }

TEST(Decode, AddressSpaceSwitches) {
  EXPECT_EQ(kind_of({0x0f, 0x22, 0xd8}), Kind::load_cr3);        // mov %rax, %cr3
  EXPECT_EQ(kind_of({0x41, 0x0f, 0x22, 0xdf}), Kind::load_cr3);  // mov %r15, %cr3
  EXPECT_EQ(kind_of({0x0f, 0x20, 0xd8}), Kind::plain);           // mov %cr3, %rax
}

TEST(Decode, SerialisingInstructions) {
  EXPECT_EQ(kind_of({0x0f, 0x22, 0xe0}), Kind::serialising);              // mov %rax, %cr4
  EXPECT_EQ(kind_of({0x44, 0x0f, 0x22, 0xc0}), Kind::plain);              // mov %rax, %cr8
  EXPECT_EQ(kind_of({0x0f, 0x30}), Kind::serialising);                    // wrmsr
  EXPECT_EQ(kind_of({0x0f, 0xa2}), Kind::serialising);                    // cpuid
  EXPECT_EQ(kind_of({0x48, 0xcf}), Kind::serialising);                    // iretq
  EXPECT_EQ(kind_of({0xfb}), Kind::interrupts_on);                        // sti
  EXPECT_EQ(kind_of({0xf4}), Kind::interrupts_on);                        // hlt
  EXPECT_EQ(kind_of({0x0f, 0x01, 0x18}), Kind::serialising);              // lidt (%rax)
  EXPECT_EQ(kind_of({0x0f, 0x01, 0xe8}), Kind::serialising);              // serialize
  EXPECT_EQ(kind_of({0x0f, 0x00, 0xd8}), Kind::serialising);              // ltr %ax
  EXPECT_EQ(kind_of({0x0f, 0x01, 0xf8}), Kind::plain);                    // swapgs
  EXPECT_EQ(kind_of({0x0f, 0x05}), Kind::plain);                          // syscall
  EXPECT_EQ(kind_of({0x48, 0x0f, 0x07}), Kind::plain);                    // sysretq
  EXPECT_EQ(kind_of({0x0f, 0x31}), Kind::plain);                          // rdtsc
}

TEST(Decode, WaysBackToUserMode) {
  EXPECT_TRUE(returns_to_user(std::vector<std::uint8_t>{0x48, 0xcf}));         // iretq
  EXPECT_TRUE(returns_to_user(std::vector<std::uint8_t>{0x48, 0x0f, 0x07}));   // sysretq
  EXPECT_FALSE(returns_to_user(std::vector<std::uint8_t>{0x48, 0x0f, 0x05}));
  EXPECT_FALSE(returns_to_user(std::vector<std::uint8_t>{0xc3}));              // ret
  EXPECT_FALSE(returns_to_user(std::vector<std::uint8_t>{0x48, 0x0f}));
  EXPECT_FALSE(returns_to_user({}));
}

TEST(Decode, MarksOfABoot) {
  EXPECT_EQ(kind_of({0x0f, 0x1f, 0x80, 0x04, 0x4d, 0x50, 0x43}), Kind::mark_islands_started);  // nopl 0x43504d04(%rax)
  EXPECT_EQ(kind_of({0x0f, 0x1f, 0x80, 0x05, 0x4d, 0x50, 0x43}), Kind::mark_first_job);
  EXPECT_EQ(kind_of({0x0f, 0x1f, 0x80, 0x06, 0x4d, 0x50, 0x43}), Kind::plain);
}

TEST(Decode, Invalidations) {
  EXPECT_EQ(kind_of({0x0f, 0x01, 0x38}), Kind::invalidation);              // invlpg (%rax)
  EXPECT_EQ(kind_of({0x66, 0x0f, 0x38, 0x82, 0x00}), Kind::invalidation);  // invpcid (%rax), %rax
}

TEST(Decode, Marks) {
  EXPECT_EQ(kind_of({0x0f, 0x1f, 0x80, 0x01, 0x4d, 0x50, 0x43}), Kind::mark_row);
  EXPECT_EQ(kind_of({0x0f, 0x1f, 0x80, 0x02, 0x4d, 0x50, 0x43}), Kind::mark_start);
  EXPECT_EQ(kind_of({0x0f, 0x1f, 0x80, 0x03, 0x4d, 0x50, 0x43}), Kind::mark_stop);
  EXPECT_EQ(kind_of({0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00}), Kind::plain);
  EXPECT_EQ(kind_of({0x0f, 0x1f, 0x40, 0x00}), Kind::plain);
}

TEST(Decode, WhatIsCutShortIsPlain) {
  EXPECT_EQ(classify({}), Kind::plain);
  EXPECT_EQ(kind_of({0x0f}), Kind::plain);
  EXPECT_EQ(kind_of({0x66, 0x66}), Kind::plain);
  EXPECT_EQ(kind_of({0x0f, 0x1f, 0x80, 0x01, 0x4d}), Kind::plain);
}

}  // namespace
}  // namespace counters
