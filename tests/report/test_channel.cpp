// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <random>
#include <vector>

#include "capos/report/analyse.hpp"
#include "capos/report/render.hpp"
#include "synthetic.hpp"

namespace capos::report {
namespace {

namespace fs = std::filesystem;
using abi::HostChannelHeader;

class Channel : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = synthetic::write_channel(synthetic::demo_recording(20),
                                     ::testing::UnitTest::GetInstance()->current_test_info()->name());
  }
  void TearDown() override { fs::remove(path_); }

  template <typename T>
  void poke(std::size_t offset, T value) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  [[nodiscard]] ChannelError error() const {
    const auto recording = read_recording(path_);
    if (recording) return ChannelError::none;
    EXPECT_NE(recording.error().text.find(path_.string()), std::string::npos);
    EXPECT_EQ(recording.error().text.find('\n'), std::string::npos);
    return recording.error().error;
  }
  fs::path path_;
};

TEST_F(Channel, ReadsBackWhatWasWritten) {
  const Recording expected = synthetic::demo_recording(20);
  const auto recording = read_recording(path_);
  ASSERT_TRUE(recording.has_value()) << recording.error().text;
  EXPECT_EQ(recording->header.state, RunState::finished);
  EXPECT_EQ(recording->header.now_ns, expected.header.now_ns);
  EXPECT_EQ(recording->header.islands_start_ns, synthetic::kStart);
  EXPECT_EQ(recording->header.features, expected.header.features);
  ASSERT_EQ(recording->header.cpus.size(), 2u);
  EXPECT_EQ(recording->header.cpus[1].interrupts_island, expected.header.cpus[1].interrupts_island);
  EXPECT_EQ(recording->header.cpus[0].interrupts, expected.header.cpus[0].interrupts);
  EXPECT_EQ(recording->header.cpus[1].idle_ns, expected.header.cpus[1].idle_ns);
  ASSERT_EQ(recording->events.size(), expected.events.size());
  for (std::size_t i = 0; i < expected.events.size(); ++i) {
    EXPECT_EQ(recording->events[i].to_words(), expected.events[i].to_words());
  }
}

TEST_F(Channel, GivesLaterEventsToALaterCall) {
  const auto file = ChannelFile::open(path_);
  ASSERT_TRUE(file.has_value());
  poke<std::uint64_t>(offsetof(HostChannelHeader, written), 5);
  std::vector<Event> events;
  EXPECT_EQ(file->read_events(0, events), 5u);
  EXPECT_EQ(events.size(), 5u);
  poke<std::uint64_t>(offsetof(HostChannelHeader, written), 9);
  EXPECT_EQ(file->read_events(5, events), 9u);
  EXPECT_EQ(events.size(), 9u);
  EXPECT_EQ(file->read_events(1'000'000, events), 9u);
  EXPECT_EQ(events.size(), 9u);
}

TEST_F(Channel, IsNotReadyBeforeTheGuestHasWrittenItsHeader) {
  poke<std::uint64_t>(offsetof(HostChannelHeader, magic), 0);
  EXPECT_EQ(error(), ChannelError::not_ready);
}

TEST_F(Channel, RefusesEachMalformedField) {
  poke<std::uint64_t>(offsetof(HostChannelHeader, magic), abi::kTraceRingMagic);
  EXPECT_EQ(error(), ChannelError::bad_magic);
  poke<std::uint64_t>(offsetof(HostChannelHeader, magic), abi::kHostChannelMagic);
  EXPECT_EQ(error(), ChannelError::none);

  poke<std::uint32_t>(offsetof(HostChannelHeader, version), 2);
  EXPECT_EQ(error(), ChannelError::bad_version);
  poke<std::uint32_t>(offsetof(HostChannelHeader, version), 1);

  poke<std::uint32_t>(offsetof(HostChannelHeader, state), 3);
  EXPECT_EQ(error(), ChannelError::bad_state);
  poke<std::uint32_t>(offsetof(HostChannelHeader, state), 2);

  for (const std::uint32_t cpus : {0u, 17u, ~0u}) {
    poke<std::uint32_t>(offsetof(HostChannelHeader, cpus), cpus);
    EXPECT_EQ(error(), ChannelError::bad_cpus);
  }
  poke<std::uint32_t>(offsetof(HostChannelHeader, cpus), 2);

  const std::uint64_t room = (fs::file_size(path_) - abi::kHostEventsOffset) / abi::kTraceEventBytes;
  for (const std::uint64_t capacity :
       {std::uint64_t{0}, room + 1, ~std::uint64_t{0}, ~std::uint64_t{0} / 64}) {
    poke<std::uint64_t>(offsetof(HostChannelHeader, capacity), capacity);
    EXPECT_EQ(error(), ChannelError::bad_capacity);
  }
  poke<std::uint64_t>(offsetof(HostChannelHeader, capacity), room);
  EXPECT_EQ(error(), ChannelError::none);

  poke<std::uint64_t>(offsetof(HostChannelHeader, written), room + 1);
  EXPECT_EQ(error(), ChannelError::bad_written);
}

