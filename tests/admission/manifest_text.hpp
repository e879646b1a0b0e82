// SPDX-License-Identifier: Apache-2.0
// Manifests for tests: Cap'n Proto text, compiled by the stock compiler, read by our codec.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "capos/schema/bootpack.hpp"
#include "capos/schema/manifest.hpp"
#include "capos/wire/message.hpp"

namespace capos::test {

// A compiled constant. Throws std::runtime_error with the compiler's words if the text is wrong.
class Compiled {
 public:
  // The constant `name` of `path`, relative to the source tree.
  static Compiled file(const std::string& path, const std::string& name);
  // "(schemaVersion = 1, ...)" as a value of `type`: M. is manifest.capnp, U. units.capnp.
  static Compiled value(const std::string& text, const std::string& type = "M.SystemManifest");

  // A reader that lives as long as this object. Each call starts with a fresh traversal limit.
  template <typename Schema>
  typename Schema::Reader root() {
    readers_.push_back(std::make_unique<wire::MessageReader>(words()));
    return readers_.back()->root<Schema>();
  }
  schema::SystemManifest::Reader manifest() { return root<schema::SystemManifest>(); }
  std::span<const wire::Word> words() const { return words_; }

 private:
  explicit Compiled(std::vector<wire::Word> words) : words_(std::move(words)) {}
  std::vector<wire::Word> words_;  // one segment
  std::vector<std::unique_ptr<wire::MessageReader>> readers_;
};

// A small valid manifest: plant and controller on CPU 1 of two, joined by the passive server
// "actuator.drive", a best-effort service "noise" on CPU 0. Every `from` in `edits` is replaced by its `to`,
// once; it must occur.
struct Edit {
  std::string_view from;
  std::string_view to;
};
std::string small_manifest(std::initializer_list<Edit> edits = {});

}  // namespace capos::test
