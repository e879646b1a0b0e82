// SPDX-License-Identifier: Apache-2.0
// Fills an IslandModel, one island behind the other; nothing goes over the ends of its arrays.
#pragma once

#include <optional>

#include "capos/admission/model.hpp"
#include "capos/admission/units.hpp"

namespace capos::admission {

class ModelWriter {
 public:
  // Empties the model.
  ModelWriter(IslandModel& model, const Overheads& overheads) noexcept;

  [[nodiscard]] IslandModel& model() noexcept { return model_; }
  // The next island; what follows is its. Errors: overflow, as of all below.
  [[nodiscard]] ResultOf<Member*, UnitError> begin(std::string_view name, std::uint32_t cpus) noexcept;
  [[nodiscard]] Member& member() noexcept { return model_.members[model_.view.islands.size() - 1]; }
  // The model is about the last island that was begun.
  void about_this(sched::Policy policy) noexcept;

  [[nodiscard]] ResultOf<sched::TaskModel*, UnitError> task() noexcept;
  [[nodiscard]] ResultOf<sched::ChainModel*, UnitError> chain() noexcept;
  [[nodiscard]] ResultOf<std::span<std::uint16_t>, UnitError> hops(std::size_t count) noexcept;
  [[nodiscard]] ResultOf<sched::ServerCall*, UnitError> call(std::string_view server) noexcept;
  [[nodiscard]] ResultOf<sched::InterruptSource*, UnitError> interrupt() noexcept;

 private:
  IslandModel& model_;
  std::size_t hops_ = 0;
};

// Those of `standing` that share CPUs with `cpus`, directly or through others, but for the one called `except`. Returns the
// least number that none of their servers has; nothing if they do not fit.
[[nodiscard]] std::optional<std::uint16_t> add_standing(std::span<const schema::IslandCertificate::Reader> standing,
                                                        std::string_view except, std::uint32_t cpus,
                                                        ModelWriter& writer) noexcept;

}  // namespace capos::admission
