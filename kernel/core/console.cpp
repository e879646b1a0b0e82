// SPDX-License-Identifier: Apache-2.0
#include "core/console.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "capos/hal/machine.hpp"
#include "core/spin_lock.hpp"

namespace capos::kernel {
namespace {

struct Stream {
  std::array<char, kConsoleRoom> bytes{};
  ConsolePlace in = 0, out = 0;  // byte n of the stream lies at n % kConsoleRoom

  // The next bytes that lie together.
  [[nodiscard]] std::string_view next(std::size_t most) const noexcept {
    const std::size_t at = out % kConsoleRoom;
    return {bytes.data() + at, std::min({most, kConsoleRoom - at, static_cast<std::size_t>(in - out)})};
  }
};

constinit Locked<Stream, LockRank::console> g_stream;

}  // namespace

bool console_put(std::string_view text, ConsolePlace& end) noexcept {
  auto stream = g_stream.lock();
  if (text.size() > kConsoleRoom - (stream->in - stream->out)) return false;
  const std::size_t at = stream->in % kConsoleRoom, first = std::min(text.size(), kConsoleRoom - at);
  std::memcpy(stream->bytes.data() + at, text.data(), first);
  std::memcpy(stream->bytes.data(), text.data() + first, text.size() - first);
  stream->in += text.size();
  end = stream->in;
  return true;
}

bool console_step(ConsolePlace end) noexcept {
  auto stream = g_stream.lock();
  const std::string_view piece = stream->next(kConsoleStep);
  hal::console_write(piece);
  stream->out += piece.size();
  return stream->out >= end;
}

void console_flush() noexcept {
  Stream& stream = g_stream.unlocked();
  for (std::string_view piece = stream.next(kConsoleRoom); !piece.empty(); piece = stream.next(kConsoleRoom)) {
    stream.out += piece.size();
    hal::console_write(piece);
  }
}

}  // namespace capos::kernel
