// SPDX-License-Identifier: Apache-2.0
// The sentences that terminal and page share.
#pragma once

#include <string>
#include <vector>

#include "capos/report/result.hpp"

namespace capos::report {

// Manifest, machine, load, duration: what stands in the heading.
[[nodiscard]] std::vector<std::string> heading_parts(const Result& result);
[[nodiscard]] std::string interrupt_sentence(const IsolatedCpu& cpu);
[[nodiscard]] std::string chain_sentence(const std::string& island, const ChainResult& chain);
[[nodiscard]] std::string pendulum_sentence(const PendulumResult& pendulum);
[[nodiscard]] std::string fault_sentence(const FaultResult& fault);
[[nodiscard]] std::string media_sentence(const MediaResult& media);
// "no block in time: tone had spent its budget"; xrun_text also says whose, and which block.
[[nodiscard]] std::string xrun_reason(const XrunItem& xrun);
[[nodiscard]] std::string xrun_text(const XrunItem& xrun);
// The item's text, with how often it repeated and until when (after `start_ns`).
[[nodiscard]] std::string timeline_text(const TimelineItem& item, std::uint64_t start_ns);
// "1.24 s" after the start, "-28 ms" before it.
[[nodiscard]] std::string format_since(std::uint64_t time_ns, std::uint64_t start_ns);

}  // namespace capos::report
