// SPDX-License-Identifier: Apache-2.0
#include "capos/report/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "chart_overlay.hpp"
#include "format.hpp"
#include "page.hpp"
#include "svg.hpp"

namespace capos::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kColumns[] = {"min", "median", "p99", "p99.9", "max", "samples", "overflow"};

std::vector<std::uint64_t> figures(const Distribution& distribution) {
  const Summary s = distribution.summary();
  return {s.min, s.p50, s.p99, s.p999, s.max, s.samples, distribution.overflow()};
}

std::string label(const ComparedRun& run) { return fmt::format("{} {}, load {}", run.system, run.options, run.load); }

std::string html_table(const Comparison& comparison) {
  std::string html = "<div class=\"scroll\"><table><thead><tr><th>system</th><th class=\"left\">options</th><th class=\"left\">load</th><th class=\"left\">unit</th>";
  for (const char* const column : kColumns) html += fmt::format("<th>{}</th>", column);
  html += "</tr></thead><tbody>\n";
  for (const auto& run : comparison.runs) {
    html += fmt::format("<tr><th>{}</th><td class=\"left\">{}</td><td class=\"left\">{}</td><td class=\"left\">{}</td>",
                        escape_html(run.system), escape_html(run.options), escape_html(run.load), escape_html(run.unit));
    for (const auto figure : figures(run.distribution)) html += fmt::format("<td>{}</td>", group_digits(figure));
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string html_table(const ComparedTable& table) {
  const auto cell = [&](std::size_t column, const char* tag, const std::string& text) {
    const char* const side = column != 0 && table.columns[column].left ? " class=\"left\"" : "";
    return fmt::format("<{}{}>{}</{}>", tag, side, escape_html(text), tag);
  };
  std::string html = "<h2>" + escape_html(table.title) + "</h2>\n<div class=\"card\"><div class=\"scroll\"><table><thead><tr>";
  for (std::size_t i = 0; i < table.columns.size(); ++i) html += cell(i, "th", table.columns[i].title);
  html += "</tr></thead><tbody>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (std::size_t i = 0; i < table.columns.size(); ++i) html += cell(i, i == 0 ? "th" : "td", row.at(i));
    html += "</tr>\n";
  }
  return html + "</tbody></table></div></div>\n";
}

Json json_of(const ComparedRun& run) {
  const Summary s = run.distribution.summary();
  Json row{{"system", run.system}, {"options", run.options}, {"load", run.load}, {"unit", run.unit},
           {"min", s.min}, {"p50", s.p50}, {"p99", s.p99}, {"p999", s.p999}, {"max", s.max},
           {"samples", s.samples}, {"overflow", run.distribution.overflow()}};
  if (!run.operation.empty()) row["operation"] = run.operation;
  return row;
}

std::string html_commands(const Comparison& comparison) {
  std::string html;
  for (const auto& [name, command] : comparison.commands)
    html += fmt::format("<div class=\"card\"><h3>{}</h3><pre>{}</pre></div>\n", escape_html(name), escape_html(command));
  return html;
}

}  // namespace

std::string render_comparison_table(const Comparison& comparison) {
  std::size_t width = 0;
  for (const auto& run : comparison.runs) width = std::max(width, label(run).size());
  std::string text = fmt::format("  {:<{}}", "", width);
  for (const char* const column : kColumns) text += fmt::format(" {:>8}", column);
  text += '\n';
  for (const auto& run : comparison.runs) {
    text += fmt::format("  {:<{}}", label(run), width);
    for (const auto figure : figures(run.distribution)) text += fmt::format(" {:>8}", figure);
    text += '\n';
  }
  return text;
}

std::string render_table_text(const ComparedTable& table) {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    widths.push_back(table.columns[i].title.size());
    for (const auto& row : table.rows) widths[i] = std::max(widths[i], row.at(i).size());
  }
  const auto line = [&](auto&& text_of) {
    std::string text;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      text += table.columns[i].left ? fmt::format("  {:<{}}", text_of(i), widths[i]) : fmt::format("  {:>{}}", text_of(i), widths[i]);
    }
    return text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
  };
  std::string text = table.title + "\n" + line([&](std::size_t i) { return table.columns[i].title; });
  for (const auto& row : table.rows) text += line([&](std::size_t i) { return row.at(i); });
  return text;
}

std::string render_comparison_json(const Comparison& comparison) {
  Json list = Json::array();
  for (const auto& run : comparison.runs) list.push_back(json_of(run));
  for (const auto& run : comparison.operations) list.push_back(json_of(run));
  return list.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string render_comparison_html(const Comparison& comparison) {
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<title>" + escape_html(comparison.title) + "</title>\n<style>" +
      page_style() + overlay_style() + "</style></head>\n<body><main>\n<h1><b>" + escape_html(comparison.title) + "</b></h1>\n";
  if (!comparison.runs.empty()) {
    html += "<div class=\"card\">" + html_table(comparison) + "</div>\n<div class=\"card\">" + overlay_key(comparison) + draw_overlay(comparison) + "</div>\n";
  }
  for (const auto& table : comparison.tables) html += html_table(table);
  html += "<h2>What the figures mean, and what they cannot show</h2>\n<div class=\"card\">";
  for (const auto& statement : comparison.statements) html += "<p>" + escape_html(statement) + "</p>\n";
  html += "</div>\n<h2>What ran</h2>\n<div class=\"card\"><dl class=\"machine\">\n";
  for (const auto& [name, text] : comparison.facts)
    html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escape_html(name), escape_html(text));
  html += "</dl></div>\n<h2>Exact commands</h2>\n" + html_commands(comparison);
  return html + "</main></body></html>\n";
}

}  // namespace capos::report
