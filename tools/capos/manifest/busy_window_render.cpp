// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "admission.hpp"
#include "busy_window.hpp"

namespace capos::cli {
namespace {

constexpr std::size_t kMostLines = 200;
constexpr double kWidth = 960, kLeft = 190, kRight = 20, kTop = 56, kRow = 26, kBar = 16, kBottom = 40;

std::string us(std::int64_t ns) {
  return ns < 0 ? "-" + exact_us(static_cast<std::uint64_t>(-ns)) : exact_us(static_cast<std::uint64_t>(ns));
}

const char* colour_of(Who who) {
  switch (who) {
    case Who::own:
      return "#1f6feb";
    case Who::other:
      return "#e08e2b";
    case Who::late:
      return "#c2571a";
    case Who::server:
      return "#8250df";
    case Who::interrupt:
      return "#b3261e";
    case Who::timer:
    case Who::kernel:
      return "#57606a";
    case Who::idle:
      return "#d8dee4";
  }
  return "#000000";
}

const char* key_of(Who who) {
  constexpr const char* kKeys[] = {"kernel", "interrupt", "timer", "server", "other", "late", "own", "idle"};
  return kKeys[static_cast<std::size_t>(who)];
}

std::string headline(const BusyWindow& window) {
  if (window.edf) {
    const std::int64_t slack = window.due - window.finish;
    return fmt::format("{}: with all jobs due within {} of the window's start, the last of its own ends {} {} its deadline",
                       window.task, us(window.due), us(slack < 0 ? -slack : slack), slack < 0 ? "after" : "before");
  }
  if (!window.bounded) return fmt::format("{}: no bound; the first {} of its busy window", window.task, us(window.finish));
  const std::int64_t slack = window.deadline - window.response;
  return fmt::format("{}: at most {} from its scheduled release to its finish, {} {} its deadline", window.task,
                     us(window.response), us(slack < 0 ? -slack : slack), slack < 0 ? "after" : "before");
}

std::string start_of(const BusyWindow& window) {
  std::string text = fmt::format("0 is {} after the scheduled release (jitter)", us(window.jitter));
  if (window.worst_job > 0) {
    text += fmt::format(" of job 1 of the window; the worst is job {}, due at {}", window.worst_job + 1, us(window.due));
  } else {
    text += fmt::format("; due at {}", us(window.due));
  }
  return text;
}

std::vector<std::string> rows_of(const BusyWindow& window) {
  std::vector<std::string> rows;
  for (const Segment& segment : window.segments) {
    if (segment.who == Who::idle || std::ranges::find(rows, segment.name) != rows.end()) continue;
    rows.push_back(segment.name);
  }
  return rows;
}

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string render_text(const BusyWindow& window) {
  std::string text = headline(window) + "\n" + start_of(window) + "\n";
  text += fmt::format("  {:>14} {:>14} {:>12}  {}\n", "from", "to", "for", "who runs");
  const std::size_t shown = std::min(window.segments.size(), kMostLines);
  for (std::size_t i = 0; i < shown; ++i) {
    const Segment& s = window.segments[i];
    text += fmt::format("  {:>14} {:>14} {:>12}  {}{}\n", us(s.from), us(s.to), us(s.to - s.from), s.name,
                        s.who == Who::own ? "  <-" : "");
  }
  if (shown < window.segments.size()) text += fmt::format("  and {} more\n", window.segments.size() - shown);
  return text;
}

std::string render_svg(const BusyWindow& window) {
  const auto rows = rows_of(window);
  const double height = kTop + kRow * static_cast<double>(rows.size()) + kBottom;
  const std::int64_t end = std::max({window.finish, window.due, std::int64_t{1}});
  const auto x = [&](std::int64_t ns) {
    return kLeft + (kWidth - kLeft - kRight) * static_cast<double>(ns) / static_cast<double>(end);
  };
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "font-family=\"system-ui, sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
      "<text x=\"12\" y=\"20\" font-size=\"14\" font-weight=\"600\">{2}</text>\n"
      "<text x=\"12\" y=\"38\" fill=\"#57606a\">{3}</text>\n",
      kWidth, height, escape(headline(window)), escape(start_of(window)));
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const double y = kTop + kRow * static_cast<double>(r);
    svg += fmt::format("<text x=\"{:.0f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n"
                       "<line x1=\"{:.0f}\" x2=\"{:.0f}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#eaeef2\"/>\n",
                       kLeft - 8, y + kBar - 3, escape(rows[r]), kLeft, kWidth - kRight, y + kBar, y + kBar);
  }
  for (const Segment& s : window.segments) {
    const auto row = std::ranges::find(rows, s.name);
    if (s.who == Who::idle || row == rows.end()) continue;
    svg += fmt::format("<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.0f}\" fill=\"{}\">"
                       "<title>{}: {} to {}</title></rect>\n",
                       x(s.from), kTop + kRow * static_cast<double>(row - rows.begin()),
                       std::max(0.5, x(s.to) - x(s.from)), kBar, colour_of(s.who), escape(s.name), us(s.from), us(s.to));
  }
  const double bottom = height - kBottom + 4;
  const auto mark = [&](std::int64_t at, const char* words, const char* colour, double y) {
    return fmt::format("<line x1=\"{0:.2f}\" x2=\"{0:.2f}\" y1=\"{1:.0f}\" y2=\"{2:.1f}\" stroke=\"{3}\" "
                       "stroke-dasharray=\"4 3\"/>\n<text x=\"{0:.2f}\" y=\"{4:.1f}\" fill=\"{3}\" "
                       "text-anchor=\"end\">{5} {6}</text>\n",
                       x(at), kTop - 6, bottom, colour, y, words, us(at));
  };
  svg += mark(window.due, "due", "#b3261e", bottom + 14);
  svg += mark(window.finish, "ends", "#1f6feb", bottom + 28);
  return svg + "</svg>\n";
}

nlohmann::ordered_json to_json(const BusyWindow& window) {
  nlohmann::ordered_json json{{"task", window.task},
                              {"policy", window.edf ? "edf" : "fixedPriority"},
                              {"bounded", window.bounded},
                              {"deadline_ns", window.deadline},
                              {"jitter_ns", window.jitter},
                              {"worst_job", window.worst_job + 1},
                              {"due_ns", window.due},
                              {"finish_ns", window.finish}};
  json["response_bound_ns"] = window.bounded && !window.edf ? nlohmann::ordered_json(window.response) : nullptr;
  json["segments"] = nlohmann::ordered_json::array();
  for (const Segment& s : window.segments) {
    json["segments"].push_back({{"from_ns", s.from}, {"to_ns", s.to}, {"kind", key_of(s.who)}, {"who", s.name}});
  }
  return json;
}

}  // namespace capos::cli
