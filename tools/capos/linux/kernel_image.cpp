// SPDX-License-Identifier: Apache-2.0
#include "kernel_image.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "../support/files.hpp"

namespace capos::cli {
namespace fs = std::filesystem;
namespace {

constexpr const char* kMetaPackage = "linux-image-rt-amd64";
constexpr std::chrono::minutes kFetchLimit{20};

Outcome<Captured> apt(std::vector<std::string> words, const fs::path& directory, const Environment& environment) {
  SpawnOptions options;
  options.directory = directory;
  options.environment = environment;
  options.environment.emplace_back("LC_ALL", "C.UTF-8");
  return capture(words, kFetchLimit, options);
}

std::string last_error(const std::string& text) {
  const auto at = text.rfind("E: ");
  return at == std::string::npos ? "apt-get says nothing of it" : text.substr(at, text.find('\n', at) - at);
}

bool update(const fs::path& directory, const Environment& environment) {
  std::vector<std::string> words{"apt-get", "-q", "-o", "APT::Update::Error-Mode=any", "update"};
  if (geteuid() != 0) words.insert(words.begin(), {"sudo", "-n"});
  const auto run = apt(words, directory, environment);
  return run && run->state.exited(0);
}

std::string resolve(const fs::path& directory, const Environment& environment) {
  const auto run = apt({"apt-cache", "show", "--no-all-versions", kMetaPackage}, directory, environment);
  return run ? image_package(run->out) : "";
}

std::optional<fs::path> package_file(const fs::path& directory) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("linux-image-") && name.find("-rt-amd64_") != std::string::npos && name.ends_with(".deb")) return entry.path();
  }
  return std::nullopt;
}

std::unexpected<Problem> out_of_reach(const fs::path& directory, const std::string& package, const std::string& why) {
  return problem(fmt::format("Debian's PREEMPT_RT kernel (package {}) is not here: {}", package, why),
                 fmt::format("with a network: apt-get update, then the same command again; without one: put {}_*.deb, fetched "
                             "elsewhere by apt-get download, into {}",
                             package, directory.string()));
}

Outcome<fs::path> fetch(const fs::path& directory, const Environment& environment) {
  const char* const forbidden = std::getenv("CAPOS_NO_INSTALL");
  if (forbidden != nullptr && *forbidden != '\0') return out_of_reach(directory, kMetaPackage, "CAPOS_NO_INSTALL forbids to fetch it");
  std::string package = resolve(directory, environment), said;
  for (const bool again : {false, true}) {
    if (again) {
      if (!update(directory, environment)) said += "\nE: apt-get update did not succeed";
      package = resolve(directory, environment);
    }
    if (package.empty()) continue;
    fmt::print(stderr, "capos: fetching Debian's {} (unpacked here, not installed)\n", package);
    const auto run = apt({"apt-get", "-q", "download", package}, directory, environment);
    if (!run) return std::unexpected(run.error());
    if (run->state.exited(0)) break;
    said = run->err;
  }
  const auto file = package_file(directory);
  if (file) return *file;
  return out_of_reach(directory, package.empty() ? kMetaPackage : package, last_error(said));
}

// "NAME_VERSION_amd64.deb" as "NAME VERSION"; apt writes ':' as "%3a".
std::string package_of(const fs::path& file) {
  const std::string name = file.stem().string();
  const auto first = name.find('_');
  return name.substr(0, first) + " " + name.substr(first + 1, name.rfind('_') - first - 1);
}

Outcome<void> unpack(const fs::path& package, const fs::path& directory) {
  const auto run = capture({"sh", "-c", "set -e; dpkg-deb --fsys-tarfile \"$1\" | tar -xf - -C \"$2\" --wildcards './boot/vmlinuz-*'; "
                            "mv \"$2\"/boot/vmlinuz-* \"$2/vmlinuz\"; rm -r \"$2/boot\"", "sh", package.string(), directory.string()});
  if (!run) return std::unexpected(run.error());
  if (run->state.exited(0)) return {};
  return problem(fmt::format("cannot unpack {}: {}", package.string(), run->err.substr(0, run->err.find('\n'))),
                 "remove it, so that it is fetched again; check that the disk has room");
}

