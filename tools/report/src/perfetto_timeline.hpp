// SPDX-License-Identifier: Apache-2.0
// Packets of a Perfetto trace under construction, and the numbers of its tracks.
//
// Message and field numbers: perfetto/protos/perfetto/trace of the Perfetto documentation ("Trace packet reference").
// tests/report/perfetto.proto states those used here, and the stock compiler reads the result back by it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protobuf.hpp"

namespace capos::report::perfetto {

namespace packet {
constexpr std::uint32_t kTimestamp = 8, kSequence = 10, kEvent = 11, kDescriptor = 60;
}
namespace descriptor {
constexpr std::uint32_t kUuid = 1, kName = 2, kParent = 5, kCounter = 8;
}
namespace event {
constexpr std::uint32_t kAnnotation = 4, kType = 9, kTrack = 11, kCategory = 22, kName = 23, kCounterValue = 30, kFlow = 47,
                        kEndOfFlow = 48;
}
namespace annotation {
constexpr std::uint32_t kUnsigned = 3, kText = 6, kName = 10;
}
enum class Type : std::uint64_t { begin = 1, end = 2, instant = 3, counter = 4 };

// Tracks are known by number; the kinds share no numbers.
inline constexpr std::uint64_t kMachine = 1;
constexpr std::uint64_t cpu_track(std::uint64_t cpu) { return 0x100 + cpu; }
constexpr std::uint64_t counter_track(std::uint64_t cpu, std::size_t cause) { return 0x1000 + cpu * 0x100 + cause; }
constexpr std::uint64_t task_track(std::uint32_t source) { return 0x1'0000'0000 + source; }
constexpr std::uint64_t program_track(std::uint32_t number) { return 0x2'0000'0000 + number; }
constexpr std::uint64_t interrupt_track(std::uint64_t cpu) { return 0x3'0000'0000 + cpu; }
constexpr std::uint64_t thread_track(std::uint32_t program, std::uint64_t thread) {
  return 0x4'0000'0000 + (std::uint64_t{program} << 16) + (thread & 0xffff);
}

struct Packet {
  std::uint64_t time = 0;
  ProtobufMessage event;
};

class Timeline {
 public:
  void describe(std::uint64_t track, const std::string& name, std::uint64_t parent = 0, bool counts = false) {
    ProtobufMessage about;
    about.varint(descriptor::kUuid, track).text(descriptor::kName, name);
    if (parent != 0) about.varint(descriptor::kParent, parent);
    if (counts) about.message(descriptor::kCounter, {});
    ProtobufMessage packet;
    packet.varint(packet::kSequence, 1).message(packet::kDescriptor, about);
    trace_.message(1, packet);
  }
  ProtobufMessage& add(std::uint64_t time, Type type, std::uint64_t track, std::string_view category = {},
                       std::string_view name = {}) {
    ProtobufMessage event;
    event.varint(event::kType, static_cast<std::uint64_t>(type)).varint(event::kTrack, track);
    if (!category.empty()) event.text(event::kCategory, category);
    if (!name.empty()) event.text(event::kName, name);
    packets_.push_back({time, std::move(event)});
    return packets_.back().event;
  }
  // In time order; of equal times in the order they were added.
  [[nodiscard]] std::string finish() {
    std::ranges::stable_sort(packets_, {}, &Packet::time);
    for (const Packet& each : packets_) {
      ProtobufMessage packet;
      packet.varint(packet::kTimestamp, each.time).varint(packet::kSequence, 1).message(packet::kEvent, each.event);
      trace_.message(1, packet);
    }
    return trace_.bytes();
  }

 private:
  ProtobufMessage trace_;
  std::vector<Packet> packets_;
};

inline void annotate(ProtobufMessage& event, std::string_view name, std::uint64_t value) {
  event.message(event::kAnnotation, ProtobufMessage().text(annotation::kName, name).varint(annotation::kUnsigned, value));
}
inline void annotate(ProtobufMessage& event, std::string_view name, std::string_view value) {
  event.message(event::kAnnotation, ProtobufMessage().text(annotation::kName, name).text(annotation::kText, value));
}

}  // namespace capos::report::perfetto
