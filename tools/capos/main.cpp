// SPDX-License-Identifier: Apache-2.0
// The capos command: parses, runs one verb, reports its problem.
#include <exception>

#include "command_line.hpp"
#include "support/interrupt.hpp"

namespace capos::cli {
namespace {

int run_command(int count, const char* const* words) {
  const auto action = parse_command_line(count, words);
  if (!action) return action.error();
  const auto paths = find_paths();
  if (!paths) return report(paths.error());
  const auto status = (*action)(*paths);
  return status ? *status : report(status.error());
}

}  // namespace
}  // namespace capos::cli

int main(int count, char** words) {
  capos::cli::catch_interrupts();
  try {
    return capos::cli::run_command(count, words);
  } catch (const std::exception& error) {  // out of memory, and the like
    return capos::cli::report({error.what(), "report this with the command line that led to it"});
  }
}
