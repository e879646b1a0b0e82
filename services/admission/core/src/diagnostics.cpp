// SPDX-License-Identifier: Apache-2.0
#include "capos/admission/diagnostics.hpp"

namespace capos::admission {

void Diagnostics::add(std::string_view path, std::string_view rule, std::string_view message,
                      std::string_view hint) noexcept {
  if (count_ == entries_.size()) {
    ++dropped_;
    return;
  }
  Diagnostic& entry = entries_[count_++];
  entry.path.assign(path);
  entry.rule = rule;
  entry.message.assign(message);
  entry.hint.assign(hint);
}

}  // namespace capos::admission
