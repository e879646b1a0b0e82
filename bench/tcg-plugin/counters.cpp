// SPDX-License-Identifier: Apache-2.0
// A QEMU TCG plug-in: what instruction counts hide, per operation of a bench.
//
//   qemu-system-x86_64 ... -plugin /path/libcapos_counters.so,out=FILE
//
// Between a start and a stop mark (capos/abi/bench_marker.hpp) it counts instructions, CR3 loads, serialising
// instructions, explicit TLB invalidations, and the distinct 64-byte lines that are executed from and that are read or
// written. Lines are told apart by where they lie in memory, not by virtual address. At the end it writes one line per
// row to FILE: its number, its operations, and the median of each count. One vCPU: no locks.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <string>
#include <unordered_set>
#include <vector>

#include "decode.hpp"
#include "plugin.hpp"

namespace counters {
namespace {

constexpr std::uint64_t kLineShift = 6;

// In the order in which a row's line names them.
enum Count : std::size_t { instructions, switches, serialising, invalidations, code_lines, data_lines, kCounts };
using Counts = std::array<std::uint64_t, kCounts>;

struct Row {
  std::vector<Counts> operations;
};

// An instruction as translated; lives for ever, because translated code refers to it.
struct Instruction {
  Kind kind;
  std::uint64_t first_line, last_line;  // in the host's memory
};

class Recorder {
 public:
  std::string out;

  Instruction& remember(Kind kind, std::uint64_t first, std::uint64_t last) {
    return instructions_.emplace_back(Instruction{kind, first, last});
  }
  void execute(const Instruction& what) {
    switch (what.kind) {
      case Kind::mark_row: rows_.emplace_back(); running_ = false; return;
      case Kind::mark_start: start(); return;
      case Kind::mark_stop: stop(); return;
      default: break;
    }
    if (!running_) return;
    ++now_[instructions];
    code_.insert(what.first_line);
    code_.insert(what.last_line);
    if (what.kind == Kind::load_cr3) ++now_[switches];
    if (what.kind == Kind::invalidation) ++now_[invalidations];
    if (what.kind != Kind::plain) ++now_[serialising];
  }
  [[nodiscard]] bool running() const { return running_; }
  void touch(std::uint64_t line) { data_.insert(line); }
  void write() const {
    std::FILE* const file = std::fopen(out.c_str(), "w");
    if (file == nullptr) return;  // the reader finds no file and says so
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      std::fprintf(file, "%zu %zu", i, rows_[i].operations.size());
      for (std::size_t which = 0; which < kCounts; ++which) {
        std::fprintf(file, " %llu", static_cast<unsigned long long>(median(rows_[i], which)));
      }
      std::fputc('\n', file);
    }
    std::fclose(file);
  }

 private:
  void start() {
    now_ = {};
    code_.clear();
    data_.clear();
    running_ = true;
  }
  void stop() {
    if (!running_ || rows_.empty()) return;
    running_ = false;
    now_[code_lines] = code_.size();
    now_[data_lines] = data_.size();
    rows_.back().operations.push_back(now_);
  }
  static std::uint64_t median(const Row& row, std::size_t which) {
    if (row.operations.empty()) return 0;
    std::vector<std::uint64_t> values;
    for (const Counts& counts : row.operations) values.push_back(counts[which]);
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
  }

  std::deque<Instruction> instructions_;
  std::vector<Row> rows_;
  Counts now_{};
  std::unordered_set<std::uint64_t> code_, data_;
  bool running_ = false;
};

// Never destroyed: see watch().
Recorder& recorder = *new Recorder;

void on_execute(unsigned, void* instruction) { recorder.execute(*static_cast<Instruction*>(instruction)); }

void on_memory(unsigned, qemu_plugin_meminfo_t info, std::uint64_t address, void*) {
  if (!recorder.running()) return;
  const qemu_plugin_hwaddr* const where = qemu_plugin_get_hwaddr(info, address);
  // Registers of devices are no cache lines, and QEMU may have let go of what it knows of their place.
  if (where != nullptr && !qemu_plugin_hwaddr_is_io(where)) recorder.touch(qemu_plugin_hwaddr_phys_addr(where) >> kLineShift);
}

void on_translate(qemu_plugin_id_t, qemu_plugin_tb* block) {
  const std::size_t count = qemu_plugin_tb_n_insns(block);
  for (std::size_t i = 0; i < count; ++i) {
    qemu_plugin_insn* const insn = qemu_plugin_tb_get_insn(block, i);
    const auto bytes = bytes_of(insn);
    const auto first = reinterpret_cast<std::uint64_t>(qemu_plugin_insn_haddr(insn));
    Instruction& known =
        recorder.remember(classify(bytes), first >> kLineShift, (first + bytes.size() - 1) >> kLineShift);
    watch_execution(insn, on_execute, known);
    qemu_plugin_register_vcpu_mem_cb(insn, on_memory, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, nullptr);
  }
}

}  // namespace
}  // namespace counters

extern "C" {

// Nonzero: QEMU does not start.
__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t*, int count,
                                                               char** arguments) {
  auto& recorder = counters::recorder;
  if (!counters::read_arguments({{.name = "out", .text = &recorder.out}}, {arguments, static_cast<std::size_t>(count)})) return 1;
  counters::watch(id, counters::on_translate, recorder);
  return 0;
}
}
