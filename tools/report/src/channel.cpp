// SPDX-License-Identifier: Apache-2.0
#include "capos/report/channel.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

namespace capos::report {
namespace {

using abi::HostChannelHeader;
using abi::HostCpuCounters;

std::unexpected<ChannelFailure> failure(ChannelError error, std::string text) {
  return std::unexpected(ChannelFailure{error, std::move(text)});
}

std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) noexcept { return a + b < a ? ~0ull : a + b; }

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

std::uint64_t ChannelSnapshot::lost_in_all() const noexcept {
  std::uint64_t lost = dropped;
  for (const CpuCounters& cpu : cpus) lost = saturating_add(lost, cpu.lost_events);
  return lost;
}

ChannelFile::ChannelFile(const std::byte* data, std::size_t size, std::string name) noexcept
    : data_(data), size_(size), name_(std::move(name)) {}

ChannelFile::ChannelFile(ChannelFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      name_(std::move(other.name_)) {}

ChannelFile& ChannelFile::operator=(ChannelFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(name_, other.name_);
  return *this;
}

ChannelFile::~ChannelFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

ResultOf<ChannelFile, ChannelFailure> ChannelFile::open(const std::filesystem::path& path) {
  const std::string name = path.string();
  const Descriptor file{::open(name.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status {};
  if (file.fd < 0 || ::fstat(file.fd, &status) != 0) {
    return failure(ChannelError::cannot_open, fmt::format("{}: {}", name, std::strerror(errno)));
  }
  if (!S_ISREG(status.st_mode))
    return failure(ChannelError::cannot_open, fmt::format("{}: not a file", name));
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size < abi::kHostEventsOffset) {
    return failure(ChannelError::too_small, fmt::format("{}: {} bytes, a channel has at least {}", name, size,
                                                        abi::kHostEventsOffset));
  }
  void* const data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd, 0);
  if (data == MAP_FAILED) {
    return failure(ChannelError::cannot_open, fmt::format("{}: {}", name, std::strerror(errno)));
  }
  return ChannelFile(static_cast<const std::byte*>(data), size, name);
}

std::uint64_t ChannelFile::load(std::size_t offset) const noexcept {
  // Acquire: events are read only after the count that covers them.
  return __atomic_load_n(reinterpret_cast<const std::uint64_t*>(data_ + offset), __ATOMIC_ACQUIRE);
}

ResultOf<ChannelSnapshot, ChannelFailure> ChannelFile::snapshot() const {
  const std::uint64_t magic = load(offsetof(HostChannelHeader, magic));
  if (magic == 0)
    return failure(ChannelError::not_ready, name_ + ": the guest has not opened the channel yet");
  if (magic != abi::kHostChannelMagic)
    return failure(ChannelError::bad_magic, name_ + ": not a host channel");

  const std::uint64_t version_state = load(offsetof(HostChannelHeader, version));
  const auto version = static_cast<std::uint32_t>(version_state);
  const auto state = static_cast<std::uint32_t>(version_state >> 32);
  if (version != 1) {
    return failure(ChannelError::bad_version, fmt::format("{}: version {}, known is 1", name_, version));
  }
  if (state > static_cast<std::uint32_t>(RunState::finished)) {
    return failure(ChannelError::bad_state, fmt::format("{}: run state {} is none", name_, state));
  }

  ChannelSnapshot result;
  result.state = static_cast<RunState>(state);
  result.capacity = load(offsetof(HostChannelHeader, capacity));
  const std::uint64_t room = (size_ - abi::kHostEventsOffset) / abi::kTraceEventBytes;
  if (result.capacity == 0 || result.capacity > room) {
    return failure(ChannelError::bad_capacity,
                   fmt::format("{}: capacity {}, the file holds {}", name_, result.capacity, room));
  }
  result.written = load(offsetof(HostChannelHeader, written));
  if (result.written > result.capacity) {
    return failure(ChannelError::bad_written, fmt::format("{}: {} events written into room for {}", name_,
                                                          result.written, result.capacity));
  }
  const auto cpus = static_cast<std::uint32_t>(load(offsetof(HostChannelHeader, cpus)));
  if (cpus == 0 || cpus > kMaxCpus)
    return failure(ChannelError::bad_cpus, fmt::format("{}: {} CPUs", name_, cpus));
  load_counters(result, cpus);
  return result;
}

void ChannelFile::load_counters(ChannelSnapshot& result, std::uint32_t cpus) const {
  result.dropped = load(offsetof(HostChannelHeader, dropped));
  result.now_ns = load(offsetof(HostChannelHeader, now_ns));
  result.islands_start_ns = load(offsetof(HostChannelHeader, islands_start_ns));
  result.features = load(offsetof(HostChannelHeader, features));
  result.tsc_hz = load(offsetof(HostChannelHeader, tsc_hz));
  result.cpus.resize(cpus);
  for (std::uint32_t i = 0; i < cpus; ++i) {
    const std::size_t base = offsetof(HostChannelHeader, per_cpu) + i * sizeof(HostCpuCounters);
    CpuCounters& cpu = result.cpus[i];
    for (std::size_t k = 0; k < abi::kInterruptCauses; ++k) {
      cpu.interrupts[k] = load(base + offsetof(HostCpuCounters, interrupts) + k * 8);
      cpu.interrupts_island[k] = load(base + offsetof(HostCpuCounters, interrupts_island) + k * 8);
    }
    cpu.idle_ns = load(base + offsetof(HostCpuCounters, idle_ns));
    cpu.context_switches = load(base + offsetof(HostCpuCounters, context_switches));
    cpu.lost_events = load(base + offsetof(HostCpuCounters, lost_events));
  }
}

ResultOf<std::uint64_t, ChannelFailure> ChannelFile::read_events(std::uint64_t from,
                                                                 std::vector<Event>& out) const {
  const ChannelSnapshot header = TRY(snapshot());
  if (from < header.written) out.reserve(out.size() + (header.written - from));
  for (std::uint64_t i = from; i < header.written; ++i) {
    std::array<std::uint64_t, 8> words{};
    for (std::size_t k = 0; k < words.size(); ++k) {
      words[k] = load(abi::kHostEventsOffset + i * abi::kTraceEventBytes + k * 8);
    }
    out.push_back(Event::from_words(words));
  }
  return header.written;
}

ResultOf<Recording, ChannelFailure> read_recording(const std::filesystem::path& path) {
  const ChannelFile file = TRY(ChannelFile::open(path));
  Recording recording;
  const std::uint64_t written = TRY(file.read_events(0, recording.events));
  const auto is_event = [](const Event& event) { return event.kind != Kind::block; };
  const auto first_block = std::stable_partition(recording.events.begin(), recording.events.end(), is_event);
  recording.blocks.assign(first_block, recording.events.end());
  recording.events.erase(first_block, recording.events.end());
  recording.header = TRY(file.snapshot());
  recording.header.written = written;
  return recording;
}

std::size_t channel_bytes_for(std::uint64_t events) noexcept {
  constexpr std::uint64_t kLeast = 1u << 20, kMost = std::uint64_t{1} << 40;
  if (events > kMost / abi::kTraceEventBytes) return kMost;
  const std::uint64_t bytes = abi::kHostEventsOffset + events * abi::kTraceEventBytes;
  return bytes < kLeast ? kLeast : std::bit_ceil(bytes);
}

}  // namespace capos::report
