// SPDX-License-Identifier: Apache-2.0
#include "page.hpp"

namespace capos::report {

const char* page_style() {
  return R"css(
:root { color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --ink: #16202c; --soft: #566273; --rule: #dde2e8; --grid: #e7ebef;
  --good: #0b7a4b; --good-ground: #e3f5ec; --bad: #b42318; --bad-ground: #fdecea; --notice: #b45309;
  --response: #2f6fde; --wakeup: #0f9d8a; --bound: #c2410c; --deadline: #7c3aed; --push: #f59e0b;
  --promised: #c9d9f5; --track: #e9edf2; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #0e131a; --card: #161d27; --ink: #e6ebf1; --soft: #9aa7b6; --rule: #2a3442; --grid: #222b37;
  --good: #4ade9c; --good-ground: #0f2a20; --bad: #ff8a7d; --bad-ground: #331714; --notice: #fbbf55;
  --response: #6aa2ff; --wakeup: #35cbb5; --bound: #ff9a62; --deadline: #b79bff; --push: #f5b942;
  --promised: #2a4066; --track: #222b37; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); line-height: 1.5;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1140px; margin: 0 auto; padding: 32px 20px 48px; }
h1 { font-size: 15px; font-weight: 600; letter-spacing: .02em; margin: 0 0 14px; color: var(--soft); }
h1 b { color: var(--ink); font-weight: 700; }
h2 { font-size: 19px; margin: 40px 0 6px; letter-spacing: -.01em; }
h3 { font-size: 15px; margin: 0; }
p.lead { margin: 0 0 14px; color: var(--soft); max-width: 76ch; }
.verdict { border-radius: 14px; padding: 22px 26px; border: 1px solid; display: flex; gap: 20px; align-items: center; }
.verdict.pass { background: var(--good-ground); border-color: var(--good); }
.verdict.fail { background: var(--bad-ground); border-color: var(--bad); }
.verdict .mark-sign { flex: none; width: 52px; height: 52px; }
.verdict .word { font-size: 30px; font-weight: 750; line-height: 1.1; letter-spacing: -.02em; }
.verdict.pass .word, .verdict.pass .sign { color: var(--good); }
.verdict.fail .word, .verdict.fail .sign { color: var(--bad); }
.verdict p { margin: 4px 0 0; }
.parts { display: flex; flex-wrap: wrap; gap: 6px 8px; margin: 14px 0 0; padding: 0; list-style: none; }
.parts li { background: var(--card); border: 1px solid var(--rule); border-radius: 99px; padding: 2px 12px;
  font-size: 13px; color: var(--soft); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 18px 0 0; }
.fact { background: var(--card); border: 1px solid var(--rule); border-radius: 12px; padding: 12px 16px; }
.fact dt { font-size: 12.5px; color: var(--soft); }
.fact dd { margin: 0; font-size: 22px; font-weight: 650; letter-spacing: -.01em; font-variant-numeric: tabular-nums; }
.fact dd small { font-size: 12.5px; font-weight: 400; color: var(--soft); letter-spacing: 0; display: block; }
.fact.bad dd { color: var(--bad); }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 12px; padding: 16px 18px; margin: 0 0 14px; }
.card > svg { display: block; margin-top: 8px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 13px; }
caption { text-align: left; color: var(--soft); font-size: 13px; padding-bottom: 6px; }
th, td { padding: 7px 6px; text-align: right; white-space: nowrap; }
th { font-weight: 600; font-size: 12.5px; color: var(--soft); vertical-align: bottom; }
thead tr:last-child th { border-bottom: 1px solid var(--rule); }
thead .group { border-bottom: 1px solid var(--rule); text-align: center; }
tbody tr + tr > * { border-top: 1px solid var(--grid); }
th:first-child, td:first-child, .left { text-align: left; }
tbody th { font-size: 13px; color: var(--ink); }
td.bad, .bad-text { color: var(--bad); font-weight: 650; }
td.wrap { white-space: normal; }
td svg { width: 64px; height: 16px; vertical-align: middle; margin-right: 8px; }
.head { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 4px 22px; align-items: baseline; }
.key { display: flex; flex-wrap: wrap; gap: 2px 20px; font-size: 13px; color: var(--soft); }
.key i { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; vertical-align: -1px; }
.key b { color: var(--ink); font-weight: 600; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; overflow: visible; }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; fill: var(--soft); }
svg .label { fill: var(--ink); } svg .panel { font-weight: 600; fill: var(--ink); } svg .axis { font-size: 11.5px; }
.grid { stroke: var(--grid); stroke-width: 1; } .base { stroke: var(--soft); stroke-width: 1; opacity: .55; }
rect.response, i.response { fill: var(--response); background: var(--response); }
rect.wakeup, i.wakeup { fill: var(--wakeup); background: var(--wakeup); }
rect.response, rect.wakeup { fill-opacity: .78; }
rect.bad { fill: var(--bad); } rect.track { fill: var(--track); } rect.promised { fill: var(--promised); }
line.bound { stroke: var(--bound); stroke-width: 2; } line.deadline { stroke: var(--deadline); stroke-width: 1.5; stroke-dasharray: 5 4; }
svg text.bound { fill: var(--bound); font-weight: 600; } svg text.deadline { fill: var(--deadline); }
.curve { fill: none; stroke-width: 1.5; stroke-linejoin: round; }
.angle { stroke: var(--response); } .position { stroke: var(--wakeup); } .force { stroke: var(--deadline); }
rect.push { fill: var(--push); opacity: .35; } svg text.push-label { fill: var(--notice); font-size: 11.5px; }
.drive-idle { fill: var(--track); } .drive-driving { fill: var(--wakeup); opacity: .75; } .drive-holding { fill: var(--push); }
.drive-released, .drive-stopped { fill: var(--bad); opacity: .8; } .drive-unknown { fill: var(--soft); }
svg text.drive-name { fill: #fff; font-weight: 600; font-size: 11px; }
@media (prefers-color-scheme: dark) { svg text.drive-name { fill: #0e131a; } }
.mark { fill: var(--response); } .mark-notice { fill: var(--push); } .mark-bad { fill: var(--bad); } .span { opacity: .45; }
.dot { display: inline-block; width: 9px; height: 9px; border-radius: 50%; margin-right: 8px; }
.dot.information { background: var(--response); } .dot.notice { background: var(--push); } .dot.bad { background: var(--bad); }
ul.checks { list-style: none; margin: 0; padding: 0; columns: 2 380px; column-gap: 32px; }
ul.checks li { break-inside: avoid; padding: 3px 0 3px 26px; position: relative; }
ul.checks li::before { position: absolute; left: 2px; font-weight: 700; }
ul.checks li.held::before { content: "\2713"; color: var(--good); } ul.checks li.broken::before { content: "\2717"; color: var(--bad); }
dl.machine { display: grid; grid-template-columns: max-content 1fr; gap: 5px 22px; margin: 0; }
dl.machine dt { color: var(--soft); } dl.machine dd { margin: 0; overflow-wrap: anywhere; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 12.5px/1.55 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
footer { margin-top: 36px; color: var(--soft); font-size: 13px; }
@media print { body { background: #fff; } .card, .fact, .verdict { break-inside: avoid; } }
)css";
}

}  // namespace capos::report
