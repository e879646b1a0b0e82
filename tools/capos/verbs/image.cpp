// SPDX-License-Identifier: Apache-2.0
// ./capos image: a manifest as files that boot by themselves.
#include <fmt/core.h>

#include <cstdio>

#include "../image/image.hpp"
#include "../support/files.hpp"
#include "../support/process.hpp"
#include "trial.hpp"
#include "verbs.hpp"

namespace capos::cli {
namespace {

TrialRequest request_of(const Paths& paths, const ImageOptions& options) {
  TrialRequest request;
  request.file = options.file.empty() ? (paths.configs() / "demo.capnp").string() : options.file;
  request.title = "image";
  request.out_name = options.out;
  request.accelerator = options.machine == "kvm" ? "kvm" : "tcg";
  request.duration_ns = static_cast<std::uint64_t>(options.seconds * 1e9);
  request.quiet = true;
  return request;
}

void print_how_to_boot(const MachineSpec& spec, const ImageOptions& options) {
  MachineSpec machine = spec;
  machine.kernel = spec.pack.parent_path() / "capos.elf";
  machine.channel.clear();  // its file is made by what reads it
  fmt::print("boot it: {}\n", shell_line(qemu_command(machine)));
  if (options.iso) {
    fmt::print("or with -cdrom {} in place of -kernel and -initrd; on UEFI also with\n"
               "  -drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd\n",
               (spec.pack.parent_path() / "capos.iso").string());
  }
}

}  // namespace

Outcome<int> image(const Paths& paths, const ImageOptions& options) {
  const auto trial = prepare_trial(paths, request_of(paths, options));
  if (!trial) return std::unexpected(trial.error());
  const auto spec = prepare_machine(paths, trial->session_inputs());
  if (!spec) return std::unexpected(spec.error());
  const auto made = make_image(paths, spec->pack.parent_path(), options.iso);
  if (!made) return std::unexpected(made.error());
  if (options.json == "-") {
    fmt::print("{}", render_image_json(*made));
    return kExitFine;
  }
  fmt::print("{}", render_image_table(*made));
  print_how_to_boot(*spec, options);
  if (!options.json.empty()) {
    if (auto done = write_text(options.json, render_image_json(*made)); !done) return std::unexpected(done.error());
  }
  return kExitFine;
}

}  // namespace capos::cli
