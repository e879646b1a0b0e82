// SPDX-License-Identifier: Apache-2.0
// A certificate as a message again, in portions: what was read of one and checked, each text and list once, and nothing else.
#pragma once

#include <optional>

#include "islands/certificate_wire.hpp"

namespace capos::kernel {

class CertificateWriting {
 public:
  // Begins a message in those words, which are zero.
  void begin(std::span<wire::Word> words) noexcept { message_.emplace(words); part_ = Part::frame; }
  // The next portion, of a certificate that stays the same: true if it is written. If it has no room, ok() says so.
  [[nodiscard]] bool step(const sched::Certificate& certificate, std::uint32_t index, bool slack) noexcept;
  [[nodiscard]] bool ok() const noexcept { return message_->error() == wire::Error::none; }
  [[nodiscard]] std::span<const wire::Word> words() const noexcept { return message_->words(); }

 private:
  enum class Part : std::uint8_t { frame, tasks, chains, calls, interrupts, whole };
  void write_frame(const sched::Certificate& certificate, std::uint32_t index, bool slack) noexcept;
  template <typename Write>
  void write_some(std::size_t count, Write&& write) noexcept;

  std::optional<wire::MessageBuilder> message_;
  Part part_ = Part::frame;
  std::uint32_t next_ = 0;
};

}  // namespace capos::kernel
