// SPDX-License-Identifier: Apache-2.0
#include "files.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace capos::cli {
namespace fs = std::filesystem;
namespace {

std::unexpected<Problem> cannot(const char* verb, const fs::path& file, const char* remedy) {
  const int error = errno;
  return problem(std::string("cannot ") + verb + " " + file.string() +
                     (error != 0 ? std::string(": ") + std::strerror(error) : std::string()),
                 remedy);
}

}  // namespace

Outcome<std::string> read_text(const fs::path& file) {
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in || fs::is_directory(file)) return cannot("read", file, "check the name and its permissions");
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad()) return cannot("read", file, "check the disk");
  return text;
}

Outcome<std::vector<std::byte>> read_bytes(const fs::path& file) {
  const auto text = read_text(file);
  if (!text) return std::unexpected(text.error());
  const auto bytes = std::as_bytes(std::span(*text));
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

Outcome<void> write_text(const fs::path& file, std::string_view text) {
  return write_bytes(file, std::as_bytes(std::span(text)));
}

Outcome<void> write_bytes(const fs::path& file, std::span<const std::byte> bytes) {
  errno = 0;
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) return cannot("write", file, "check that the directory exists, is writable and has room");
  return {};
}

Outcome<void> make_directory(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) {
    return problem("cannot make the directory " + directory.string() + ": " + error.message(),
                   "check its parent's permissions");
  }
  return {};
}

}  // namespace capos::cli
