// SPDX-License-Identifier: Apache-2.0
#include "image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "../manifest/message.hpp"
#include "../support/files.hpp"
#include "../support/process.hpp"
#include "capos/schema/bootpack.hpp"
#include "capos/wire/frame.hpp"

namespace capos::cli {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

// The output of a command that must succeed.
Outcome<std::string> output_of(const std::vector<std::string>& command, const char* remedy) {
  const auto run = capture(command);
  if (!run) return std::unexpected(run.error());
  if (run->state.exited(0)) return run->out;
  return problem(fmt::format("{} failed: {}", command[0], run->err.substr(0, run->err.find('\n'))), remedy);
}

Outcome<void> add_file(Image& image, const fs::path& file) {
  std::error_code error;
  const auto bytes = fs::file_size(file, error);
  if (error) return problem(fmt::format("cannot read {}: {}", file.string(), error.message()), "run the command again");
  const auto sum = output_of({"sha256sum", file.string()}, "install coreutils");
  if (!sum) return std::unexpected(sum.error());
  image.files.push_back({file, bytes, sum->substr(0, sum->find(' '))});
  return {};
}

Outcome<void> add_kernel(const Paths& paths, Image& image, const fs::path& file) {
  if (auto done = output_of({"objcopy", "--strip-all", paths.kernel().string(), file.string()}, "build the kernel: ./capos image does"); !done)
    return std::unexpected(done.error());
  const auto sections = output_of({"size", "-A", "-d", file.string()}, "install binutils");
  if (!sections) return std::unexpected(sections.error());
  image.parts = kernel_parts(*sections);
  return add_file(image, file);
}

Outcome<void> add_pack(Image& image, const fs::path& file) {
  const auto bytes = read_bytes(file);
  if (!bytes) return std::unexpected(bytes.error());
  std::vector<wire::Word> framed(bytes->size() / sizeof(wire::Word));
  std::memcpy(framed.data(), bytes->data(), framed.size() * sizeof(wire::Word));
  const auto words = wire::read_frame(framed);
  if (!words) return problem(file.string() + " is no boot pack", "run the command again");
  const Message message{std::vector<wire::Word>(words->begin(), words->end())};
  std::uint64_t programs = 0;
  for (const auto program : message.root<schema::BootPack>().programs()) {
    image.parts.push_back({"boot pack", std::string(program.name()), program.image().size()});
    programs += program.image().size();
  }
  image.parts.push_back({"boot pack", "manifest and the rest", bytes->size() - programs});
  return add_file(image, file);
}

}  // namespace

std::vector<ImagePart> kernel_parts(const std::string& size_text) {
  std::vector<ImagePart> parts;
  std::istringstream lines(size_text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t bytes = 0, address = 0;
    if (words >> name >> bytes >> address && bytes != 0 && address != 0) parts.push_back({"kernel", name, bytes});
  }
  return parts;
}

Outcome<Image> make_image(const Paths& paths, const fs::path& directory, bool iso) {
  const fs::path kernel = directory / "capos.elf", pack = directory / "boot.pack", disc = directory / "capos.iso";
  std::error_code ignored;
  fs::remove(disc, ignored);  // of another run: not of these two files
  Image image;
  if (auto done = add_kernel(paths, image, kernel); !done) return std::unexpected(done.error());
  if (auto done = add_pack(image, pack); !done) return std::unexpected(done.error());
  if (!iso) return image;
  const auto script = paths.root / "tools" / "capos" / "image" / "make_iso.sh";
  if (auto made = output_of({"sh", script.string(), kernel.string(), pack.string(), disc.string()},
                            "apt-get install --no-install-recommends grub-common grub-pc-bin grub-efi-amd64-bin mtools xorriso");
      !made)
    return std::unexpected(made.error());
  if (auto done = add_file(image, disc); !done) return std::unexpected(done.error());
  return image;
}

std::string render_image_table(const Image& image) {
  std::string text;
  std::size_t width = 0;
  for (const auto& part : image.parts) width = std::max(width, part.name.size());
  for (const auto& part : image.parts) text += fmt::format("  {:<10} {:<{}} {:>9} bytes\n", part.of, part.name, width, part.bytes);
  for (const auto& file : image.files) text += fmt::format("{}: {} bytes, sha256 {}\n", file.file.string(), file.bytes, file.sha256);
  return text;
}

std::string render_image_json(const Image& image) {
  Json json{{"files", Json::array()}, {"parts", Json::array()}};
  for (const auto& file : image.files)
    json["files"].push_back({{"name", file.file.filename().string()}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  for (const auto& part : image.parts) json["parts"].push_back({{"of", part.of}, {"name", part.name}, {"bytes", part.bytes}});
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace capos::cli
