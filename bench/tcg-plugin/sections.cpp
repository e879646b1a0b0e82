// SPDX-License-Identifier: Apache-2.0
// A QEMU TCG plug-in: how long interrupts stay off in the kernel, and in which code.
//
//   qemu-system-x86_64 ... -plugin /path/libcapos_sections.so,out=FILE,least=N
//
// A section is what the kernel (the upper half of the addresses) executes until it turns interrupts on, by STI, HLT or the return
// to user mode: whatever waits then is taken before anything else is executed there, and begins a section of its own. The first of
// each CPU's user mode begins the count, so that boot is not in it. At the end it writes to FILE a line
// "all COUNT LONGEST", and a line for each kind of section of at least N instructions: how many there were, the length of
// the longest, where it was entered, and which blocks of code it executed, as ADDRESS:COUNT. Of one kind are sections that
// were entered at one place and spent most in one block. All counts are decimal, addresses hexadecimal. Every repetition of a
// string instruction counts, as QEMU counts. One vCPU: others are not looked at, and there are no locks.
#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "decode.hpp"
#include "plugin.hpp"

namespace counters {
namespace {

constexpr std::uint64_t kUpperHalf = std::uint64_t{1} << 63;

struct Block {
  std::uint64_t address = 0;
  std::uint64_t section = 0;  // the last one that came here, and how many of its instructions were of this block
  std::uint64_t count = 0;
};

// As translated; lives for ever, because translated code refers to it.
struct Instruction {
  Block* block;
  bool kernel;
  bool ends;  // interrupts are on after it
};

class Recorder {
 public:
  std::string out;
  std::uint64_t least = 0;

  Block& add_block(std::uint64_t address) { return blocks_.emplace_back(Block{address}); }
  Instruction& remember(const Instruction& what) { return instructions_.emplace_back(what); }
  void execute(const Instruction& what) {
    if (!what.kernel) {
      if (length_ != 0) close();
      user_seen_ = kernel_seen_;  // before the kernel: firmware
      return;
    }
    kernel_seen_ = true;
    if (!user_seen_) return;
    if (length_++ == 0) open(what.block->address);
    Block& block = *what.block;
    if (block.section != all_) {
      block.section = all_;
      block.count = 0;
      touched_.push_back(&block);
    }
    ++block.count;
    if (what.ends) close();
  }
  void write() const {
    std::FILE* const file = std::fopen(out.c_str(), "w");
    if (file == nullptr) return;  // the reader finds no file and says so
    std::fprintf(file, "all %" PRIu64 " %" PRIu64 "\n", all_, longest_);
    for (const auto& [where, kind] : kinds_) {
      std::fprintf(file, "%" PRIu64 " %" PRIu64 " %" PRIx64, kind.times, kind.longest, where.first);
      for (const auto& [address, count] : kind.blocks) std::fprintf(file, " %" PRIx64 ":%" PRIu64, address, count);
      std::fputc('\n', file);
    }
    std::fclose(file);
  }

 private:
  using Where = std::pair<std::uint64_t, std::uint64_t>;  // entered at, most in
  struct SectionKind {
    std::uint64_t times = 0, longest = 0;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> blocks;
  };

  void open(std::uint64_t address) {
    ++all_;
    entered_ = address;
    touched_.clear();
  }
  void close() {
    longest_ = std::max(longest_, length_);
    if (length_ >= least) keep();
    length_ = 0;
  }
  void keep() {
    const Block* const most = *std::max_element(touched_.begin(), touched_.end(), [](const Block* a, const Block* b) { return a->count < b->count; });
    SectionKind& kind = kinds_[{entered_, most->address}];
    ++kind.times;
    if (length_ <= kind.longest) return;
    kind.longest = length_;
    kind.blocks.clear();
    for (const Block* const block : touched_) kind.blocks.emplace_back(block->address, block->count);
  }

  std::deque<Block> blocks_;
  std::deque<Instruction> instructions_;
  std::map<Where, SectionKind> kinds_;
  std::vector<Block*> touched_;
  std::uint64_t all_ = 0, longest_ = 0, length_ = 0, entered_ = 0;
  bool kernel_seen_ = false, user_seen_ = false;
};

// Never destroyed: see watch().
Recorder& recorder = *new Recorder;

void on_execute(unsigned cpu, void* instruction) {
  if (cpu == 0) recorder.execute(*static_cast<Instruction*>(instruction));
}

// Of user mode only that it runs matters: its blocks' first instructions.
void on_translate(qemu_plugin_id_t, qemu_plugin_tb* translated) {
  const std::size_t count = qemu_plugin_tb_n_insns(translated);
  const std::uint64_t start = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(translated, 0));
  const bool kernel = start >= kUpperHalf;
  Block& block = recorder.add_block(start);
  for (std::size_t i = 0; i < (kernel ? count : std::min<std::size_t>(count, 1)); ++i) {
    qemu_plugin_insn* const insn = qemu_plugin_tb_get_insn(translated, i);
    const auto code = bytes_of(insn);
    Instruction& known = recorder.remember({&block, kernel, classify(code) == Kind::interrupts_on || returns_to_user(code)});
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
  if (!counters::read_arguments({{.name = "out", .text = &recorder.out}, {.name = "least", .number = &recorder.least}}, {arguments, static_cast<std::size_t>(count)})) return 1;
  counters::watch(id, counters::on_translate, recorder);
  return 0;
}
}
