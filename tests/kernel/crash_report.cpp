// SPDX-License-Identifier: Apache-2.0
#include "crash_report.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "walk.hpp"

// There under the sanitizers only.
extern "C" [[gnu::weak]] void __sanitizer_set_death_callback(void (*callback)());

namespace capos::ktest {
namespace {

constexpr std::array kSignals = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};

const Chapter* g_chapter = nullptr;
std::uint64_t g_seed = 0;
std::array<struct sigaction, kSignals.size()> g_before;
alignas(16) std::array<std::byte, 64 * 1024> g_stack;  // the walk's own may be what overflowed

void say(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// Allocates nothing: the crash may have come in an allocation.
void say_number(std::uint64_t number) {
  std::array<char, 20> digits;
  std::size_t at = digits.size();
  do digits[--at] = static_cast<char>('0' + number % 10);
  while ((number /= 10) != 0);
  say({digits.data() + at, digits.size() - at});
}

void report() {
  const Chapter* const chapter = std::exchange(g_chapter, nullptr);
  if (chapter == nullptr) return;
  say("\nthe walk has crashed: CAPOS_WALK_SEED=");
  say_number(g_seed);
  say("\n");
  for (const std::string& action : chapter->last()) {
    say("  ");
    say(action);
    say("\n");
  }
}

void on_signal(int number) {
  report();
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    if (kSignals[i] == number) (void)sigaction(number, &g_before[i], nullptr);
  }
  (void)raise(number);  // again when this has returned, as it would have gone
}

void install() {
  static const bool once = [] {
    const stack_t stack{.ss_sp = g_stack.data(), .ss_flags = 0, .ss_size = g_stack.size()};
    (void)sigaltstack(&stack, nullptr);
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      struct sigaction action{};
      action.sa_handler = on_signal;
      action.sa_flags = SA_ONSTACK;
      (void)sigaction(kSignals[i], &action, &g_before[i]);
    }
    if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(report);
    return true;
  }();
  (void)once;
}

}  // namespace

CrashReport::CrashReport(std::uint64_t seed, const Chapter& chapter) {
  install();
  g_seed = seed;
  g_chapter = &chapter;
}

CrashReport::~CrashReport() { g_chapter = nullptr; }

}  // namespace capos::ktest
