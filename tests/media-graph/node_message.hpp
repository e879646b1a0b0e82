// SPDX-License-Identifier: Apache-2.0
// A node's configuration as its program reads it.
#pragma once

#include <array>

#include "capos/schema/media.hpp"

namespace capos::media {

class NodeMessage {
 public:
  // fill(schema::NodeConfig::Builder)
  template <typename Fill>
  explicit NodeMessage(Fill&& fill) : message_(std::span(words_)) {
    fill(message_.init_root<schema::NodeConfig>());
  }
  NodeMessage(const NodeMessage&) = delete;
  NodeMessage& operator=(const NodeMessage&) = delete;
  [[nodiscard]] schema::NodeConfig::Reader config() {
    reader_.emplace(message_.words());
    return reader_->root<schema::NodeConfig>();
  }

 private:
  std::array<wire::Word, 64> words_{};
  wire::MessageBuilder message_;
  std::optional<wire::MessageReader> reader_;
};

}  // namespace capos::media
