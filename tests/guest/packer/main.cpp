// SPDX-License-Identifier: Apache-2.0
// guest_pack OUT MACHINE MANIFEST NAME=ELF...: a boot pack out of encoded MachineParams and SystemManifest,
// with programs. NAME=ELF+BREAKAGE breaks a copy of the ELF first; "+all" adds each breakage as a program of
// its name.
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <fmt/core.h>

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "breakage.hpp"
#include "capos/bootpack.capnp.h"

namespace {

using Bytes = std::vector<unsigned char>;
using namespace capos;

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

kj::Array<capnp::word> read_words(const std::string& path) {
  const Bytes bytes = read_file(path);
  auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
  memcpy(words.begin(), bytes.data(), words.asBytes().size());
  return words;
}

struct Program {
  std::string name;
  Bytes image;
};

void add_program(std::vector<Program>& programs, const std::string& argument) {
  const auto equals = argument.find('=');
  if (equals == std::string::npos) throw std::runtime_error("not NAME=ELF: " + argument);
  const auto plus = argument.find('+', equals);
  const std::string name = argument.substr(0, equals);
  const Bytes image =
      read_file(argument.substr(equals + 1, plus == std::string::npos ? plus : plus - equals - 1));
  if (plus == std::string::npos) {
    programs.push_back({name, image});
  } else if (argument.substr(plus) == "+all") {
    programs.push_back({name, image});
    for (const auto& breakage : guest::breakages())
      programs.push_back({breakage.name, breakage.apply(image)});
  } else {
    programs.push_back({name, guest::broken(argument.substr(plus + 1), image)});
  }
}

// The kernel reads one segment behind the standard framing.
void write_pack(const std::string& path, capnp::MallocMessageBuilder& message) {
  auto words = capnp::canonicalize(message.getRoot<host::BootPack>().asReader());
  std::ofstream file(path, std::ios::binary);
  const std::uint32_t header[2] = {0, static_cast<std::uint32_t>(words.size())};
  file.write(reinterpret_cast<const char*>(header), sizeof header);
  file.write(reinterpret_cast<const char*>(words.begin()),
             static_cast<std::streamsize>(words.asBytes().size()));
  if (!file) throw std::runtime_error("cannot write " + path);
}

void pack(int count, char** arguments) {
  if (count < 4) throw std::runtime_error("usage: guest_pack OUT MACHINE MANIFEST NAME=ELF[+BREAKAGE]...");
  const auto machine_words = read_words(arguments[2]), manifest_words = read_words(arguments[3]);
  const capnp::ReaderOptions options{.traversalLimitInWords = 1u << 28, .nestingLimit = 64};
  capnp::FlatArrayMessageReader machine(machine_words, options), manifest(manifest_words, options);
  std::vector<Program> programs;
  for (int i = 4; i < count; ++i) add_program(programs, arguments[i]);

  capnp::MallocMessageBuilder message;
  auto root = message.initRoot<host::BootPack>();
  root.setMagic(host::BOOT_PACK_MAGIC);
  root.setMachine(machine.getRoot<host::MachineParams>());
  root.setManifest(manifest.getRoot<host::SystemManifest>());
  auto list = root.initPrograms(static_cast<unsigned>(programs.size()));
  for (unsigned i = 0; i < programs.size(); ++i) {
    list[i].setName(programs[i].name);
    list[i].setImage(kj::arrayPtr(programs[i].image.data(), programs[i].image.size()));
  }
  write_pack(arguments[1], message);
}

}  // namespace

int main(int count, char** arguments) {
  try {
    pack(count, arguments);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "guest_pack: {}\n", error.what());
  } catch (const kj::Exception& error) {
    fmt::print(stderr, "guest_pack: {}\n", error.getDescription().cStr());
  }
  return 1;
}
