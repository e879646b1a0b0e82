// SPDX-License-Identifier: Apache-2.0
// A QEMU TCG plug-in: which code a boot executes, by phases, up to the first job.
//
//   qemu-system-x86_64 ... -plugin /path/libcapos_boot.so,out=FILE,entry=ADDRESS
//
// Phases: firmware until ADDRESS (hexadecimal, where the kernel is entered) is executed; kernel until the first instruction
// of the lower half after one of the upper half; init until the mark islands_started, first_job until the mark first_job
// (capos/abi/bench_marker.hpp). At the end it writes a line for each translated block that ran to FILE: its address, the
// page of the host's memory it lies in, its bytes, and how many of its instructions ran in each phase, all but the counts
// hexadecimal. Every repetition of a string instruction counts, as QEMU counts. One vCPU: no locks.
#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <string>
#include <vector>

#include "decode.hpp"
#include "plugin.hpp"

namespace counters {
namespace {

enum Phase : std::size_t { firmware, kernel, init, first_job, done };
constexpr std::uint64_t kUpperHalf = std::uint64_t{1} << 63, kPageShift = 12;

struct Block {
  std::uint64_t address = 0, page = 0;
  std::vector<std::uint8_t> bytes;
  std::array<std::uint64_t, done> counts{};
};

// As translated; lives for ever, because translated code refers to it.
struct Instruction {
  Block* block;
  std::uint64_t address;
  Kind kind;
};

class Recorder {
 public:
  std::string out;
  std::uint64_t entry = 0;

  Block& add_block() { return blocks_.emplace_back(); }
  Instruction& remember(const Instruction& what) { return instructions_.emplace_back(what); }
  void execute(const Instruction& what) {
    if (phase_ == done) return;
    if (phase_ == firmware && what.address == entry) phase_ = kernel;
    if (phase_ == kernel) enter_user(what.address);
    ++what.block->counts[phase_];
    if (what.kind == Kind::mark_islands_started && phase_ == init) phase_ = first_job;
    if (what.kind == Kind::mark_first_job && phase_ == first_job) phase_ = done;
  }
  void write() const {
    std::FILE* const file = phase_ == done ? std::fopen(out.c_str(), "w") : nullptr;
    if (file == nullptr) return;  // the reader finds no file and says so
    for (const Block& block : blocks_) {
      if (block.counts == decltype(block.counts){}) continue;
      std::fprintf(file, "%" PRIx64 " %" PRIx64 " ", block.address, block.page);
      for (const auto byte : block.bytes) std::fprintf(file, "%02x", byte);
      for (const auto count : block.counts) std::fprintf(file, " %" PRIu64, count);
      std::fputc('\n', file);
    }
    std::fclose(file);
  }

 private:
  void enter_user(std::uint64_t address) {
    if (address >= kUpperHalf) upper_seen_ = true;
    else if (upper_seen_) phase_ = init;
  }

  std::deque<Block> blocks_;
  std::deque<Instruction> instructions_;
  Phase phase_ = firmware;
  bool upper_seen_ = false;
};

// Never destroyed: see watch().
Recorder& recorder = *new Recorder;

void on_execute(unsigned, void* instruction) { recorder.execute(*static_cast<Instruction*>(instruction)); }

void on_translate(qemu_plugin_id_t, qemu_plugin_tb* translated) {
  Block& block = recorder.add_block();
  const std::size_t count = qemu_plugin_tb_n_insns(translated);
  for (std::size_t i = 0; i < count; ++i) {
    qemu_plugin_insn* const insn = qemu_plugin_tb_get_insn(translated, i);
    const auto bytes = bytes_of(insn);
    const std::uint64_t address = qemu_plugin_insn_vaddr(insn);
    if (i == 0) {
      block.address = address;
      block.page = reinterpret_cast<std::uint64_t>(qemu_plugin_insn_haddr(insn)) >> kPageShift;
    }
    block.bytes.insert(block.bytes.end(), bytes.begin(), bytes.end());
    Instruction& known = recorder.remember({&block, address, classify(bytes)});
    watch_execution(insn, on_execute, known);
  }
}

}  // namespace
}  // namespace counters

extern "C" {

// Nonzero: QEMU does not start.
__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t*, int count,
                                                               char** arguments) {
  auto& recorder = counters::recorder;
  if (!counters::read_arguments({{.name = "out", .text = &recorder.out}, {.name = "entry", .number = &recorder.entry, .base = 16}}, {arguments, static_cast<std::size_t>(count)})) return 1;
  counters::watch(id, counters::on_translate, recorder);
  return 0;
}
}