// The xz stream in a bzImage (Documentation/arch/x86/boot.rst of Linux: setup_sects, payload_offset, payload_length); empty if
// there is none.
std::span<const std::byte> payload_of(std::span<const std::byte> image) {
  constexpr std::size_t kSectors = 0x1f1, kMagic = 0x202, kOffset = 0x248, kLength = 0x24c, kHeader = 0x250, kSector = 512;
  constexpr unsigned char kXz[] = {0xfd, '7', 'z', 'X', 'Z', 0};
  if (image.size() < kHeader || std::memcmp(&image[kMagic], "HdrS", 4) != 0) return {};
  std::uint32_t offset = 0, length = 0;
  std::memcpy(&offset, &image[kOffset], sizeof offset);
  std::memcpy(&length, &image[kLength], sizeof length);
  const std::size_t start = (std::to_integer<std::size_t>(image[kSectors]) + 1) * kSector + offset;
  if (start > image.size() || length > image.size() - start || length < sizeof kXz) return {};
  const auto payload = image.subspan(start, length);
  return std::memcmp(payload.data(), kXz, sizeof kXz) == 0 ? payload : std::span<const std::byte>{};
}

// `image` uncompressed, where it is compressed by xz; else `image` itself.
Outcome<fs::path> uncompressed(const fs::path& image) {
  const fs::path elf = image.parent_path() / "vmlinux", packed = image.parent_path() / "vmlinux.xz";
  std::error_code ignored;
  if (fs::exists(elf, ignored)) return elf;
  const auto bytes = read_bytes(image);
  if (!bytes) return std::unexpected(bytes.error());
  const auto payload = payload_of(*bytes);
  if (payload.empty()) return image;
  if (auto done = write_bytes(packed, {payload.begin(), payload.end()}); !done) return std::unexpected(done.error());
  const auto run = capture({"sh", "-c", "xz -dc --single-stream \"$1\" >\"$2.new\" && mv \"$2.new\" \"$2\"; status=$?; rm \"$1\"; exit $status", "sh",
                            packed.string(), elf.string()});
  if (!run) return std::unexpected(run.error());
  if (run->state.exited(0)) return elf;
  return problem(fmt::format("cannot uncompress {}: {}", image.string(), run->err.substr(0, run->err.find('\n'))),
                 "apt-get install --no-install-recommends xz-utils; check that the disk has room");
}

Outcome<KernelImage> unpacked(const fs::path& image, const std::string& package) {
  const auto file = uncompressed(image);
  if (!file) return std::unexpected(file.error());
  return KernelImage{*file, package};
}

}  // namespace

std::string image_package(const std::string& apt_text) {
  constexpr std::string_view kField = "\nDepends: ";
  const std::string text = "\n" + apt_text;
  const auto field = text.find(kField);
  if (field == std::string::npos) return "";
  const std::string line = text.substr(field + kField.size(), text.find('\n', field + 1) - field - kField.size());
  const auto at = line.find("linux-image-");
  return at == std::string::npos ? "" : line.substr(at, line.find_first_of(" ,", at) - at);
}

Outcome<KernelImage> find_kernel_image(const fs::path& directory, const Environment& environment) {
  if (auto made = make_directory(directory); !made) return std::unexpected(made.error());
  const fs::path image = directory / "vmlinuz", note = directory / "package.txt";
  std::error_code ignored;
  if (const auto package = read_text(note); package && fs::exists(image, ignored)) return unpacked(image, package->substr(0, package->find('\n')));
  auto file = package_file(directory);
  if (!file) {
    const auto fetched = fetch(directory, environment);
    if (!fetched) return std::unexpected(fetched.error());
    file = *fetched;
  }
  if (auto done = unpack(*file, directory); !done) return std::unexpected(done.error());
  const std::string package = package_of(*file);
  fs::remove(*file, ignored);
  if (auto done = write_text(note, package + "\n"); !done) return std::unexpected(done.error());
  return unpacked(image, package);
}

}  // namespace capos::cli
