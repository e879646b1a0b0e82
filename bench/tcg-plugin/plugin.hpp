// SPDX-License-Identifier: Apache-2.0
// What the counting plug-ins have in common: their arguments, their registration, the instructions of a translated block.
//
// Source: QEMU's plug-in interface, version 1 (include/qemu/qemu-plugin.h). A plug-in includes this in one source only.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "qemu_plugin_api.h"

// QEMU looks at it before anything else.
extern "C" {
[[gnu::visibility("default"), gnu::used]] inline int qemu_plugin_version = QEMU_PLUGIN_VERSION;
}

namespace counters {

// An argument NAME=VALUE that must be given: a text that is not empty, or a number other than 0.
struct Argument {
  std::string_view name;
  std::string* text = nullptr;
  std::uint64_t* number = nullptr;
  int base = 10;
};

// False, and QEMU is not to start: an argument that is not known, or one that is missing.
[[nodiscard]] inline bool read_arguments(std::initializer_list<Argument> known, std::span<char*> given) {
  for (const std::string_view one : given) {
    const std::size_t equals = one.find('=');
    bool found = false;
    for (const Argument& argument : known) {
      if (equals == std::string_view::npos || argument.name != one.substr(0, equals)) continue;
      found = true;
      const std::string value(one.substr(equals + 1));
      if (argument.text != nullptr) *argument.text = value;
      if (argument.number != nullptr) *argument.number = std::strtoull(value.c_str(), nullptr, argument.base);
    }
    if (!found) return false;
  }
  for (const Argument& argument : known) {
    if (argument.text != nullptr && argument.text->empty()) return false;
    if (argument.number != nullptr && *argument.number == 0) return false;
  }
  return true;
}

// From now on each block is shown to `translate`; at the end the recorder writes what it has. It is never destroyed: QEMU's exit
// comes after the destructors of the plug-in's statics.
template <typename Recorder>
void watch(qemu_plugin_id_t id, qemu_plugin_vcpu_tb_trans_cb_t translate, Recorder& recorder) {
  qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
  qemu_plugin_register_atexit_cb(
      id, [](qemu_plugin_id_t, void* what) { static_cast<const Recorder*>(what)->write(); }, &recorder);
}

[[nodiscard]] inline std::span<const std::uint8_t> bytes_of(const qemu_plugin_insn* insn) {
  return {static_cast<const std::uint8_t*>(qemu_plugin_insn_data(insn)), qemu_plugin_insn_size(insn)};
}

// `on_execute` gets `known`, which lives for ever, each time that the instruction is executed.
template <typename Instruction>
void watch_execution(qemu_plugin_insn* insn, qemu_plugin_vcpu_udata_cb_t on_execute, Instruction& known) {
  qemu_plugin_register_vcpu_insn_exec_cb(insn, on_execute, QEMU_PLUGIN_CB_NO_REGS, &known);
}

}  // namespace counters
