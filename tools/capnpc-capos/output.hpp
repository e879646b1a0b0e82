// SPDX-License-Identifier: Apache-2.0
// Lines of generated text with indentation.
#pragma once

#include <fmt/format.h>

#include <sstream>
#include <string>
#include <string_view>
#include <utility>

namespace capnpc {

class Output {
 public:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    raw(fmt::format(format, std::forward<Args>(args)...));
  }
  void blank() { text_ += '\n'; }
  void raw(std::string_view text) {
    if (!text.empty()) text_.append(indent_, ' ').append(text);
    text_ += '\n';
  }
  // Each line of a documentation comment behind `//`.
  void comment(const std::string& text) {
    std::istringstream lines(text);
    for (std::string one; std::getline(lines, one);) line("// {}", one);
  }
  void indent() { indent_ += 2; }
  void dedent() { indent_ -= 2; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::size_t indent_ = 0;
};

}  // namespace capnpc
