// SPDX-License-Identifier: Apache-2.0
// The parts of report.html, in the order in which they stand on the page. Each returns HTML, "" if it has
// nothing.
#pragma once

#include <string>

#include "capos/report/result.hpp"

namespace capos::report {

[[nodiscard]] const char* page_style();
[[nodiscard]] std::string verdict_section(const Result& result);
[[nodiscard]] std::string facts_section(const Result& result);
[[nodiscard]] std::string tasks_section(const Result& result);
[[nodiscard]] std::string latency_section(const Result& result);
[[nodiscard]] std::string pendulum_section(const Result& result);
[[nodiscard]] std::string media_section(const Result& result);
[[nodiscard]] std::string fault_section(const Result& result);
[[nodiscard]] std::string timeline_section(const Result& result);
[[nodiscard]] std::string interrupts_section(const Result& result);
[[nodiscard]] std::string judged_section(const Result& result);
[[nodiscard]] std::string machine_section(const Result& result);

}  // namespace capos::report
