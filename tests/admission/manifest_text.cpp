// SPDX-License-Identifier: Apache-2.0
#include "manifest_text.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace capos::test {
namespace {

std::vector<wire::Word> run(const std::string& command) {
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run: " + command);
  std::string bytes;
  std::array<char, 4096> chunk;
  for (std::size_t got = 0; (got = fread(chunk.data(), 1, chunk.size(), pipe)) > 0;)
    bytes.append(chunk.data(), got);
  if (pclose(pipe) != 0) throw std::runtime_error("failed: " + command + "\n" + bytes);
  std::vector<wire::Word> words(bytes.size() / sizeof(wire::Word));
  std::memcpy(words.data(), bytes.data(), words.size() * sizeof(wire::Word));
  return words;
}

std::vector<wire::Word> evaluate(const std::string& path, const std::string& name) {
  return run(CAPOS_CAPNP " eval --flat -I" CAPOS_SOURCE_DIR "/schema " + path + " " + name + " 2>&1");
}

constexpr std::string_view kSmall = R"((
  schemaVersion = 1,
  kernelParams = (cpus = 2),
  binaries = [
    (name = "init", path = "services/init"),
    (name = "plant", path = "services/plant"),
    (name = "controller", path = "services/controller"),
    (name = "actuator", path = "services/actuator"),
    (name = "load", path = "services/load"),
  ],
  initConfig = (
    init = "init",
    buffers = [(name = "sensor", size = (kib = 16))],
    services = [
      (name = "plant", binary = "plant", grants = [(name = "sensor", buffer = "sensor")]),
      (name = "controller", binary = "controller",
       grants = [(name = "sensor", buffer = "sensor"), (name = "actuator", from = "actuator.drive")]),
      (name = "actuator", binary = "actuator", passive = true, exports = [(name = "drive", interface = 7)]),
      (name = "noise", binary = "load", grants = [(name = "clock", kernel = timer)]),
    ],
    islands = [(
      name = "balance",
      cpus = [1],
      tasks = [
        (name = "simulate", service = "plant", period = (ms = 1), budget = (us = 80)),
        (name = "control", service = "controller", period = (ms = 1), budget = (us = 120),
         calls = [(server = "actuator.drive", wcet = (us = 15))]),
      ],
      chains = [(name = "angle-to-force", path = ["simulate", "control"], bound = (us = 1500))],
    )],
  ),
))";

}  // namespace

Compiled Compiled::file(const std::string& path, const std::string& name) {
  return Compiled(evaluate(CAPOS_SOURCE_DIR "/" + path, name));
}

Compiled Compiled::value(const std::string& text, const std::string& type) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("capos-test-" + std::to_string(getpid()) + ".capnp");
  std::ofstream(path)
      << "@0xf1f2f3f4f5f6f7f8;\nusing M = import \"/capos/manifest.capnp\";\nusing U = import "
         "\"/capos/units.capnp\";\nconst value :"
      << type << " = " << text << ";\n";
  auto words = evaluate(path.string(), "value");
  std::filesystem::remove(path);
  return Compiled(std::move(words));
}

std::string small_manifest(std::initializer_list<Edit> edits) {
  std::string text(kSmall);
  for (const Edit& edit : edits) {
    const std::size_t at = text.find(edit.from);
    if (at == std::string::npos) throw std::runtime_error("nothing to replace: " + std::string(edit.from));
    text.replace(at, edit.from.size(), edit.to);
  }
  return text;
}

}  // namespace capos::test
