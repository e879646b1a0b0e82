// SPDX-License-Identifier: Apache-2.0
// The file behind the host channel, which the guest writes: any bytes, read by the host's reader, then analysed.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "capos/report/channel.hpp"

namespace {

// A file in memory, with a path.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(memfd_create("channel", 0)), path_("/proc/self/fd/" + std::to_string(descriptor_)) {
    if (descriptor_ < 0) std::abort();
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(descriptor_); }
  void hold(const std::uint8_t* data, std::size_t size) const {
    if (ftruncate(descriptor_, static_cast<off_t>(size)) != 0) std::abort();
    if (pwrite(descriptor_, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  int descriptor_;
  std::string path_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MemoryFile file;
  file.hold(data, size);
  const auto recording = capos::report::read_recording(file.path());
  if (!recording.has_value()) return recording.error().text.find('\n') == std::string::npos ? 0 : (std::abort(), 0);
  if (recording->header.written > recording->header.capacity) std::abort();
  if (recording->events.size() != recording->header.written) std::abort();
  return 0;
}
