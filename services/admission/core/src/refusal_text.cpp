// SPDX-License-Identifier: Apache-2.0
// A refusal as the line that teaches: what does not fit, what its time is made of, and what would fit.
#include "report_builder.hpp"

namespace capos::admission {
namespace {

// "island." before what is another island's.
void write_island(TextWriter& out, std::string_view island) noexcept {
  if (!island.empty()) out << island << '.';
}

void write_contributor(TextWriter& out, const Contributor& part) noexcept {
  if (part.kind != ContributorKind::hop_wait && part.kind != ContributorKind::server_call) write_island(out, part.island);
  switch (part.kind) {
    case ContributorKind::own:
    case ContributorKind::task:
      out << part.name;
      break;
    case ContributorKind::server_call:
      out << part.name << " blocking";
      break;
    case ContributorKind::kernel_section:
      out << "kernel section";
      break;
    case ContributorKind::timer_events:
      out << "timer events";
      break;
    case ContributorKind::switches:
      out << "switches";
      break;
    case ContributorKind::late_budget_ends:
      out << "late budget ends";
      break;
    case ContributorKind::interrupt:
      out << "interrupt " << part.name;
      break;
    case ContributorKind::jitter:
      out << "release jitter";
      break;
    case ContributorKind::earlier_releases:
      out << "less earlier periods";
      break;
    case ContributorKind::hop_wait:
      out << "wait for ";
      write_island(out, part.island);
      out << part.name;
      break;
    case ContributorKind::hop_response:
      out << part.name;
      break;
  }
  out << ' ';
  const bool of_tasks = part.kind == ContributorKind::own || part.kind == ContributorKind::task ||
                        part.kind == ContributorKind::interrupt || part.kind == ContributorKind::earlier_releases;
  if (part.count > 1 && of_tasks) out << part.count << " x ";
  write_us(out, part.count > 1 && of_tasks ? part.each_ns : part.total_ns());
}

void write_contributors(TextWriter& out, const Refusal& refusal, std::string_view title) noexcept {
  if (refusal.contributor_count == 0) return;
  out << ' ' << title << " (us): ";
  for (std::size_t i = 0; i < refusal.contributor_count; ++i) {
    if (i != 0) out << ", ";
    write_contributor(out, refusal.contributors[i]);
  }
  out << '.';
}

void write_fix(TextWriter& out, const Fix& fix) noexcept {
  write_island(out, fix.kind == FixKind::call_wcet_at_most ? std::string_view{} : fix.island);
  out << fix.name;
  switch (fix.kind) {
    case FixKind::budget_at_most:
      out << ".budget <= ";
      break;
    case FixKind::period_at_least:
      out << ".period >= ";
      break;
    case FixKind::period_at_most:
      out << ".period <= ";
      break;
    case FixKind::deadline_at_least:
      out << ".deadline >= ";
      break;
    case FixKind::call_wcet_at_most:
      out << " wcet <= ";
      break;
    case FixKind::chain_bound_at_least:
      out << ".bound >= ";
      break;
  }
  write_time(out, fix.ns);
}

void write_fixes(TextWriter& out, const Refusal& refusal) noexcept {
  if (refusal.fix_count == 0) {
    out << " No change of a single time would make it fit.";
    return;
  }
  out << " Fits if ";
  for (std::size_t i = 0; i < refusal.fix_count; ++i) {
    if (i != 0) out << ", or ";
    write_fix(out, refusal.fixes[i]);
  }
  out << '.';
}

void write_permille(TextWriter& out, std::uint32_t permille) noexcept {
  out << std::uint64_t{permille / 10} << '.' << static_cast<char>('0' + permille % 10) << " %";
}

void write_cause(TextWriter& out, const Refusal& refusal) noexcept {
  switch (refusal.kind) {
    case RefusalKind::none:
      out << "admitted";
      break;
    case RefusalKind::response:
      out << "response ";
      write_us_unit(out, refusal.response_ns);
      out << " exceeds its deadline ";
      write_us_unit(out, refusal.limit_ns);
      break;
    case RefusalKind::unbounded:
      out << "no response bound exists: what comes before it leaves too little time";
      break;
    case RefusalKind::overloaded:
      out << "CPU " << std::uint64_t{refusal.cpu} << " is overloaded: its budgets take ";
      write_permille(out, refusal.load_permille);
      break;
    case RefusalKind::chain:
      out << "latency ";
      write_us_unit(out, refusal.response_ns);
      out << " exceeds its bound ";
      write_us_unit(out, refusal.limit_ns);
      break;
    case RefusalKind::demand:
      out << "on CPU " << std::uint64_t{refusal.cpu} << " work of ";
      write_us_unit(out, refusal.response_ns);
      out << " is due within ";
      write_us_unit(out, refusal.limit_ns);
      break;
    case RefusalKind::internal:
      out << "admission failed: " << refusal.name;
      break;
  }
  out << '.';
}

}  // namespace

void write_refusal_text(const IslandReport& report, TextWriter& out) noexcept {
  const Refusal& refusal = report.refusal;
  out << (refusal.island.empty() ? report.island : refusal.island);
  const bool named = refusal.kind != RefusalKind::overloaded && refusal.kind != RefusalKind::internal &&
                     refusal.kind != RefusalKind::demand;
  if (named) out << '.' << refusal.name;
  if (!refusal.island.empty()) out << " (beside " << report.island << ')';
  out << ": ";
  write_cause(out, refusal);
  if (refusal.kind == RefusalKind::none || refusal.kind == RefusalKind::internal) return;
  using namespace std::string_view_literals;
  const bool is_sum = refusal.kind == RefusalKind::chain || refusal.kind == RefusalKind::demand;
  write_contributors(out, refusal, is_sum ? "Made of"sv : "Busy window"sv);
  write_fixes(out, refusal);
}

}  // namespace capos::admission
