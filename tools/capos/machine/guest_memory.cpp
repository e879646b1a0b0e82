// SPDX-License-Identifier: Apache-2.0
#include "guest_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "../support/files.hpp"
#include "machine.hpp"

namespace capos::cli {
namespace fs = std::filesystem;
namespace {

constexpr const char* kNote = "machine.pid";

fs::path memory_file(pid_t machine) {
  std::error_code error;
  const fs::path files = fmt::format("/proc/{}/fd", machine);
  for (fs::directory_iterator at(files, error), end; !error && at != end; at.increment(error)) {
    if (fs::read_symlink(at->path(), error).string().starts_with(std::string("/memfd:") + kMemoryBackend)) return at->path();
    error.clear();  // closed meanwhile
  }
  return {};
}

std::unexpected<Problem> not_visible(const std::string& why) {
  return problem("the machine's memory is not visible: " + why, "only who started a machine by ./capos run or demo sees into it, while it runs");
}

}  // namespace

void note_machine(const fs::path& directory, pid_t machine) { (void)write_text(directory / kNote, fmt::format("{}\n", machine)); }

void forget_machine(const fs::path& directory) {
  std::error_code ignored;
  fs::remove(directory / kNote, ignored);
}

Outcome<GuestMemory> GuestMemory::open(const fs::path& directory) {
  const auto note = read_text(directory / kNote);
  pid_t machine = 0;
  if (!note || std::from_chars(note->data(), note->data() + note->size(), machine).ec != std::errc{} || machine <= 0) {
    return not_visible("no process is noted in " + directory.string());
  }
  const fs::path file = memory_file(machine);
  if (file.empty()) return not_visible(fmt::format("process {} shows none", machine));
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return not_visible(std::strerror(errno));
  struct stat status {};
  const bool known = fstat(descriptor, &status) == 0 && status.st_size > 0;
  void* const data = known ? mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_SHARED, descriptor, 0) : MAP_FAILED;
  if (data == MAP_FAILED) {
    const int error = errno;
    close(descriptor);
    return not_visible(std::strerror(error));
  }
  return GuestMemory(descriptor, static_cast<const std::byte*>(data), static_cast<std::size_t>(status.st_size));
}

GuestMemory::GuestMemory(GuestMemory&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}

GuestMemory& GuestMemory::operator=(GuestMemory&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

GuestMemory::~GuestMemory() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
  if (descriptor_ >= 0) close(descriptor_);
}

// Holes are skipped: a look there would give them pages.
void GuestMemory::for_each_touched(const std::function<void(std::span<const std::byte>, std::uint64_t)>& visit) const {
  const auto size = static_cast<off_t>(size_);
  for (off_t from = lseek(descriptor_, 0, SEEK_DATA); from >= 0 && from < size;) {
    const off_t to = std::min(lseek(descriptor_, from, SEEK_HOLE), size);
    if (to <= from) return;
    visit({data_ + from, static_cast<std::size_t>(to - from)}, static_cast<std::uint64_t>(from));
    from = lseek(descriptor_, to, SEEK_DATA);
  }
}

}  // namespace capos::cli
