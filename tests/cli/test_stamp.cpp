// SPDX-License-Identifier: Apache-2.0
// Overheads that were measured on another kernel are refused.
#include <gtest/gtest.h>

#include <vector>

#include "manifest/message.hpp"
#include "manifest/stamp.hpp"
#include "manifests.hpp"
#include "support/files.hpp"
#include "support/temporary.hpp"

namespace capos::cli {
namespace {

void put(std::vector<std::byte>& image, std::size_t at, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) image[at + i] = static_cast<std::byte>(value >> (8 * i) & 0xff);
}

// One executable segment of `code`, one of data, and `debug` behind both.
std::vector<std::byte> image_of(std::string_view code, std::string_view data, std::string_view debug) {
  std::vector<std::byte> image(64 + 2 * 56);
  const char magic[] = {0x7f, 'E', 'L', 'F', 2, 1};
  for (std::size_t i = 0; i < sizeof magic; ++i) image[i] = static_cast<std::byte>(magic[i]);
  put(image, 32, 64, 8);
  put(image, 54, 56, 2);
  put(image, 56, 2, 2);
  std::uint64_t flags = 5;
  for (const auto& [at, bytes] : {std::pair{std::size_t{64}, code}, {std::size_t{120}, data}}) {
    put(image, at, 1, 4);
    put(image, at + 4, flags, 4);
    put(image, at + 8, image.size(), 8);
    put(image, at + 32, bytes.size(), 8);
    for (const char c : bytes) image.push_back(static_cast<std::byte>(c));
    flags = 6;
  }
  for (const char c : debug) image.push_back(static_cast<std::byte>(c));
  return image;
}

TEST(Stamp, IsOfTheCodeAlone) {
  const auto stamp = stamp_of(image_of("code", "data", "here"));
  ASSERT_TRUE(stamp.has_value());
  EXPECT_EQ(stamp, stamp_of(image_of("code", "atad", "built there, long")));
  EXPECT_NE(stamp, stamp_of(image_of("Code", "data", "here")));
}

TEST(Stamp, OfWhatIsNoElfIsNone) {
  EXPECT_FALSE(stamp_of({}).has_value());
  EXPECT_FALSE(stamp_of(std::vector<std::byte>(200)).has_value());
  EXPECT_FALSE(stamp_of(image_of("", "data", "")).has_value()) << "no code";
  const auto good = image_of("code", "data", "");
  for (std::size_t size = 0; size < good.size() - 4; ++size) {
    EXPECT_FALSE(stamp_of(std::span(good).first(size)).has_value()) << "cut at " << size;
  }
  for (const std::size_t at : {std::size_t{32}, std::size_t{64 + 8}, std::size_t{64 + 32}}) {
    auto wild = good;
    put(wild, at, ~std::uint64_t{0}, 8);
    EXPECT_FALSE(stamp_of(wild).has_value()) << "field at " << at;
  }
}

Message machine_with(std::uint64_t version) {
  return build_message([&](wire::MessageBuilder& message) {
    message.init_root<schema::MachineParams>().init_overheads().set_version(version);
  });
}

TEST(Stamp, StaleOverheadsAreRefusedInTheseWords) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  Paths paths = test_paths();
  paths.build = scratch->path();
  const auto check = [&](std::uint64_t version) {
    const Message machine = machine_with(version);
    return check_stamp(paths, machine.root<schema::MachineParams>(), "board");
  };
  EXPECT_TRUE(check(0).has_value()) << "stated overheads need no kernel";
  EXPECT_FALSE(check(7).has_value()) << "there is no kernel to compare with";
  ASSERT_TRUE(make_directory(paths.kernel().parent_path()).has_value());
  const auto image = image_of("code", "data", "");
  ASSERT_TRUE(write_bytes(paths.kernel(), image).has_value());
  EXPECT_TRUE(check(*stamp_of(image)).has_value());
  const auto stale = check(7);
  ASSERT_FALSE(stale.has_value());
  EXPECT_EQ(stale.error().cause.rfind("the overheads of machine 'board' were measured on the kernel 0x0000000000000007; "
                                      "this build's is 0x",
                                      0),
            0u)
      << stale.error().cause;
}

}  // namespace
}  // namespace capos::cli
