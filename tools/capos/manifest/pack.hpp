// SPDX-License-Identifier: Apache-2.0
// Writes the boot pack: one framed, single-segment BootPack message with the manifest, its programs
// (stripped) and what the machine is. Equal inputs give equal bytes.
#pragma once

#include <cstdint>
#include <filesystem>

#include "../support/paths.hpp"
#include "../support/problem.hpp"
#include "capos/schema/bootpack.hpp"
#include "capos/schema/manifest.hpp"
#include "message.hpp"

namespace capos::cli {

struct PackInputs {
  schema::SystemManifest::Reader manifest;
  schema::MachineParams::Reader machine;
  std::filesystem::path manifest_directory;  // where a binary's path to an ELF file starts from
  std::uint64_t duration_ns = 0;             // 0: until something ends the run
  bool trace_switches = false;               // RunParams.traceSwitches
};

// Where a manifest's program comes from: "services/NAME" is the build's program NAME, anything else that
// exists is a file beside the manifest.
[[nodiscard]] Outcome<std::filesystem::path> find_program(const Paths& paths,
                                                          const std::filesystem::path& directory,
                                                          schema::Binary::Reader binary);
// Where a buffer's file is: below the build if it is "audio/...", else beside the manifest.
[[nodiscard]] Outcome<std::filesystem::path> find_buffer_file(const Paths& paths, const std::filesystem::path& directory,
                                                              schema::Buffer::Reader buffer);

[[nodiscard]] Outcome<Message> build_pack(const Paths& paths, const PackInputs& inputs);
[[nodiscard]] Outcome<void> write_pack(const Message& pack, const std::filesystem::path& file);

// The machine as one with this number of CPUs needs it: without a quantum when nothing runs in turns.
[[nodiscard]] Message machine_for(schema::MachineParams::Reader machine, unsigned cpus);

}  // namespace capos::cli
