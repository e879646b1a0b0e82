// SPDX-License-Identifier: Apache-2.0
#include "round_trips.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace capos::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kResult = "/tmp/round_trips.json";

constexpr std::array kCounterparts{
    Counterpart{"getppid", "getppid", "null_syscall", "null system call"},
    Counterpart{"futex", "futex, there and back", "call_reply_0w", "call + reply, 0 words"},
    Counterpart{"eventfd", "eventfd, there and back", "call_reply_0w", "call + reply, 0 words"},
    Counterpart{"pipe", "pipe, 8 bytes there and back", "call_reply_8w", "call + reply, 64 bytes"},
    Counterpart{"message_queue", "message queue, 64 bytes there and back", "call_reply_8w", "call + reply, 64 bytes"},
    Counterpart{"futex_to_urgent", "futex, to a more urgent process", "signal_to_waiter", "signal, to a more urgent process"},
    Counterpart{"uring_nop_1", "io_uring, one NOP", "ring_nop_1", "ring, one NOP"},
    Counterpart{"uring_nop_8", "io_uring, each of 8 NOPs", "ring_nop_8", "ring, each of 8 NOPs"},
    Counterpart{"uring_nop_32", "io_uring, each of 32 NOPs", "ring_nop_32", "ring, each of 32 NOPs"},
    Counterpart{"uring_nop_256", "io_uring, each of 256 NOPs", "ring_nop_256", "ring, each of 256 NOPs"},
    Counterpart{"uring_message_1", "two io_urings, one message there and back", "ring_call_1", "two rings, one call"},
    Counterpart{"uring_message_32", "two io_urings, each of 32 messages", "ring_call_32", "two rings, each of 32 calls"},
};

// Throws Json::exception for what is missing or of another type, std::out_of_range for a key that is no number.
RoundTripRow read_row(const Json& json) {
  RoundTripRow row{json.at("name").get<std::string>(), {}, json.value("skipped", "")};
  if (!row.skipped.empty()) return row;
  for (const auto& [key, count] : json.at("histogram").items()) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), value);
    if (error != std::errc{} || end != key.data() + key.size()) throw std::out_of_range("'" + key + "' is no number of ticks");
    row.distribution.add(value, count.get<std::uint64_t>());
  }
  if (row.distribution.samples() == 0) throw std::out_of_range(row.name + " has no sample");
  return row;
}

std::unexpected<Problem> wrong(const std::string& why) {
  return problem("the round trips' result cannot be read: " + why, "see the console.log of that run");
}

const RoundTripRow* find(const RoundTrips& trips, std::string_view name) {
  // What is skipped as a whole ("uring") stands for each of its rows.
  const auto found = std::ranges::find_if(trips.rows, [&](const auto& row) {
    return row.name == name || (!row.skipped.empty() && name.starts_with(row.name + "_"));
  });
  return found == trips.rows.end() ? nullptr : &*found;
}

void add_linux_cells(std::vector<std::string>& cells, const RoundTripRow* row) {
  if (row == nullptr || !row->skipped.empty()) {
    cells.insert(cells.end(), {"", row == nullptr ? "not measured" : "left out: " + row->skipped, ""});
    return;
  }
  const auto summary = row->distribution.summary();
  for (const auto figure : {summary.min, summary.p50, summary.max}) cells.push_back(fmt::format("{}", figure));
}

}  // namespace

std::span<const Counterpart> counterparts() { return kCounterparts; }

LinuxProgram round_trips_program(std::uint64_t samples) {
  return {{"/usr/bin/round_trips", fmt::format("{}", samples), kResult}, kResult, std::chrono::seconds(900 + samples / 10)};
}

Outcome<RoundTrips> parse_round_trips(std::string_view text) {
  RoundTrips trips;
  try {
    const Json json = Json::parse(text);
    trips.release = json.at("sysinfo").at("release").get<std::string>();
    trips.version = json.at("sysinfo").at("version").get<std::string>();
    for (const auto& row : json.at("rows")) trips.rows.push_back(read_row(row));
  } catch (const Json::exception& error) {
    return wrong(error.what());
  } catch (const std::out_of_range& error) {
    return wrong(error.what());
  }
  if (trips.rows.empty()) return wrong("no row is in it");
  return trips;
}

report::ComparedTable round_trips_table(const std::vector<OptionSet>& sets, const std::vector<report::BenchLine>& capos) {
  report::ComparedTable table{"Entering the kernel, round trips, rings: one CPU, guest instructions", {{"Linux", true}}, {}};
  for (const auto& set : sets) {
    for (const char* const figure : {": min", "median", "max"}) table.columns.push_back({(*figure == ':' ? set.options : "") + figure});
  }
  for (const char* const title : {"capOS median", "max", "ratio"}) table.columns.push_back({title});
  table.columns.push_back({"capOS", true});
  for (const auto& pair : kCounterparts) {
    std::vector<std::string> cells{pair.linux_text};
    for (const auto& set : sets) add_linux_cells(cells, find(set.trips, pair.linux_name));
    const auto ours = std::ranges::find(capos, pair.capos_name, &report::BenchLine::name);
    const RoundTripRow* const theirs = sets.empty() ? nullptr : find(sets.back().trips, pair.linux_name);
    const bool both = ours != capos.end() && ours->summary.p50 != 0 && theirs != nullptr && theirs->skipped.empty();
    cells.push_back(ours == capos.end() ? "not measured" : fmt::format("{}", ours->summary.p50));
    cells.push_back(ours == capos.end() ? "" : fmt::format("{}", ours->summary.max));
    cells.push_back(both ? fmt::format("{:.1f}", static_cast<double>(theirs->distribution.summary().p50) / static_cast<double>(ours->summary.p50)) : "");
    cells.push_back(pair.capos_text);
    table.rows.push_back(std::move(cells));
  }
  return table;
}

}  // namespace capos::cli
