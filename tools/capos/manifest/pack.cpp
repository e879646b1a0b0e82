// SPDX-License-Identifier: Apache-2.0
#include "pack.hpp"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "../support/files.hpp"
#include "../support/process.hpp"
#include "../support/temporary.hpp"
#include "capos/wire/frame.hpp"

namespace capos::cli {
namespace fs = std::filesystem;
namespace {

struct LoadedProgram {
  std::string name;
  std::vector<std::byte> image;
};

// Symbols are of no use to the guest; debuggers read them from the build.
Outcome<std::vector<std::byte>> stripped(const fs::path& program, const fs::path& scratch) {
  const fs::path copy = scratch / "stripped";
  const auto run =
      capture({"objcopy", "--strip-all", program.string(), copy.string()}, std::chrono::seconds(30));
  if (!run) return std::unexpected(run.error());
  if (!run->state.exited(0)) {
    return problem(fmt::format("{} is no ELF file that objcopy takes: {}", program.string(),
                               run->err.substr(0, run->err.find('\n'))),
                   "build it for capOS, or mend the binary's path in the manifest");
  }
  return read_bytes(copy);
}

Outcome<std::vector<LoadedProgram>> load_programs(const Paths& paths, const PackInputs& inputs) {
  const auto scratch = TemporaryDirectory::make();
  if (!scratch) return std::unexpected(scratch.error());
  std::vector<LoadedProgram> programs;
  for (const auto binary : inputs.manifest.binaries()) {
    const auto file = find_program(paths, inputs.manifest_directory, binary);
    if (!file) return std::unexpected(file.error());
    auto image = stripped(*file, scratch->path());
    if (!image) return std::unexpected(image.error());
    programs.push_back({std::string(binary.name()), std::move(*image)});
  }
  return programs;
}

struct LoadedFile {
  std::string buffer;
  std::vector<std::byte> content;
};

Outcome<std::vector<LoadedFile>> load_files(const Paths& paths, const PackInputs& inputs) {
  std::vector<LoadedFile> files;
  for (const auto buffer : inputs.manifest.init_config().buffers()) {
    if (buffer.file().empty()) continue;
    const auto file = find_buffer_file(paths, inputs.manifest_directory, buffer);
    if (!file) return std::unexpected(file.error());
    auto content = read_bytes(*file);
    if (!content) return std::unexpected(content.error());
    files.push_back({std::string(buffer.name()), std::move(*content)});
  }
  return files;
}

std::size_t words_needed(const PackInputs& inputs, const std::vector<LoadedProgram>& programs,
                         const std::vector<LoadedFile>& files) {
  std::size_t words = 4096 + inputs.manifest.binaries().size() * 16;
  for (const auto& program : programs) words += program.image.size() / sizeof(wire::Word) + 16;
  for (const auto& file : files) words += file.content.size() / sizeof(wire::Word) + 16;
  return words;
}

}  // namespace

Outcome<fs::path> find_program(const Paths& paths, const fs::path& directory, schema::Binary::Reader binary) {
  const std::string given(binary.path());
  std::error_code ignored;
  const fs::path built = paths.programs() / fs::path(given).filename();
  if (given.starts_with("services/") && fs::exists(built, ignored)) return built;
  if (const fs::path beside = directory / given; fs::is_regular_file(beside, ignored)) return beside;
  return problem(fmt::format("the program \"{}\" of the binary \"{}\" is neither in the build nor a file",
                             given, binary.name()),
                 fmt::format("looked for {} and {}; build it, or mend the path", built.string(),
                             (directory / given).string()));
}

Outcome<fs::path> find_buffer_file(const Paths& paths, const fs::path& directory, schema::Buffer::Reader buffer) {
  const std::string given(buffer.file());
  std::error_code ignored;
  const fs::path built = paths.build / given;
  if (given.starts_with("audio/") && fs::is_regular_file(built, ignored)) return built;
  if (const fs::path beside = directory / given; fs::is_regular_file(beside, ignored)) return beside;
  return problem(fmt::format("the file \"{}\" of the buffer \"{}\" is neither in the build nor beside the manifest", given,
                             buffer.name()),
                 fmt::format("looked for {} and {}; build it, or mend the path", built.string(), (directory / given).string()));
}

Outcome<Message> build_pack(const Paths& paths, const PackInputs& inputs) {
  const auto programs = load_programs(paths, inputs);
  if (!programs) return std::unexpected(programs.error());
  const auto files = load_files(paths, inputs);
  if (!files) return std::unexpected(files.error());
  return build_message(
      [&](wire::MessageBuilder& message) {
        const auto pack = message.init_root<schema::BootPack>();
        pack.set_magic(schema::kBootPackMagic);
        pack.set_machine(inputs.machine);
        pack.set_manifest(inputs.manifest);
        const auto list = pack.init_programs(static_cast<std::uint32_t>(programs->size()));
        for (std::uint32_t i = 0; i < list.size(); ++i) {
          list[i].set_name((*programs)[i].name);
          list[i].set_image((*programs)[i].image);
        }
        const auto contents = pack.init_files(static_cast<std::uint32_t>(files->size()));
        for (std::uint32_t i = 0; i < contents.size(); ++i) {
          contents[i].set_buffer((*files)[i].buffer);
          contents[i].set_content((*files)[i].content);
        }
        const auto run = pack.init_run();
        run.set_duration_ns(inputs.duration_ns);
        run.set_trace_switches(inputs.trace_switches);
      },
      words_needed(inputs, *programs, *files));
}

Outcome<void> write_pack(const Message& pack, const fs::path& file) {
  std::vector<wire::Word> framed(pack.words().size() + 1);
  if (!wire::write_frame(pack.words(), framed)) {
    return problem("the boot pack is larger than 32 GiB", "remove programs from the manifest");
  }
  return write_bytes(file, std::as_bytes(std::span(framed)));
}

Message machine_for(schema::MachineParams::Reader machine, unsigned cpus) {
  return build_message([&](wire::MessageBuilder& message) {
    message.set_root<schema::MachineParams>(machine);
    if (cpus == 1) message.root<schema::MachineParams>().set_quantum_ns(0);
  });
}

}  // namespace capos::cli
