// SPDX-License-Identifier: Apache-2.0
// What boots without this tool: the kernel as one ELF file (PVH and Multiboot2), a boot pack, and a CD image of both.
//
// Equal kernels and packs give equal bytes, on any day and host with the same GRUB, binutils and xorriso.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "../support/paths.hpp"
#include "../support/problem.hpp"

namespace capos::cli {

struct ImageFile {
  std::filesystem::path file;
  std::uint64_t bytes = 0;
  std::string sha256;  // hexadecimal
};
struct ImagePart {
  std::string of, name;  // "kernel" and a section, "boot pack" and a program or "manifest and the rest"
  std::uint64_t bytes = 0;
};
struct Image {
  std::vector<ImageFile> files;
  std::vector<ImagePart> parts;
};

// Writes `directory`/capos.elf, the kernel without symbols, and with `iso` capos.iso, beside the boot.pack that lies
// there. Errors: a tool is missing or fails.
[[nodiscard]] Outcome<Image> make_image(const Paths& paths, const std::filesystem::path& directory, bool iso);

// Sections that are loaded, from `size -A -d`, in its order.
[[nodiscard]] std::vector<ImagePart> kernel_parts(const std::string& size_text);

// For people; and {files: [{name, bytes, sha256}], parts: [{of, name, bytes}]}. Both end with a newline.
[[nodiscard]] std::string render_image_table(const Image& image);
[[nodiscard]] std::string render_image_json(const Image& image);

}  // namespace capos::cli
