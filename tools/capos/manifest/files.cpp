// SPDX-License-Identifier: Apache-2.0
#include "files.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "../support/files.hpp"
#include "capos/admission/units.hpp"
#include "capos/media/wav.hpp"
#include "capos/schema/manifest.hpp"
#include "pack.hpp"

namespace capos::cli {
namespace fs = std::filesystem;
namespace {

// Whether some media source plays the buffer.
bool is_played(schema::InitConfig::Reader config, std::string_view buffer) {
  for (const auto service : config.services()) {
    if (service.config().which() != schema::ServiceConfig::Which::media || !service.config().media().is_source()) continue;
    for (const auto grant : service.grants()) {
      if (grant.name() == "wav" && grant.which() == schema::Grant::Which::buffer && grant.buffer() == buffer) return true;
    }
  }
  return false;
}

Finding missing(const std::string& place, const Problem& why) {
  return {place, "buffer-file", why.cause, "a file of the build such as \"audio/tune.wav\", or a path relative to the manifest"};
}

void check_wav(const std::string& place, const fs::path& file, std::span<const std::byte> content,
               std::vector<Finding>& findings) {
  const auto wav = media::parse_wav(content);
  if (wav.has_value()) return;
  findings.push_back({place, "wav-file", fmt::format("{} cannot be played: {}", file.filename().string(), media::describe(wav.error())),
                      "16-bit PCM, 48 kHz, one channel or two; for example: sox IN -b 16 -r 48000 -c 2 OUT.wav"});
}

void check_file(const Paths& paths, const std::string& place, const fs::path& directory, schema::InitConfig::Reader config,
                schema::Buffer::Reader buffer, std::vector<Finding>& findings) {
  const auto file = find_buffer_file(paths, directory, buffer);
  if (!file) return findings.push_back(missing(place, file.error()));
  const auto content = read_bytes(*file);
  if (!content) return findings.push_back(missing(place, content.error()));
  const std::uint64_t room = admission::size_bytes(buffer.size()).value_or(0);
  if (content->size() > room) {
    findings.push_back({place, "buffer-file",
                        fmt::format("{} has {} bytes, the buffer '{}' has room for {}", file->filename().string(),
                                    content->size(), buffer.name(), room),
                        fmt::format("size = (kib = {})", (content->size() + 1023) / 1024)});
  }
  if (is_played(config, buffer.name())) check_wav(place, *file, *content, findings);
}

}  // namespace

std::vector<Finding> check_files(const Paths& paths, const CompiledFile& file) {
  std::vector<Finding> findings;
  const auto config = file.message.root<schema::SystemManifest>().init_config();
  std::error_code ignored;
  const fs::path directory = fs::absolute(file.shown, ignored).parent_path();
  std::uint32_t index = 0;
  for (const auto buffer : config.buffers()) {
    const std::string place = file.place(fmt::format("initConfig.buffers[{}].file", index++));
    if (!buffer.file().empty()) check_file(paths, place, directory, config, buffer, findings);
  }
  return findings;
}

}  // namespace capos::cli
