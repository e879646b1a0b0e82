// SPDX-License-Identifier: Apache-2.0
#include "process/fault_report.hpp"

#include "core/text.hpp"
#include "process/process.hpp"

namespace capos::kernel {
namespace {

std::string_view exception_name(std::uint8_t vector) noexcept {
  switch (vector) {
    case 0: return "division error";
    case 1: return "debug";
    case 3: return "breakpoint";
    case 4: return "overflow";
    case 5: return "bound";
    case 6: return "invalid instruction";
    case 7: return "no coprocessor";
    case 11: return "segment not present";
    case 12: return "stack";
    case 13: return "general protection";
    case 14: return "page fault";
    case 16: return "x87 floating point";
    case 17: return "alignment";
    case 19: return "SIMD floating point";
    default: return "exception";
  }
}

}  // namespace

void FaultReport::begin(Thread& thread, const FaultRecord& fault) noexcept {
  if (thread_ != nullptr) return;
  thread_ = &thread;
  fault_ = fault;
  unsupervised_ = thread.state == ThreadState::await_supervisor;
}

void FaultReport::head(Line& line) const noexcept {
  const bool exception = fault_.kind < schema::ThreadFault::budget_spent;
  line.text("fault: ").text(thread_->process.name());
  if (thread_->number != 0) line.text(" (thread ").decimal(thread_->number).text(")");
  line.text(": ")
      .text(exception ? exception_name(fault_.vector) : schema::name_of(fault_.kind))
      .text(" (")
      .decimal(fault_.code())
      .text(", error ")
      .hex(fault_.error_code)
      .text(") at ip ")
      .hex(thread_->user.instruction_pointer(), 16)
      .text(", address ")
      .hex(fault_.address, 16)
      .text(", cpu ")
      .decimal(thread_->home.cpu().value());
  if (unsupervised_) line.text("; its supervisor is gone");
}

bool FaultReport::step() noexcept {
  if (thread_ == nullptr) return true;
  if (end_ != 0 && !console_step(end_)) return false;
  Line line;
  unsigned next = next_;
  if (!headed_) {
    head(line);
  } else {
    std::string_view name;
    std::uint64_t value = 0;
    line.text("  ");
    for (unsigned column = 0; column < 4 && thread_->user.register_at(next, name, value); ++column, ++next) {
      line.text(name).text("=").hex(value, 16).text(" ");
    }
    if (next == next_) {
      thread_ = nullptr;
      return true;
    }
  }
  line.text("\n");
  if (!console_put(line.view(), end_)) {
    (void)console_step(0);  // room for it
    return false;
  }
  headed_ = true;
  next_ = next;
  return false;
}

}  // namespace capos::kernel