TEST_F(Channel, RefusesWhatIsNoChannelFile) {
  fs::resize_file(path_, abi::kHostEventsOffset - 1);
  EXPECT_EQ(error(), ChannelError::too_small);
  fs::resize_file(path_, 0);
  EXPECT_EQ(error(), ChannelError::too_small);
  fs::remove(path_);
  EXPECT_EQ(error(), ChannelError::cannot_open);
  const auto directory = ChannelFile::open(fs::temp_directory_path());
  ASSERT_FALSE(directory.has_value());
  EXPECT_EQ(directory.error().error, ChannelError::cannot_open);
}

TEST_F(Channel, SaysHowManyEventsWereLost) {
  poke<std::uint64_t>(offsetof(HostChannelHeader, dropped), 3);
  poke<std::uint64_t>(offsetof(HostChannelHeader, per_cpu) + sizeof(abi::HostCpuCounters) +
                          offsetof(abi::HostCpuCounters, lost_events),
                      4);
  const auto recording = read_recording(path_);
  ASSERT_TRUE(recording.has_value());
  EXPECT_EQ(recording->header.lost_in_all(), 7u);
  poke<std::uint64_t>(offsetof(HostChannelHeader, dropped), ~std::uint64_t{0});
  EXPECT_EQ(read_recording(path_)->header.lost_in_all(), ~std::uint64_t{0});
}

// Whatever a guest writes, the reader, the analysis and the renderers end, and read nothing outside (run this
// under the sanitizers). Header and events are mutated a little, then more and more.
TEST_F(Channel, SurvivesHostileContents) {
  std::ifstream in(path_, std::ios::binary);
  const std::vector<char> original((std::istreambuf_iterator<char>(in)), {});
  std::mt19937_64 random(20240607);
  unsigned accepted = 0;
  for (unsigned round = 0; round < 300; ++round) {
    std::vector<char> bytes = original;
    const unsigned changes = 1 + round / 4;
    for (unsigned i = 0; i < changes; ++i) {
      const bool in_header = random() % 8 == 0;
      const std::size_t at =
          in_header ? random() % 2048
                    : abi::kHostEventsOffset + random() % (bytes.size() - abi::kHostEventsOffset);
      static constexpr std::uint8_t kEdges[] = {0, 1, 0x7f, 0x80, 0xff};
      bytes[at] = static_cast<char>(random() % 2 == 0 ? kEdges[random() % 5] : random());
    }
    std::ofstream(path_, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    const auto recording = read_recording(path_);
    if (!recording) continue;
    ++accepted;
    RunInputs inputs = synthetic::demo_inputs();
    if (round % 2 == 0) inputs.fault = FaultInput{"controller-hang", "controller", 0};
    const Result result = analyse(*recording, inputs);
    EXPECT_FALSE(render_table(result).empty());
    EXPECT_FALSE(render_json(result).empty());
    EXPECT_FALSE(render_html(result).empty());
  }
  EXPECT_GT(accepted, 50u);
}

TEST(ChannelBytes, ArePowersOfTwoThatHoldTheEvents) {
  EXPECT_EQ(channel_bytes_for(0), std::size_t{1} << 20);
  EXPECT_EQ(channel_bytes_for(200'000), std::size_t{1} << 24);
  for (const std::uint64_t events : {1'000ull, 16'256ull, 16'257ull, 1'000'000ull}) {
    const std::size_t bytes = channel_bytes_for(events);
    EXPECT_EQ(bytes & (bytes - 1), 0u);
    EXPECT_GE(bytes, abi::kHostEventsOffset + events * abi::kTraceEventBytes);
  }
}

}  // namespace
}  // namespace capos::report
