// SPDX-License-Identifier: Apache-2.0
// A plug-in of `capnp compile`: reads a CodeGeneratorRequest from standard input and writes, below the
// current directory, capos/schema/NAME.hpp and docs/reference/NAME.md for each requested file.
//
// Exit code: 0, or 1 with one line on standard error.
#include <capnp/serialize.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>

#include "emit.hpp"

namespace {

// Creates directories as needed.
void write_file(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

void generate() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = std::numeric_limits<std::uint64_t>::max();
  capnp::StreamFdMessageReader message(STDIN_FILENO, options);
  const auto request = message.getRoot<capnp::schema::CodeGeneratorRequest>();
  const capnpc::Model model(request);
  for (const auto file : request.getRequestedFiles()) {
    const std::string name = capnpc::base_name(file.getFilename().cStr());
    write_file("capos/schema/" + name + ".hpp", capnpc::make_header(model, file));
    write_file("docs/reference/" + name + ".md", capnpc::make_reference(model, file));
  }
}

}  // namespace

int main() {
  try {
    generate();
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "capnpc-capos: {}\n", error.what());
  } catch (const kj::Exception& error) {
    fmt::print(stderr, "capnpc-capos: {}\n", error.getDescription().cStr());
  }
  return 1;
}
