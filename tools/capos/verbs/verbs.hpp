// SPDX-License-Identifier: Apache-2.0
// Every verb as a function of its options; the value is the exit status. The command line is in
// command_line.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../support/paths.hpp"
#include "../support/problem.hpp"

namespace capos::cli {

struct DemoOptions {
  double seconds = 10;
  std::string load = "all";
  unsigned cpus = 0;  // 0: as the manifest says
  std::string json;   // file; "-": standard output
  std::string fault;
  std::string accelerator = "auto";
  unsigned timeout = 0;  // real seconds; 0: from the length
  bool verbose = false;
};
[[nodiscard]] Outcome<int> demo(const Paths& paths, const DemoOptions& options);

struct TestOptions {
  bool quick = false;
  bool json = false;
  bool list = false;
  std::string filter;
  unsigned jobs = 1;
};
[[nodiscard]] Outcome<int> test(const Paths& paths, const TestOptions& options);

struct AdmitOptions {
  std::string file;
  std::string machine = "deterministic";
  bool json = false;
  bool show = false;
  bool analyse_only = false;  // also what the kernel does not run
  bool sensitivity = false;   // how far each figure is from a refusal
  std::string explain;        // a task, or "island.task": its worst case drawn out
  std::string svg;            // file for the picture; "": below out/admit/
  std::string wcet;           // a result.json to propose budgets from
  unsigned margin = 20;       // percent added to what was measured
};
[[nodiscard]] Outcome<int> admit(const Paths& paths, const AdmitOptions& options);

struct RunOptions {
  std::string file;
  double seconds = 10;
  std::string accelerator = "auto";
  std::string out = "run";
  unsigned timeout = 0;
  bool force = false;
  bool json = false;
  bool verbose = false;
};
[[nodiscard]] Outcome<int> run(const Paths& paths, const RunOptions& options);

struct BenchOptions {
  std::string load = "all";
  std::uint64_t samples = 5000;
  std::string json;  // file; "-": standard output
  bool verbose = false;
  bool check = false;  // over budget: exit status 1
};
[[nodiscard]] Outcome<int> bench_wakeup(const Paths& paths, const BenchOptions& options);

struct BenchLinuxOptions {
  std::vector<std::string> loads{"all"};  // beside the idle runs
  std::vector<std::string> options{"default", "tuned"};  // of Linux
  std::vector<std::string> parts{"wakeups", "round-trips"};  // and "isolated"
  unsigned seconds = 10;  // of the isolated CPU
  std::uint64_t samples = 1000;  // of each row
  unsigned rounds = 2;
  std::string accelerator = "auto";
  std::string json;  // file; "-": standard output
  bool verbose = false;
};
[[nodiscard]] Outcome<int> bench_linux(const Paths& paths, const BenchLinuxOptions& options);

struct BenchIpcOptions {
  std::uint64_t samples = 1000;
  std::uint64_t population = 0;
  std::uint64_t against = 0;  // measure again with this population; another median is a failure. 0: do not
  bool counters = false;  // a second run under the counting plug-in
  std::string json;  // file; "-": standard output
  bool verbose = false;
  bool check = false;  // over budget: exit status 1
};
[[nodiscard]] Outcome<int> bench_ipc(const Paths& paths, const BenchIpcOptions& options);

struct BenchSchedOptions {
  std::uint64_t samples = 5000;  // of the releases and of `scale`; of the switches at most 1000
  std::vector<std::string> parts{"releases", "switches", "scale", "interrupts-off"};
  std::string json;  // file; "-": standard output
  bool verbose = false;
  bool check = false;  // over budget: exit status 1
};
[[nodiscard]] Outcome<int> bench_sched(const Paths& paths, const BenchSchedOptions& options);

struct BenchNoiseOptions {
  double seconds = 0.2;  // of the guest, in each of the two machines
  std::string json;      // file; "-": standard output
  bool verbose = false;
};
[[nodiscard]] Outcome<int> bench_noise(const Paths& paths, const BenchNoiseOptions& options);

struct BenchBootOptions {
  std::string json;  // file; "-": standard output
  bool verbose = false;
};
[[nodiscard]] Outcome<int> bench_boot(const Paths& paths, const BenchBootOptions& options);

struct BenchHostOptions {
  double min_time = 0;  // seconds for each benchmark; 0: as Google Benchmark says
  std::string json;     // file; "-": standard output
};
[[nodiscard]] Outcome<int> bench_host(const Paths& paths, const BenchHostOptions& options);

struct BenchAllOptions {
  std::uint64_t samples = 5000;  // of the wake-ups; others at most their own default
  std::vector<std::string> without{};  // suites left out
  std::vector<std::string> only{};     // if any: all others are
  std::string json;  // file: the history's new entry
};
[[nodiscard]] Outcome<int> bench_all(const Paths& paths, const BenchAllOptions& options);

struct BenchCompareOptions {
  std::string before, after;  // files, or positions in the history
  bool all = false;           // also what did not move
  bool json = false;
};
[[nodiscard]] Outcome<int> bench_compare(const Paths& paths, const BenchCompareOptions& options);

struct TraceOptions {
  std::string file;
  std::string output;  // "": out/trace/trace.pftrace
  double seconds = 1;
  std::string load = "all";
  unsigned cpus = 0;  // 0: as the manifest says
  std::string accelerator = "auto";
  bool jobs_only = false;  // no events of each dispatch, interrupt and call that lends time
  bool json = false;
};
[[nodiscard]] Outcome<int> trace(const Paths& paths, const TraceOptions& options);

struct TopOptions {
  std::string run;        // directory below out/; "": the run that is under way
  double interval = 0.5;  // real seconds between looks
  bool once = false;
  bool json = false;      // once, as JSON
};
[[nodiscard]] Outcome<int> top(const Paths& paths, const TopOptions& options);

struct GraphOptions {
  std::string file;
  std::string machine = "deterministic";
  std::string output;  // directory; "": out/graph
  bool json = false;
};
[[nodiscard]] Outcome<int> graph(const Paths& paths, const GraphOptions& options);

struct ImageOptions {
  std::string file;  // "": configs/demo.capnp
  std::string machine = "deterministic";
  std::string out = "image";  // directory under out/
  double seconds = 0;         // until the machine ends itself; 0: until something ends it
  bool iso = false;
  std::string json;  // file; "-": standard output
};
[[nodiscard]] Outcome<int> image(const Paths& paths, const ImageOptions& options);

struct GdbOptions {
  std::string file;  // "": configs/demo.capnp
  std::string accelerator = "tcg";
  std::vector<std::string> commands;
  bool server_only = false;
  bool batch = false;
  bool json = false;
};
[[nodiscard]] Outcome<int> gdb(const Paths& paths, const GdbOptions& options);

struct ProbeOptions {
  bool json = false;
};
[[nodiscard]] Outcome<int> probe(const Paths& paths, const ProbeOptions& options);

}  // namespace capos::cli
