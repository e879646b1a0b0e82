// SPDX-License-Identifier: Apache-2.0
// A child's means, and the roles by subject.
#pragma once

#include "capos/runtime/mapping.hpp"
#include "capos/runtime/runtime.hpp"
#include "roles.hpp"

namespace conformance {

using namespace capos;

class Child {
 public:
  explicit Child(runtime::Runtime& own) noexcept : runtime(own) {}
  runtime::Runtime& runtime;
  [[nodiscard]] Role role() const noexcept {
    return static_cast<Role>(runtime.number() & ((1u << kRoleBits) - 1));
  }
  [[nodiscard]] std::uint32_t argument() const noexcept {
    return static_cast<std::uint32_t>(runtime.number() >> kRoleBits);
  }
  [[nodiscard]] std::uint64_t now() const noexcept {
    const auto time = runtime.need<schema::Timer>("timer")->now();
    return time.has_value() ? time->ns : 0;
  }
  void sleep(std::uint64_t ns) const noexcept {
    (void)runtime.need<schema::Timer>("timer")->sleep_until(now() + ns);
  }
  // Computes until the time has come, letting the machine's other CPUs run.
  void compute_until(std::uint64_t time) const noexcept {
    while (now() < time) __builtin_ia32_pause();
  }
  // The page "out".
  [[nodiscard]] std::uint64_t* out() const noexcept {
    return reinterpret_cast<std::uint64_t*>(
        runtime::need_buffer(runtime, "out", runtime::Access::read_write).data());
  }
};

inline void publish(std::uint64_t& word, std::uint64_t value) noexcept {
  __atomic_store_n(&word, value, __ATOMIC_RELEASE);
}

// What a call came to, as an exit code or an answer.
[[nodiscard]] std::uint64_t call_service(const Child& child, std::string_view name, std::uint16_t method,
                                         std::uint64_t a, std::uint64_t b) noexcept;

// The same through the ring.
[[nodiscard]] std::uint64_t call_by_ring(const Child& child, std::string_view name, std::uint16_t method,
                                         std::uint64_t a, std::uint64_t b) noexcept;

// Each returns the exit code.
[[noreturn]] void commit(Fault fault) noexcept;
int drive(const Child& child) noexcept;
int use_timer(const Child& child) noexcept;
int produce(const Child& child) noexcept;
int consume(const Child& child) noexcept;
int use_foreign_end(const Child& child) noexcept;
int serve(const Child& child) noexcept;
int send_note(const Child& child) noexcept;
[[noreturn]] void flood(const Child& child) noexcept;
int check_vectors(const Child& child) noexcept;
int abuse_ring(const Child& child) noexcept;
int submit_to_poller(const Child& child) noexcept;
int serve_by_ring(const Child& child) noexcept;
int use_up_ring(const Child& child) noexcept;
int wait_at_gates(const Child& child) noexcept;
int wait_under_lease(const Child& child) noexcept;
int wait_with_limit(const Child& child) noexcept;
int park_by_ring(const Child& child) noexcept;
int unpark_by_ring(const Child& child) noexcept;
int serve_messages(const Child& child) noexcept;
int run_periodic(const Child& child) noexcept;
int run_hog(const Child& child) noexcept;
int spend(const Child& child) noexcept;
int signal_until_refused(const Child& child) noexcept;
int session_number(const Child& child) noexcept;
int spawn_in_turn(const Child& child) noexcept;
int run_caller_job(const Child& child) noexcept;
int play_threads(const Child& child) noexcept;
int be_crowd(const Child& child) noexcept;
int supervise(const Child& child) noexcept;

}  // namespace conformance
