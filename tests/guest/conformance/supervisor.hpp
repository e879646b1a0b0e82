// SPDX-License-Identifier: Apache-2.0
// A thread of the conformance program that supervises: it keeps what it is told, and answers when and as it is let.
#pragma once

#include <optional>

#include "capos/runtime/thread.hpp"
#include "harness.hpp"

namespace conformance {

using schema::FaultAction;
using schema::ThreadFault;

class Supervisor {
 public:
  using Message = schema::FaultHandler::Fault::Params::Value;
  using Answer = schema::FaultHandler::Fault::Results::Value;

  explicit Supervisor(Guest& guest) noexcept;
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  [[nodiscard]] explicit operator bool() const noexcept { return thread_.has_value(); }
  [[nodiscard]] abi::CapId client() const noexcept { return service_.client.cap(); }
  // Until fault number `index` (from 0) has been told; nothing after a while.
  [[nodiscard]] bool told(std::uint64_t index) noexcept;
  [[nodiscard]] const Message& message() const noexcept { return message_; }
  [[nodiscard]] std::uint64_t caller() const noexcept { return caller_; }
  // Answers the fault at hand.
  void answer(const Answer& answer, std::uint64_t exception = 0) noexcept;
  void answer(FaultAction action) noexcept { answer(Answer{.action = action}); }
  // How often an answer was refused as invalidMessage.
  [[nodiscard]] std::uint64_t refusals() const noexcept { return __atomic_load_n(&refusals_, __ATOMIC_ACQUIRE); }
  [[nodiscard]] bool refused_again(std::uint64_t before) noexcept;
  // Ends it with the fault open.
  void kill() noexcept { (void)thread_->capability()->kill(); }

 private:
  static void run(void* self);
  Guest& guest_;
  Service service_;
  std::uint64_t told_ = 0, answered_ = 0, refusals_ = 0;
  Message message_{};
  Answer answer_{};
  std::uint64_t caller_ = 0, exception_ = 0;
  std::optional<runtime::Thread> thread_;
};

}  // namespace conformance
